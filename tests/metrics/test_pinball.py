import pytest
import torch
from sklearn.metrics import mean_pinball_loss

from netwright.metrics.base import Prediction
from netwright.metrics.pinball import CoverageError, Pinball

LEVELS = (0.1, 0.5, 0.8)


def test_pinball(streamed, measured, weight):
    prediction, targets = measured
    columns = torch.stack([prediction.outputs - 2, prediction.outputs, prediction.outputs + 1], 1)
    wanted = sum(
        mean_pinball_loss(targets, columns[:, place], alpha=level, sample_weight=weight)
        for place, level in enumerate(LEVELS)
    )
    metric = Pinball(quantiles=LEVELS)
    value = streamed(metric, Prediction(outputs=columns), targets, weight=weight)
    assert value == pytest.approx(wanted / 3)


def test_coverage_error(streamed):
    targets = torch.arange(40.0)
    inside = torch.arange(40) < 16
    columns = torch.stack([targets - 1, targets, targets + 1], 1)
    columns = torch.where(inside[:, None], columns, columns + 5)
    value = streamed(CoverageError(quantiles=LEVELS), Prediction(outputs=columns), targets)
    assert value == pytest.approx(0.7 - 0.4)
