"""How long the pictures of a report may take."""

from __future__ import annotations

import time

__all__ = ["Deadline"]

LEAST, SHARE = 2.0, 0.03  # seconds, and of the time that the training took


class Deadline:
    """Lets parts begin as long as one more, by the longest so far, ends in time.

    Args:
        training: seconds that the training took.
    """

    def __init__(self, training: float) -> None:
        self._seconds = max(LEAST, SHARE * training)
        self._begun = time.perf_counter()
        self._last: float | None = None
        self._longest = 0.0

    def allows(self, *, share: float = 1.0) -> bool:
        """Whether the next part may begin; asked before each.

        Args:
            share: of the whole time, at which the parts of this kind end.
        """
        now = time.perf_counter()
        if self._last is not None:
            self._longest = max(self._longest, now - self._last)
        may = now + self._longest < self._begun + share * self._seconds
        self._last = now if may else None
        return may
