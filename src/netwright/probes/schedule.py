"""When a probe looks: predicates of the step."""

from __future__ import annotations

import math
from collections.abc import Callable

from netwright._errors import must_be

__all__ = ["When", "every", "first", "logarithmic"]

When = Callable[[int], bool]


def every(interval: int, *, offset: int = 0) -> When:
    """Steps offset, offset + interval, offset + 2 · interval, ….

    Example:
        >>> [step for step in range(10) if every(4, offset=1)(step)]
        [1, 5, 9]
    """
    if interval < 1:
        raise must_be("interval", "at least 1", interval)
    return lambda step: step >= offset and (step - offset) % interval == 0


def first(count: int) -> When:
    """The first `count` steps."""
    if count < 1:
        raise must_be("count", "at least 1", count)
    return lambda step: step < count


def logarithmic(per_decade: int = 10) -> When:
    """Step 0 and about `per_decade` steps in each tenfold range, never the same twice.

    Example:
        >>> [step for step in range(200) if logarithmic(3)(step)]
        [0, 1, 2, 5, 10, 22, 46, 100]
    """
    if per_decade < 1:
        raise must_be("per_decade", "at least 1", per_decade)

    def looks(step: int) -> bool:
        if step < 1:
            return step == 0
        # the few exponents whose power could round to this step
        nearest = round(per_decade * math.log10(step))
        candidates = range(nearest - per_decade, nearest + per_decade + 1)
        return any(round(10 ** (exponent / per_decade)) == step for exponent in candidates)

    return looks
