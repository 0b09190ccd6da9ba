"""What is known of a classical model before it is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from netwright._catalogue import load_target

if TYPE_CHECKING:
    from netwright.evaluate.baselines.examples import Examples

__all__ = ["Family", "Maker", "NoCounterpart", "serves"]

_TASKS = {
    "binary": "classes",
    "classes": "classes",
    "ordinal": "classes",
    "multi-label": "labels",
    "counts": "counts",
    "real": "numbers",
    "bins": "numbers",
}


class NoCounterpart(Exception):
    """A family has nothing for this kind of target."""


@dataclass(frozen=True, kw_only=True)
class Maker:
    """How an estimator is made.

    Attributes:
        target: of what makes it, "sklearn.linear_model:Ridge".
        options: that are always given.
        grid: what is chosen from by the validation split, the simplest first.
    """

    target: str
    options: Mapping[str, Any] = field(default_factory=dict)
    grid: Sequence[Mapping[str, Any]] = ({},)

    def make(self, chosen: Mapping[str, Any], *, seed: int) -> Any:
        """An estimator that was not fitted; where it draws random numbers, from `seed`."""
        made = load_target(self.target)(**self.options, **chosen)
        if "random_state" in made.get_params():
            made.set_params(random_state=seed)
        return made


@dataclass(frozen=True, kw_only=True)
class Family:
    """A kind of model for each kind of target that it serves.

    Attributes:
        classes: tells classes; label sets by one of it a label.
        numbers: tells numbers.
        counts: tells counts.
        squares: it works on all products of two columns.
    """

    classes: Maker | None = None
    numbers: Maker | None = None
    counts: Maker | None = None
    squares: bool = False

    def maker(self, kind: str) -> Maker:
        """The one for a kind of target.

        Raises:
            NoCounterpart: there is none.
        """
        task = _TASKS[kind]
        found = {
            "classes": self.classes,
            "labels": self.classes,
            "numbers": self.numbers,
            "counts": self.counts,
        }[task]
        if found is None:
            raise NoCounterpart(f"no form for {'classes' if task == 'labels' else task}")
        return found

    def bytes_of(self, examples: Examples) -> int:
        """What fitting it keeps in memory: its columns in double precision, twice."""
        columns = examples.columns
        if self.squares:
            columns = (columns + 1) * (columns + 2) // 2
        return 16 * columns * len(examples)


def serves(kind: str) -> bool:
    """Whether there are classical models for a kind of target."""
    return kind in _TASKS
