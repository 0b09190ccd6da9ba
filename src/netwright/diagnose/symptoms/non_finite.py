"""Updates that were left out because a gradient was NaN or infinite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netwright.runs.records import Finding, Severity
from netwright.train.control import View

__all__ = ["NonFiniteUpdates"]


class NonFiniteUpdates:
    """Says so once an epoch in which it happened."""

    def __init__(self) -> None:
        self._known = 0

    def after_epoch(self, view: View) -> Sequence[Finding]:
        """Compare the count of left-out updates with the last epoch's."""
        fresh = view.skipped_updates - self._known
        self._known = view.skipped_updates
        if fresh <= 0:
            return ()
        return (
            Finding(
                symptom="non-finite-update",
                severity=Severity.ERROR,
                where="optimizer",
                step=max(view.step - 1, 0),
                measurements={"updates": fresh},
                repairs=("lower-learning-rate", "clip-gradients"),
                message=f"{fresh} updates of this epoch had NaN or infinite gradients and were "
                "left out.",
            ),
        )

    def after_validation(self, view: View, *, metrics: Mapping[str, float]) -> Sequence[Finding]:
        """Nothing is to be learned from held-out data here."""
        return ()
