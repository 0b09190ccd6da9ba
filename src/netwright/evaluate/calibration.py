"""What was fitted to a trained model's answers, so that they can be relied on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from torch import Tensor

from netwright._statistics import exact_share
from netwright.evaluate.abstention import Abstention
from netwright.evaluate.conformal import Conformal
from netwright.evaluate.temperature import with_temperature
from netwright.metrics.base import Prediction
from netwright.metrics.calibration import ExpectedCalibrationError
from netwright.metrics.log_loss import LogLoss

__all__ = ["Calibration", "reliability"]


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Temperature, sets or intervals, and from where on to answer at all.

    Sets and abstention are of the probabilities before the temperature: those were there before the
    examples that it was fitted on, as their guarantees ask.

    Attributes:
        split: what it was fitted on.
        n: how many examples of it.
        temperature: scores are divided by; None where there are no probabilities.
        conformal: makes sets or intervals.
        abstention: says when to answer.
        notes: what has to be known to rely on it.
        judged: split → what `reliability` says of it.
    """

    split: str
    n: int
    temperature: float | None = None
    conformal: Conformal | None = None
    abstention: Abstention | None = None
    notes: tuple[str, ...] = ()
    judged: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def calibrated(self, prediction: Prediction, *, kind: str) -> Prediction:
        """The same answers with the probabilities they should have."""
        if self.temperature is None or prediction.probabilities is None:
            return prediction
        return with_temperature(prediction, self.temperature, kind=kind)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "split": self.split,
            "n": self.n,
            "temperature": self.temperature,
            "conformal": self.conformal and self.conformal.to_json(),
            "abstention": self.abstention and self.abstention.to_json(),
            "notes": list(self.notes),
            "judged": dict(self.judged),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """From what `to_json` gave."""
        conformal, abstention = content["conformal"], content["abstention"]
        return cls(
            split=content["split"],
            n=content["n"],
            temperature=content["temperature"],
            conformal=conformal and Conformal.from_json(conformal),
            abstention=abstention and Abstention.from_json(abstention),
            notes=tuple(content["notes"]),
            judged=content["judged"],
        )


def reliability(
    prediction: Prediction, targets: Tensor, *, kind: str, calibration: Calibration
) -> dict[str, Any]:
    """How well a calibration holds on other examples, as plain data.

    Args:
        prediction: the model's own answers, before any calibration.
        targets: the truth, as in a batch.
        kind: of the targets.
        calibration: fitted elsewhere.

    Returns:
        {n, before, after: {expected_calibration_error, log_loss}, sets: {coverage: {value, low,
        high}, size}, answered: {share, wrong: {value, low, high}}}; what does not apply is left
        out.
    """
    found: dict[str, Any] = {"n": len(targets)}
    if calibration.temperature is not None and kind != "multi-label":
        found["before"] = _figures(prediction, targets)
        found["after"] = _figures(calibration.calibrated(prediction, kind=kind), targets)
    if calibration.conformal is not None:
        found["sets"] = _coverage(calibration.conformal, prediction, targets)
    if calibration.abstention is not None:
        found["answered"] = _answered(calibration.abstention, prediction, targets)
    return found


def _figures(prediction: Prediction, targets: Tensor) -> dict[str, float]:
    metrics = {"expected_calibration_error": ExpectedCalibrationError(), "log_loss": LogLoss()}
    for metric in metrics.values():
        metric.update(prediction, targets)
    return {name: metric.compute() for name, metric in metrics.items()}


def _coverage(conformal: Conformal, prediction: Prediction, targets: Tensor) -> dict[str, Any]:
    if conformal.score in ("residual", "quantiles"):
        ends = conformal.intervals(prediction)
        true = targets.double().reshape(len(targets), -1)
        # the promise is one for each column; those of one example are counted as one
        held = ((ends[..., 0] <= true) & (true <= ends[..., 1])).double().mean(dim=1)
        size = float((ends[..., 1] - ends[..., 0]).mean())
    else:
        sets = conformal.sets(prediction)
        held = sets.gather(1, targets[:, None].long())[:, 0]
        size = float(sets.sum(dim=1).double().mean())
    return {"coverage": _share(held), "size": size, "asked": 1 - conformal.alpha}


def _answered(abstention: Abstention, prediction: Prediction, targets: Tensor) -> dict[str, Any]:
    answered = abstention.answers(prediction)
    wrong = (prediction.outputs != targets)[answered]
    share = float(answered.double().mean())
    return {"share": share, "wrong": _share(wrong) if len(wrong) else None}


def _share(held: Tensor) -> dict[str, Any]:
    interval = exact_share(float(held.sum()), len(held))
    return asdict(interval)
