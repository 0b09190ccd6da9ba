"""Keywords of the metrics."""

from __future__ import annotations

from typing import Any

import torch

from keyword_cases.case import Case
from netwright.metrics.accuracy import TopAccuracy
from netwright.metrics.base import Prediction
from netwright.metrics.calibration import ExpectedCalibrationError
from netwright.metrics.confusion import confusion_matrix
from netwright.metrics.standard import standard_metrics

LOGITS = torch.sin(torch.arange(40 * 8.0)).reshape(40, 8) * 3
PREDICTION = Prediction(outputs=LOGITS.argmax(1), probabilities=LOGITS.softmax(1), logits=LOGITS)
TARGETS = torch.where(torch.arange(40) % 3 == 0, torch.arange(40) % 8, LOGITS.argmax(1))


def judged(metric: Any) -> Any:
    def call(_: object, **keyword: Any) -> float:
        judge = metric(**keyword)
        judge.update(PREDICTION, TARGETS)
        return judge.compute()

    return call


CASES = {
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
    "netwright.metrics.standard:standard_metrics": Case(
        lambda _, **keyword: list(standard_metrics("classes", num_outputs=8, **keyword)),
        {"probabilities": False},
    ),
}
EXEMPT: dict[str, str] = {}
