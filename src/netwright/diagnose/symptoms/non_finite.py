"""Updates that were left out because a gradient was NaN or infinite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netwright.runs.records import Finding, Severity
from netwright.train.control import View

__all__ = ["NonFiniteUpdates"]


class NonFiniteUpdates:
    """Says so once for each epoch in which it happened, also for one that was cut short."""

    name = "non-finite-update"

    def __init__(self) -> None:
        self._known = 0

    def after_epoch(self, view: View, *, loss: float) -> Sequence[Finding]:
        """Compare the count of left-out updates with the last epoch's."""
        return self._fresh(view)

    def at_end(self, view: View) -> Sequence[Finding]:
        """Compare once more where the run was given up in the middle of an epoch."""
        return self._fresh(view)

    def state_dict(self) -> dict[str, Any]:
        """How many are known of."""
        return {"known": self._known}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Take up the count."""
        self._known = state["known"]

    def _fresh(self, view: View) -> Sequence[Finding]:
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
