"""How much a search may cost."""

from __future__ import annotations

import math
from dataclasses import dataclass

from netwright._errors import must_be

__all__ = ["Budget"]


@dataclass(frozen=True, kw_only=True)
class Budget:
    """So many trainings, or so much processor time of trainings; whichever is reached first.

    A training counts the same whichever search asked for it; what is answered from the record,
    as it was tried before, costs nothing.

    Attributes:
        trials: trainings; None for no limit.
        seconds: of processor time; the training that reaches it is the last. None for no limit.

    Example:
        >>> Budget(trials=20).allows(trials=19, seconds=500.0)
        True
    """

    trials: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.trials is None and self.seconds is None:
            raise must_be("budget", "a number of trials or of seconds", None)
        if self.trials is not None and self.trials < 1:
            raise must_be("budget", "at least 1 trial", self.trials)
        if self.seconds is not None and not 0 < self.seconds < math.inf:
            raise must_be("seconds", "above 0", self.seconds)

    def allows(self, *, trials: int, seconds: float) -> bool:
        """Whether another training may begin after these."""
        return (self.trials is None or trials < self.trials) and (
            self.seconds is None or seconds < self.seconds
        )
