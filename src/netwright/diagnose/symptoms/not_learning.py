"""A run that ends no better than it began, or than an answer which ignores its input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netwright.runs.records import Finding, Severity
from netwright.train.control import View

__all__ = ["NotLearning"]

# Dropout and augmentation keep the training loss of a healthy run somewhat above what the network
# could reach, yet one that has learned anything in two epochs has moved further than this.
LEAST_GAIN = 0.02
# A pretrained network may begin where it ends: well below the constant answer.
GOOD_FROM_THE_START = 0.5


class NotLearning:
    """Compares the training loss of the last epoch with the first's and the best constant answer's.

    Only the end of a run of two epochs or more is judged: many healthy runs spend their first epoch
    at the floor. The training loss is judged, not the validation figure, which on a small split
    beats the constant answer by luck.

    Args:
        floor: the constant answer's loss over the training split; None where it is not known.
    """

    name = "not-learning"

    def __init__(self, floor: float | None) -> None:
        self._floor = floor
        self._losses: list[float] = []

    def after_epoch(self, view: View, *, loss: float) -> Sequence[Finding]:
        """Keep the loss."""
        self._losses.append(loss)
        return ()

    def at_end(self, view: View) -> Sequence[Finding]:
        """Say so when nothing was gained."""
        if self._floor is None or len(self._losses) < 2:
            return ()
        first, last, floor = self._losses[0], self._losses[-1], self._floor
        still = last >= (1 - LEAST_GAIN) * first and last > GOOD_FROM_THE_START * floor
        if not (still or last >= (1 - LEAST_GAIN) * floor):
            return ()
        return (
            Finding(
                symptom="not-learning",
                severity=Severity.ERROR,
                where="loop",
                step=max(view.step - 1, 0),
                measurements={"first": first, "last": last, "constant_answer": floor},
                message=f"The training loss went from {first:.4g} in the first epoch to {last:.4g} "
                f"in the last; always giving the same answer costs {floor:.4g}.",
            ),
        )

    def state_dict(self) -> dict[str, Any]:
        """The losses so far."""
        return {"losses": list(self._losses)}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Take up the losses."""
        self._losses = list(state["losses"])
