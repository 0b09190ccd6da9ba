import numpy as np
import pytest
import torch
from metric_cases import objects

from netwright._errors import BadValue
from netwright.metrics.base import Prediction
from netwright.metrics.voc import VocAveragePrecision


def overlap(one, other):
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0) * max(height, 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared / (sum(areas) - shared)


def reference(case, *, iou=0.5, points=None):
    """The challenge's procedure, answer by answer, class by class."""
    figures = []
    classes = {int(label) for one in case.targets for label in one["labels"][~one["difficult"]]}
    for of_class in classes:
        objects_of = {}
        for place, one in enumerate(case.targets):
            kept = one["labels"] == of_class
            objects_of[place] = [
                {"box": box.tolist(), "difficult": bool(hard), "taken": False}
                for box, hard in zip(one["boxes"][kept], one["difficult"][kept], strict=True)
            ]
        count = sum(not one["difficult"] for some in objects_of.values() for one in some)
        answers = [
            (float(score), place, box.tolist())
            for place, one in enumerate(case.prediction.outputs)
            for score, box, label in zip(one["scores"], one["boxes"], one["labels"], strict=True)
            if int(label) == of_class
        ]
        right, recall, precision = [], [], []
        for _, place, box in sorted(answers, key=lambda one: -one[0]):
            overlaps = [overlap(box, one["box"]) for one in objects_of[place]]
            best = int(np.argmax(overlaps)) if overlaps else -1
            if best < 0 or overlaps[best] < iou:
                right.append(0)
            elif not objects_of[place][best]["difficult"]:
                right.append(int(not objects_of[place][best]["taken"]))
                objects_of[place][best]["taken"] = True
            else:
                continue
            recall.append(sum(right) / count)
            precision.append(sum(right) / len(right))
        figures.append(area(recall, precision, points=points))
    return sum(figures) / len(figures)


def area(recall, precision, *, points):
    if points is not None:
        wanted = np.linspace(0, 1, points)
        pairs = list(zip(recall, precision, strict=True))
        best = [max([p for r, p in pairs if r >= level - 1e-12], default=0) for level in wanted]
        return float(np.mean(best))
    total, before = 0.0, 0.0
    for place, reached in enumerate(recall):
        total += (reached - before) * max(precision[place:])
        before = reached
    return total


def with_difficult(seed):
    case = objects(crowds=False, seed=seed)
    random = torch.Generator().manual_seed(seed)
    for one in case.targets:
        one["difficult"] = torch.rand(len(one["labels"]), generator=random) < 0.2
    return case


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("options", [{}, {"points": 11}, {"iou": 0.7}, {"points": 5}], ids=str)
def test_is_the_challenges_procedure(seed, options):
    case = with_difficult(seed)
    judge = VocAveragePrecision(**options)
    judge.update(case.prediction, case.targets)
    wanted = reference(case, **options)
    assert 0.05 < wanted < 0.95
    assert judge.compute() == pytest.approx(wanted, abs=1e-9)


def one_box(box, **more):
    found = {"boxes": torch.tensor([box]).float(), "labels": torch.zeros(1, dtype=torch.long)}
    return found | {"scores": torch.ones(1)} | more


def test_who_comes_second_is_wrong_even_beside_a_free_object():
    target = {
        "boxes": torch.tensor([[0.0, 0, 10, 10], [2.0, 0, 12, 10]]),
        "labels": torch.zeros(2, dtype=torch.long),
    }
    answer = {
        "boxes": torch.tensor([[0.0, 0, 10, 10], [0.5, 0, 10.5, 10]]),
        "labels": torch.zeros(2, dtype=torch.long),
        "scores": torch.tensor([0.9, 0.8]),
    }
    judge = VocAveragePrecision()
    judge.update(Prediction(outputs=[answer]), [target])
    assert judge.compute() == 0.5  # COCO would give the second the second


@pytest.mark.parametrize(
    ("answer", "target", "wanted"),
    [
        (one_box([0, 0, 4, 4]), one_box([0, 0, 4, 4]), 1.0),
        (one_box([0, 0, 0, 0]), one_box([0, 0, 4, 4]), 0.0),
        (one_box([0, 0, 4, 4]), one_box([0, 0, 4, 4], difficult=torch.tensor([True])), None),
    ],
    ids=["found", "without area", "only difficult"],
)
def test_corners(answer, target, wanted):
    judge = VocAveragePrecision()
    nothing = {name: value[:0] for name, value in answer.items()}
    empty = {name: value[:0] for name, value in target.items()}
    judge.update(Prediction(outputs=[answer, nothing]), [target, empty])
    if wanted is None:
        with pytest.raises(BadValue, match="not difficult"):
            judge.compute()
    else:
        assert judge.compute() == wanted


@pytest.mark.parametrize(("option", "value"), [("iou", 0.0), ("points", 1)])
def test_refuses_what_makes_no_sense(option, value):
    with pytest.raises(BadValue, match=option):
        VocAveragePrecision(**{option: value})
