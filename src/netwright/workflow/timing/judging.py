"""How long judging takes, told from a few batches."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping
from typing import Any

from netwright.methods.base import Method
from netwright.train.precision import choose_precision
from netwright.train.validation import validate
from netwright.workflow.prepare import Prepared
from netwright.workflow.session import Session

__all__ = ["examples_of", "judging_seconds"]

_FEW = (1, 1, 4)  # batches; the first pass warms up, the other two tell beginning from going on


def examples_of(prepared: Any) -> Mapping[str, int]:
    """Examples in each split."""
    if isinstance(prepared, Prepared):
        return {name: len(index) for name, index in prepared.splits.items()}
    counts: Mapping[str, int] = prepared.counts
    return counts


def judging_seconds(session: Session, method: Method, *, split: str) -> float | None:
    """Seconds that one pass over a split takes, about; None where it is not judged."""
    count = examples_of(session.prepared).get(split)
    if not count or not method.judged_by():
        return None
    _, (few, little), (many, longer) = (_pass(session, method, split, most) for most in _FEW)
    if many <= few:
        return little
    return little + max(longer - little, 0.0) / (many - few) * (count - few)


def _pass(session: Session, method: Method, split: str, most: int) -> tuple[int, float]:
    """Examples judged in the first batches, and seconds that took."""
    batches = session.prepared.held_out(split, session.device)
    precision = choose_precision(session.recipe.training.precision, session.device)
    seen: list[int] = []

    def first() -> Iterator[Any]:
        for batch in itertools.islice(batches(), most):
            seen.append(len(batch))
            yield batch

    began = time.perf_counter()
    validate(method, first, precision=precision)
    return sum(seen), time.perf_counter() - began
