"""What a judgement of methods found: records, a table, plain data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from netwright._statistics import Interval

__all__ = ["Judged", "Judgement", "LeftOut"]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One method, on the pictures that all were judged on; means with 95 % intervals over them.

    Attributes:
        method: its name.
        rank: 1 for the best above the line; its interval says which ranks other pictures of the
            kind would have given. None below the line.
        fault: why it is below the line; empty above it.
        insertion: area under the probability while the map's highest pixels come.
        deletion: the same while they go.
        above_random: insertion less deletion, less that of the random map of the same picture.
        above_gradient: the same beside the plain gradient, by the size of its numbers; None where
            the model has no gradient.
        randomised: rank correlation, the larger of those with and without sign, with the map of
            the model after the half of its layers nearer to the output was drawn anew.
        labels: the same with the map of the twin that was trained on shuffled labels.
        overlap: share of the map's highest pixels left under small random signs that leave the
            prediction; the worst of the draws. None where no picture kept its prediction, and of
            those that did elsewhere.
        shift: change of the map, as a share of its length, with a shift of the inputs that a twin
            of the model takes back.
        completeness: how far the sum of the numbers misses the score's difference to that of
            zeros, as a share of it; None where a method does not promise it.
        pointing: share of pictures whose highest pixel is on the mask, less chance; None without
            masks.
        within: area under precision over recall of the mask, less chance; None without masks.
        seconds: of one map.
    """

    method: str
    rank: Interval | None
    fault: str
    insertion: Interval
    deletion: Interval
    above_random: Interval
    above_gradient: Interval | None
    randomised: Interval
    labels: Interval | None
    overlap: Interval | None
    shift: Interval
    completeness: Interval | None
    pointing: Interval | None
    within: Interval | None
    seconds: float


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A method that was not judged.

    Attributes:
        method: its name.
        reason: in one sentence.
    """

    method: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """Methods by how far their maps are to be trusted for one model.

    Attributes:
        rows: the best first, then what is below the line.
        left_out: what was not judged, with the reason.
        count: of the pictures.
        rule: how the order came about.
    """

    rows: tuple[Judged, ...]
    left_out: tuple[LeftOut, ...]
    count: int
    rule: str

    def table(self) -> str:
        """The rows as aligned text, with the rule and what was left out."""
        columns = [column for column in _COLUMNS if any(column[1](row) for row in self.rows)]
        cells = [[title for title, _ in columns]]
        cells += [[show(row) for _, show in columns] for row in self.rows]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]
        lines += ["", f"{self.count} pictures. {self.rule}"]
        lines += [f"Below the line: {row.method}: {row.fault}." for row in self.rows if row.fault]
        lines += [f"Not judged: {one.method}: {one.reason}" for one in self.left_out]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "count": self.count,
            "rule": self.rule,
            "rows": [asdict(row) for row in self.rows],
            "left_out": [asdict(one) for one in self.left_out],
        }


def _ranked(row: Judged) -> str:
    if row.rank is None:
        return "–"
    low, high = round(row.rank.low), round(row.rank.high)
    return f"{row.rank.value:.0f}" if low == high else f"{row.rank.value:.0f} ({low}–{high})"


def _figure(name: str, *, ends: bool = False) -> Callable[[Judged], str]:
    def show(row: Judged) -> str:
        found: Interval | None = getattr(row, name)
        if found is None:
            return ""
        span = f" [{found.low:.2f}, {found.high:.2f}]" if ends else ""
        return f"{found.value:.2f}{span}"

    return show


_COLUMNS: Sequence[tuple[str, Callable[[Judged], str]]] = (
    ("rank", _ranked),
    ("method", lambda row: row.method),
    ("insertion ↑", _figure("insertion")),
    ("deletion ↓", _figure("deletion")),
    ("above random ↑", _figure("above_random", ends=True)),
    ("above gradient ↑", _figure("above_gradient", ends=True)),
    ("half untrained alike ↓", _figure("randomised")),
    ("twin alike ↓", _figure("labels")),
    ("kept in noise ↑", _figure("overlap")),
    ("moved by shift ↓", _figure("shift")),
    ("sum off ↓", _figure("completeness")),
    ("pointing ↑", _figure("pointing", ends=True)),
    ("within mask ↑", _figure("within", ends=True)),
    ("seconds", lambda row: f"{row.seconds:.2f}"),
)
