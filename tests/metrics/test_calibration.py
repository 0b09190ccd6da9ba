import pytest
import torch
from torchmetrics.functional.classification import multiclass_calibration_error

from netwright._errors import BadValue
from netwright.metrics.base import Prediction
from netwright.metrics.calibration import ExpectedCalibrationError


@pytest.mark.parametrize("num_bins", [5, 15])
def test_classes(streamed, classified, num_bins):
    prediction, targets = classified
    wanted = multiclass_calibration_error(
        prediction.probabilities.float(), targets, num_classes=6, n_bins=num_bins
    )
    metric = ExpectedCalibrationError(num_bins=num_bins)
    assert streamed(metric, prediction, targets) == pytest.approx(wanted.item(), abs=1e-6)


def test_binary_takes_the_likelier_class(streamed, decided):
    prediction, targets = decided
    given = prediction.probabilities
    wanted = multiclass_calibration_error(
        torch.stack([1 - given, given], 1).float(), targets, num_classes=2, n_bins=15
    )
    assert streamed(ExpectedCalibrationError(), prediction, targets) == pytest.approx(
        wanted.item(), abs=1e-6
    )


def test_weights_are_repetitions(streamed, classified):
    prediction, targets = classified
    times = torch.arange(300) % 3
    repeated = Prediction(
        outputs=prediction.outputs.repeat_interleave(times),
        probabilities=prediction.probabilities.repeat_interleave(times, dim=0),
    )
    wanted = streamed(ExpectedCalibrationError(), repeated, targets.repeat_interleave(times))
    value = streamed(ExpectedCalibrationError(), prediction, targets, weight=times.double())
    assert value == pytest.approx(wanted)


def test_refuses_no_bins():
    with pytest.raises(BadValue, match="num_bins must be at least 1"):
        ExpectedCalibrationError(num_bins=0)
