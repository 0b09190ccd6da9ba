"""The space of cells: which there are, which are the same, and the way from one to the next."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from netwright._errors import BadType, must_be, unknown
from netwright.models.layers.cell import OPERATIONS, edges_of, live_edges

__all__ = ["CellSpace"]

Cell = tuple[str, ...]
Sum = Counter[int]  # of terms, each by its number


class CellSpace:
    """All cells of so many nodes through which a signal can pass.

    Four nodes and five operations are the space of NAS-Bench-201: 15,625 ways to write a cell, some
    of which pass no signal, and many of which are one and the same cell.

    Paper: NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search, 2020,
        https://arxiv.org/abs/2001.00326

    Args:
        nodes: of a cell, input and output among them, at least 2.
        operations: that its edges may have, at least two of `models.layers.cell.OPERATIONS`.

    Example:
        >>> space = CellSpace(nodes=3, operations=["zero", "skip", "conv-3x3"])
        >>> sum(1 for _ in space), len({space.key(cell) for cell in space})
        (22, 8)
    """

    def __init__(self, *, nodes: int = 4, operations: Sequence[str] = OPERATIONS) -> None:
        self.edges = edges_of(nodes)
        self.nodes = nodes
        self.operations = _checked(operations)

    @property
    def choices(self) -> tuple[int, ...]:
        """How many operations each edge can have."""
        return (len(self.operations),) * len(self.edges)

    @property
    def count(self) -> int:
        """How many ways there are to write a cell, with those that pass no signal."""
        return math.prod(self.choices)

    def decode(self, indices: Sequence[int]) -> Cell:
        """The cell with these operations, each by its place among the operations."""
        return tuple(self.operations[index] for index in indices)

    def encode(self, cell: Sequence[str]) -> tuple[int, ...]:
        """The other way round."""
        return tuple(self.operations.index(operation) for operation in self.checked(cell))

    def checked(self, cell: Sequence[str]) -> Cell:
        """The cell, when it is one of the space.

        Raises:
            BadValue: another number of edges, another operation, or no way for a signal.
        """
        if len(cell) != len(self.edges) or not set(cell) <= set(self.operations):
            rule = f"{len(self.edges)} of the operations {', '.join(self.operations)}"
            raise must_be("cell", rule, list(cell))
        if not self.allows(cell):
            raise must_be("cell", "one with a way from its first node to its last", list(cell))
        return tuple(cell)

    def allows(self, cell: Sequence[str]) -> bool:
        """Whether there is a way from its first node to its last."""
        return bool(live_edges(cell))

    def __iter__(self) -> Iterator[Cell]:
        """Every way to write a cell that passes a signal."""
        for cell in itertools.product(self.operations, repeat=len(self.edges)):
            if self.allows(cell):
                yield cell

    def sample(self, draw: random.Random) -> Cell:
        """One of them, each as likely as any other."""
        while True:
            cell = tuple(draw.choice(self.operations) for _ in self.edges)
            if self.allows(cell):
                return cell

    def neighbours(self, cell: Sequence[str]) -> list[Cell]:
        """The cells with another operation on one edge."""
        before = self.checked(cell)
        return [
            after
            for edge, operation in itertools.product(range(len(before)), self.operations)
            if operation != before[edge]
            and self.allows(after := (*before[:edge], operation, *before[edge + 1 :]))
        ]

    def mutate(self, cell: Sequence[str], draw: random.Random) -> Cell:
        """One of its neighbours, each as likely as any other; itself where it has none."""
        return draw.choice(self.neighbours(cell) or [tuple(cell)])

    def key(self, cell: Sequence[str]) -> str:
        """A text that two cells share when they are the same function of input and weights.

        Known as the same: cells that differ in edges on no way from input to output, in the order
        of their nodes, in a skip or in what is skipped to, and in whether a pooling without weights
        is done once or twice. Convolutions of equal inputs stay apart: each has its own weights.
        """
        return _Terms(live_edges(cell)).key()


class _Terms:
    """A cell as sums of terms: the input, and what convolutions and poolings made of sums.

    A skip adds the terms of one node to another, so that nodes vanish and terms are left.
    """

    def __init__(self, live: Mapping[tuple[int, int], str]) -> None:
        self.made: dict[int, tuple[str, Sum]] = {}  # term → operation and what it is applied to
        nodes: dict[int, Sum] = {0: Counter({0: 1})}
        for (source, target), operation in live.items():
            node = nodes.setdefault(target, Counter())
            if operation == "skip":
                node.update(nodes[source])
            else:
                self.made[len(self.made) + 1] = (operation, nodes[source])
                node[len(self.made)] += 1
        self.answer = nodes[max(nodes)]

    def key(self) -> str:
        """The least of the texts over all ways to number convolutions that look alike."""
        alike: dict[str, list[int]] = {}
        for term, (operation, _) in self.made.items():
            if operation.startswith("conv"):
                alike.setdefault(self._text(term, {}), []).append(term)
        groups = [alike[text] for text in sorted(alike)]
        return min(
            self._whole(list(itertools.chain.from_iterable(order)))
            for order in itertools.product(*map(itertools.permutations, groups))
        )

    def _whole(self, order: Sequence[int]) -> str:
        numbers = {term: place for place, term in enumerate(order)}
        lines = [f"#{numbers[term]}={self._applied(term, numbers)}" for term in order]
        return "; ".join([*lines, self._sum(self.answer, numbers)])

    def _applied(self, term: int, numbers: Mapping[int, int]) -> str:
        operation, inputs = self.made[term]
        return f"{operation}({self._sum(inputs, numbers)})"

    def _text(self, term: int, numbers: Mapping[int, int]) -> str:
        if term == 0:
            return "x"
        return f"#{numbers[term]}" if term in numbers else self._applied(term, numbers)

    def _sum(self, terms: Sum, numbers: Mapping[int, int]) -> str:
        return " + ".join(sorted(self._text(term, numbers) for term in terms.elements()))


def _checked(operations: Sequence[str]) -> tuple[str, ...]:
    if isinstance(operations, str):
        raise must_be("operations", "a list of names", operations, error=BadType)
    for operation in operations:
        if operation not in OPERATIONS:
            raise unknown("operation", str(operation), OPERATIONS)
    if len(set(operations)) != len(operations) or len(operations) < 2:
        raise must_be("operations", "at least two, each named once", list(operations))
    return tuple(operations)
