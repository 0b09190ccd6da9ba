"""Keywords of the metrics."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from keyword_cases.case import Case
from netwright._errors import BadValue
from netwright.metrics.accuracy import TopAccuracy, TopError
from netwright.metrics.base import Prediction
from netwright.metrics.bleu import Bleu
from netwright.metrics.boxes import BoxAveragePrecision, MaskAveragePrecision
from netwright.metrics.calibration import ExpectedCalibrationError
from netwright.metrics.chosen import create
from netwright.metrics.confusion import confusion_matrix
from netwright.metrics.curves import precision_recall_curve, roc_curve
from netwright.metrics.gaussian import IntervalCoverageError, central_interval
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
from netwright.metrics.panoptic import (
    PanopticQuality,
    RecognitionQuality,
    SegmentationQuality,
    panoptic_counts,
)
from netwright.metrics.per_class import ClassF1, ClassPrecision, ClassRecall
from netwright.metrics.perplexity import Perplexity
from netwright.metrics.standard import standard_metrics
from netwright.metrics.voc import VocAveragePrecision

LOGITS = torch.sin(torch.arange(40 * 8.0)).reshape(40, 8) * 3
PREDICTION = Prediction(outputs=LOGITS.argmax(1), probabilities=LOGITS.softmax(1), logits=LOGITS)
TARGETS = torch.where(torch.arange(40) % 3 == 0, torch.arange(40) % 8, LOGITS.argmax(1))


def judged(metric: Any) -> Any:
    def call(_: object, **keyword: Any) -> float:
        judge = metric(**keyword)
        judge.update(PREDICTION, TARGETS)
        return judge.compute()

    return call


def judged_on(metric: Any, outputs: Any, targets: Any, **fixed: Any) -> Any:
    """The figure, or the refusal, of one metric over answers that are not classes of examples."""

    def call(_: object, **keyword: Any) -> float:
        judge = metric(**fixed, **keyword)
        judge.update(outputs if isinstance(outputs, Prediction) else answers(outputs), targets)
        return judge.compute()

    return call


def create_or_hint(**keyword: Any) -> str:
    """What is said of a name that is none."""
    try:
        create("tolt", kind="classes", names=("a", "b"), **keyword)
    except BadValue as error:
        return str(error)
    return ""


def answers(outputs: Any) -> Prediction:
    return Prediction(outputs=outputs)


MASKS = torch.arange(4 * 25).reshape(4, 5, 5) % 3
CUT = torch.where(torch.arange(100).reshape(4, 5, 5) % 7 == 0, 2, MASKS)
COLUMNS = torch.arange(5).expand(4, 5, 5)
THINGS = torch.stack([MASKS, COLUMNS // 2], dim=1)
FOUND = torch.stack([CUT, COLUMNS // 2], dim=1)
BOXES = torch.tensor([[0.0, 0, 9, 9], [20, 20, 60, 60], [5, 60, 30, 90], [21, 22, 62, 60]])
LABELS = torch.tensor([0, 0, 0, 0])
THERE = {"boxes": BOXES[:3], "labels": LABELS[:3], "masks": None}
SEEN = {"boxes": BOXES + 1.5, "labels": LABELS, "scores": torch.tensor([0.6, 0.7, 0.8, 0.9])}
INSIDE = torch.zeros(4, 100, 100)
for _place, (_x, _y, _right, _low) in enumerate(BOXES.long().tolist()):
    INSIDE[_place, _y:_low, _x:_right] = 1
CUT_OUT = {"labels": LABELS[:3], "masks": INSIDE[:3]}
TRACED = {"labels": LABELS, "masks": INSIDE.roll(1, 2), "scores": SEEN["scores"]}
OF_OBJECTS = {"ious": (0.5,), "area": (900, 1e10), "most": 1}
OF_SEGMENTS = {"stuff": (1,), "only": (2,), "ignore_index": 1}
SPOKEN = Prediction(outputs=None, logits=LOGITS.reshape(8, 5, 8))
SCORES, POSITIVE = LOGITS[:, 0], (TARGETS % 2)

SURE = Prediction(outputs=LOGITS[:, 0], deviations=torch.ones(40))


def covered(metric: Any) -> float:
    metric.update(SURE, LOGITS[:, 1])
    return metric.compute()


CASES = {
    "netwright.metrics.accuracy:TopError": Case(judged(TopError), {"n": 2}),
    **{
        f"netwright.metrics.per_class:{metric.__name__}": Case(
            judged(partial(metric, num_classes=8)), {"of_class": 0}
        )
        for metric in (ClassF1, ClassPrecision, ClassRecall)
    },
    **{
        f"netwright.metrics.masks:{metric.__name__}": Case(
            judged_on(metric, CUT, MASKS, num_classes=3),
            {"ignore_index": 1} | ({"of_class": 2} if metric in (ClassIoU, ClassDice) else {}),
        )
        for metric in (
            *(ClassDice, ClassIoU, Dice, FrequencyWeightedIoU, ImageDice),
            *(MeanIoU, MeanPixelAccuracy, PixelAccuracy),
        )
    },
    "netwright.metrics.masks:mask_counts": Case(
        lambda _, **keyword: mask_counts(CUT, MASKS, num_classes=3, **keyword), {"ignore_index": 1}
    ),
    **{
        f"netwright.metrics.panoptic:{metric.__name__}": Case(
            judged_on(metric, FOUND, THINGS, num_classes=3), OF_SEGMENTS
        )
        for metric in (PanopticQuality, RecognitionQuality, SegmentationQuality)
    },
    "netwright.metrics.panoptic:panoptic_counts": Case(
        lambda _, **keyword: panoptic_counts(FOUND, THINGS, num_classes=3, **keyword),
        {"stuff": (1,), "ignore_index": 1},
    ),
    "netwright.metrics.boxes:BoxAveragePrecision": Case(
        judged_on(BoxAveragePrecision, [SEEN], [THERE]), OF_OBJECTS
    ),
    "netwright.metrics.boxes:MaskAveragePrecision": Case(
        judged_on(MaskAveragePrecision, [TRACED], [CUT_OUT]), OF_OBJECTS
    ),
    "netwright.metrics.voc:VocAveragePrecision": Case(
        judged_on(VocAveragePrecision, [SEEN], [THERE]), {"iou": 0.9, "points": 11}
    ),
    "netwright.metrics.perplexity:Perplexity": Case(
        judged_on(Perplexity, SPOKEN, TARGETS.reshape(8, 5)), {"ignore_index": 3}
    ),
    "netwright.metrics.bleu:Bleu": Case(
        judged_on(Bleu, ["a b c d e", "b c d e x"], ["a b c d e f", "b c d e y"]),
        {"max_n": 2, "added": 1.0},
    ),
    "netwright.metrics.chosen:create": Case(
        lambda _, **keyword: create_or_hint(**keyword), {"known": {"told": None}}
    ),
    "netwright.metrics.curves:roc_curve": Case(
        lambda _, **keyword: roc_curve(SCORES, POSITIVE, **keyword).y,
        {"weights": torch.arange(40.0)},
    ),
    "netwright.metrics.curves:precision_recall_curve": Case(
        lambda _, **keyword: precision_recall_curve(SCORES, POSITIVE, **keyword).y,
        {"weights": torch.arange(40.0)},
    ),
    "netwright.metrics.accuracy:TopAccuracy": Case(judged(TopAccuracy), {"n": 2}),
    "netwright.metrics.calibration:ExpectedCalibrationError": Case(
        judged(ExpectedCalibrationError), {"num_bins": 4}
    ),
    "netwright.metrics.confusion:confusion_matrix": Case(
        lambda _, **keyword: confusion_matrix(
            PREDICTION.outputs, TARGETS, num_classes=8, **keyword
        ),
        {"weight": torch.rand(40)},
    ),
    "netwright.metrics.gaussian:IntervalCoverageError": Case(
        lambda _, **keyword: covered(IntervalCoverageError(**keyword)), {"level": 0.5}
    ),
    "netwright.metrics.gaussian:central_interval": Case(
        lambda _, **keyword: central_interval(SURE, **keyword), {"level": 0.5}
    ),
    "netwright.metrics.standard:standard_metrics": Case(
        lambda _, **keyword: list(standard_metrics("classes", num_outputs=8, **keyword)),
        {"probabilities": False},
    ),
}
EXEMPT: dict[str, str] = {}
