import pytest
import torch
from metric_cases import CLASSES, panoptic
from torchmetrics.functional.detection import panoptic_quality

from netwright._errors import BadValue
from netwright.metrics.base import Prediction
from netwright.metrics.panoptic import (
    PanopticQuality,
    RecognitionQuality,
    SegmentationQuality,
    panoptic_counts,
)

METRICS = (PanopticQuality, SegmentationQuality, RecognitionQuality)


def theirs(case, *, stuff):
    """PQ, SQ and RQ of each class that is seen."""
    things = {one for one in range(CLASSES) if one not in stuff}
    return panoptic_quality(
        case.prediction.outputs.movedim(1, -1),
        case.targets.movedim(1, -1),
        things=things,
        stuffs=set(stuff),
        return_sq_and_rq=True,
        return_per_class=True,
    ), [*sorted(things), *sorted(stuff)]


@pytest.mark.parametrize("void", [False, True], ids=["whole", "with void"])
@pytest.mark.parametrize("stuff", [(), (0, 2), (3,)], ids=str)
@pytest.mark.filterwarnings("ignore:.*:UserWarning")
def test_is_torchmetrics(stuff, void):
    case = panoptic()
    if not void:
        case.targets[:, 0][case.targets[:, 0] == 255] = 1
    figures, order = theirs(case, stuff=stuff)
    options = {"num_classes": CLASSES, "stuff": stuff, "ignore_index": 255}
    for place, metric in enumerate(METRICS):
        whole = metric(**options)
        whole.update(case.prediction, case.targets)
        each = figures[..., place].flatten()
        assert whole.compute() == pytest.approx(float(each.mean()), abs=1e-6)
        for column, of_class in enumerate(order):
            one = metric(**options, only=(of_class,))
            one.update(case.prediction, case.targets)
            assert one.compute() == pytest.approx(float(each[column]), abs=1e-6)


def picture(*rows):
    """Classes and numbers from words such as `1a`: class 1, thing a."""
    cells = [[(int(word[0]), ord(word[1]) - ord("a")) for word in row.split()] for row in rows]
    return torch.tensor(cells).permute(2, 0, 1)[None]


def counts(answer, target, **options):
    found = panoptic_counts(answer, target, num_classes=2, **options)
    return found.reshape(4, 2).T.tolist()  # of each class: overlap, matched, spurious, missed


def test_hand_worked():
    target = picture("1a 1a 1a 0a", "1b 1b 0a 0a")
    answer = picture("1a 1a 0a 0a", "1a 0b 0b 0b")
    # 1a: 2 of 4 in the union: no more than half, no match. stuff 0: 3 of 3 + 2 − … = 3 / 5
    assert counts(answer, target, stuff=(0,)) == [[3 / 5, 1, 0, 0], [0, 0, 1, 2]]


def test_what_nobody_judged_is_in_no_union_and_excuses_what_lies_in_it():
    target = picture("1a 1a 0a 9a", "9a 9a 9a 9a")
    answer = picture("1a 1a 0a 1a", "1b 1b 0b 0b")
    void = {"ignore_index": 9}
    # 1a: two pixels of two, the third lies in void; 1b and 0b lie there whole
    assert counts(answer, target, **void) == [[1, 1, 0, 0], [1, 1, 0, 0]]


def test_a_crowd_is_neither_missed_nor_found_and_excuses_its_own_class_alone():
    target = picture("1a 1a 1a 1a", "0a 0a 0a 0a")
    target[:, 1, 0] = -1
    inside = picture("1a 1a 1b 1b", "0a 0a 0a 0a")
    other = picture("0b 0b 0b 0b", "0a 0a 0a 0a")
    assert counts(inside, target) == [[1, 1, 0, 0], [0, 0, 0, 0]]
    assert counts(other, target) == [[1, 1, 1, 0], [0, 0, 0, 0]]


def test_answers_may_leave_pixels_open():
    target, answer = picture("1a 1a 1a 1a"), picture("1a 1a 1a 9a")
    assert counts(answer, target, ignore_index=9) == [[0, 0, 0, 0], [3 / 4, 1, 0, 0]]


def test_large_numbers_tell_things_apart_as_small_ones_do():
    case = panoptic()
    figures = []
    for factor in (1, 26_001):
        judge = PanopticQuality(**case.options)
        pair = [one.clone() for one in (case.prediction.outputs, case.targets)]
        for planes in pair:
            planes[:, 1] *= factor
        judge.update(Prediction(outputs=pair[0]), pair[1])
        figures.append(judge.compute())
    assert figures[0] == figures[1]


def test_a_class_that_is_none_is_named():
    with pytest.raises(BadValue, match="classes must be from 0 to 1, got classes=9"):
        counts(picture("1a"), picture("9a"))
    with pytest.raises(BadValue, match="0 to 3"):
        PanopticQuality(num_classes=4, stuff=(4,))


def test_nothing_of_the_classes_asked_for():
    judge = PanopticQuality(num_classes=3, only=(2,))
    judge.update(Prediction(outputs=picture("1a")), picture("1a"))
    with pytest.raises(BadValue, match="segments of the classes"):
        judge.compute()
