"""What a held-out pass says of a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["ClassRow", "Confused", "Estimate", "Judgement", "LabelCurves", "Points"]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A figure with its 95 % bootstrap interval.

    Attributes:
        value: as measured.
        low: lower end; None where the metric can't be resampled.
        high: upper end.
        n: over how many examples.
    """

    value: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, kw_only=True)
class ClassRow:
    """How well one class or label is told.

    Attributes:
        name: of the class.
        precision: of those called so, how many are.
        recall: of those that are, how many were called so.
        f1: the harmonic mean of both.
        n: how much weight the class has.
    """

    name: str
    precision: float
    recall: float
    f1: float
    n: float


@dataclass(frozen=True, kw_only=True)
class Confused:
    """Two classes of which one is taken for the other.

    Attributes:
        truth: the class they are.
        answer: the class they were called.
        n: how many (by weight).
        share: of the true class.
    """

    truth: str
    answer: str
    n: float
    share: float


@dataclass(frozen=True, kw_only=True)
class Points:
    """A curve with the area under it.

    Attributes:
        x: (n,) not falling.
        y: (n,) beside it.
        area: under the whole curve, of which these may be a few points.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    area: float


@dataclass(frozen=True, kw_only=True)
class LabelCurves:
    """What a threshold on the score of one class or label can reach.

    Attributes:
        name: of the class.
        roc: recall by the share of false positives.
        precision_recall: precision by recall.
    """

    name: str
    roc: Points
    precision_recall: Points


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """All that a held-out pass says of a model; plain data.

    Attributes:
        metrics: by name, the first being the one to select by.
        undefined: metrics that these data don't define, and why.
        names: of the classes or labels.
        confusion: a row a true class; empty where there are no classes.
        per_class: one row a class or label.
        confused: the pairs of classes that are confused most, the worst first.
        curves: of the classes or labels that are told worst, each against the rest.
        tasks: of several tasks, each judged alone.
    """

    metrics: Mapping[str, Estimate]
    undefined: Mapping[str, str] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    confusion: tuple[tuple[float, ...], ...] = ()
    per_class: tuple[ClassRow, ...] = ()
    confused: tuple[Confused, ...] = ()
    curves: tuple[LabelCurves, ...] = ()
    tasks: Mapping[str, Judgement] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Dictionaries, lists, strings and numbers."""
        plain: dict[str, Any] = _lists(asdict(self))
        return plain


def _lists(value: Any) -> Any:
    """Tuples as JSON has them."""
    if isinstance(value, dict):
        return {key: _lists(item) for key, item in value.items()}
    return [_lists(item) for item in value] if isinstance(value, (list, tuple)) else value
