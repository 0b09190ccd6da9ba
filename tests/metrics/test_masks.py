import numpy as np
import pytest
import torch
from metric_cases import CLASSES, masks
from sklearn.metrics import f1_score, jaccard_score, recall_score

from netwright._errors import BadValue
from netwright.metrics.base import Prediction
from netwright.metrics.masks import (
    ClassDice,
    ClassIoU,
    Dice,
    FrequencyWeightedIoU,
    ImageDice,
    MeanIoU,
    MeanPixelAccuracy,
    PixelAccuracy,
    mask_counts,
)


def f1(**options):
    return lambda t, o, w: f1_score(t, o, sample_weight=w, zero_division=0, **options)


def iou(**options):
    return lambda t, o, w: jaccard_score(t, o, sample_weight=w, zero_division=0, **options)


REFERENCES = {
    PixelAccuracy: lambda t, o, w: np.average(t == o, weights=w),
    MeanPixelAccuracy: lambda t, o, w: recall_score(
        t, o, sample_weight=w, average="macro", labels=np.unique(t), zero_division=0
    ),
    MeanIoU: iou(average="macro"),
    FrequencyWeightedIoU: iou(average="weighted"),
    ClassIoU: iou(average=None, labels=[1]),
    Dice: f1(average="macro"),
    ClassDice: f1(average=None, labels=[1]),
}


def flat(case, *, weight):
    """Pixels that count, each with the weight of its picture."""
    counted = (case.targets != 255).numpy()
    pixels = weight[:, None, None].expand(case.targets.shape).numpy()
    return case.targets.numpy()[counted], case.prediction.outputs.numpy()[counted], pixels[counted]


@pytest.mark.parametrize("metric", REFERENCES, ids=lambda metric: metric.__name__)
@pytest.mark.parametrize("missing", [None, 2], ids=["all", "a class in neither"])
def test_is_scikit_learns_over_the_pixels(metric, missing):
    case = masks()
    if missing is not None:
        for values in (case.targets, case.prediction.outputs):
            values[values == missing] = 0
    for weight in (torch.ones(len(case.targets)), case.weight):
        judge = metric(num_classes=CLASSES, ignore_index=255)
        judge.update(case.prediction, case.targets, weight=weight)
        wanted = REFERENCES[metric](*flat(case, weight=weight))
        assert judge.compute() == pytest.approx(float(np.squeeze(wanted)), abs=1e-12)


def test_dice_of_each_picture_is_scikit_learns_f1():
    case = masks()
    judge = ImageDice(num_classes=CLASSES, ignore_index=255)
    judge.update(case.prediction, case.targets)
    each = [
        f1_score(t[t != 255], o[t != 255], average="macro", zero_division=0)
        for t, o in zip(case.targets.numpy(), case.prediction.outputs.numpy(), strict=True)
    ]
    assert judge.compute() == pytest.approx(np.mean(each), abs=1e-12)
    assert judge.compute() != pytest.approx(0.5)


def test_dice_is_over_the_sum_of_both_areas_not_over_all_pixels():
    target = torch.zeros(1, 10, 10, dtype=torch.long)
    answer = target.clone()
    target[0, :4, :5], answer[0, 2:6, :5] = 1, 1  # 20 and 20, of which 10 are shared
    judge = ClassDice(num_classes=2)
    judge.update(Prediction(outputs=answer), target)
    assert judge.compute() == 2 * 10 / (20 + 20)
    overlap = ClassIoU(num_classes=2)
    overlap.update(Prediction(outputs=answer), target)
    assert overlap.compute() == 10 / 30


@pytest.mark.parametrize("metric", [*REFERENCES, ImageDice], ids=lambda metric: metric.__name__)
def test_only_ignored_pixels_define_nothing(metric):
    judge = metric(num_classes=3, ignore_index=255)
    judge.update(
        Prediction(outputs=torch.ones(2, 4, 4, dtype=torch.long)),
        torch.full((2, 4, 4), 255),
    )
    with pytest.raises(BadValue, match="pixels"):
        judge.compute()


def test_a_class_that_is_nowhere_has_no_figure_of_its_own():
    same = torch.zeros(1, 4, 4, dtype=torch.long)
    judge = ClassIoU(num_classes=3, of_class=2)
    judge.update(Prediction(outputs=same), same)
    with pytest.raises(BadValue, match="pixels of class 2"):
        judge.compute()
    everything = MeanIoU(num_classes=3)
    everything.update(Prediction(outputs=same), same)
    assert everything.compute() == 1


def test_what_is_answered_for_an_ignored_pixel_is_nobodys_business():
    targets = torch.tensor([[0, 1, 255, 255]])
    answers = [torch.tensor([[0, 1, 7, -3]]), torch.tensor([[0, 1, 0, 1]])]
    counts = [mask_counts(one, targets, num_classes=2, ignore_index=255) for one in answers]
    assert torch.equal(*counts)
    assert counts[0].tolist() == [[1, 1, 1, 1, 1, 1]]


@pytest.mark.parametrize("wrong", [-1, 2])
def test_a_class_that_is_none_is_named(wrong):
    right = torch.zeros(1, 2, 2, dtype=torch.long)
    other = right.clone()
    other[0, 0, 0] = wrong
    for answers, targets in ((other, right), (right, other)):
        with pytest.raises(BadValue, match=f"masks must be of classes 0 to 1, got masks={wrong}"):
            mask_counts(answers, targets, num_classes=2)


def test_one_class_has_to_be_one():
    with pytest.raises(BadValue, match="0 to 2"):
        ClassIoU(num_classes=3, of_class=3)
