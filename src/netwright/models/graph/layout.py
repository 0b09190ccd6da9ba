"""Where the boxes of a drawing go: one row a step, few crossings, straight main path."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Layout", "lay_out"]


@dataclass(frozen=True)
class Layout:
    """Places of boxes and lines.

    Attributes:
        row: of each box.
        column: of each box, as a number that need not be whole.
        paths: for each pair of boxes, the columns at which its line passes the rows between them.
    """

    row: tuple[int, ...]
    column: tuple[float, ...]
    paths: Mapping[tuple[int, int], tuple[float, ...]]


def lay_out(count: int, edges: Sequence[tuple[int, int]]) -> Layout:
    """Place boxes 0 … count−1, each below all that it reads.

    Args:
        count: of boxes, numbered in an order in which no edge goes back.
        edges: pairs (from, to).

    Paper: Methods for Visual Understanding of Hierarchical System Structures, 1981,
        https://doi.org/10.1109/TSMC.1981.4308636
    """
    row = [0] * count
    for source, target in sorted(edges, key=lambda edge: edge[1]):
        row[target] = max(row[target], row[source] + 1)
    nodes: list[list[int]] = [[] for _ in range(max(row, default=0) + 1)]
    for node in range(count):
        nodes[row[node]].append(node)
    links: list[tuple[int, int]] = []
    chains: dict[tuple[int, int], list[int]] = {}
    free = count
    for source, target in edges:
        chain = list(range(free, free + row[target] - row[source] - 1))
        free += len(chain)
        for step, node in enumerate(chain, start=row[source] + 1):
            nodes[step].append(node)
        chains[source, target] = chain
        links += zip([source, *chain], [*chain, target], strict=True)
    column = _columns(nodes, links, real=count)
    paths = {edge: tuple(column[node] for node in chain) for edge, chain in chains.items()}
    return Layout(tuple(row), tuple(column[node] for node in range(count)), paths)


def _columns(
    rows: Sequence[Sequence[int]], links: Sequence[tuple[int, int]], *, real: int
) -> dict[int, float]:
    """Each node near the mean of its neighbours, in turn downwards and upwards."""
    above: dict[int, list[int]] = {}
    below: dict[int, list[int]] = {}
    for source, target in links:
        above.setdefault(target, []).append(source)
        below.setdefault(source, []).append(target)
    column = {node: float(n) for row in rows for n, node in enumerate(row)}
    for turn in range(24):
        order = list(rows) if turn % 2 == 0 else list(reversed(rows))
        near = above if turn % 2 == 0 else below
        for row in order:
            wish = {n: _mean([column[m] for m in near.get(n, ())], column[n]) for n in row}
            placed = sorted(row, key=lambda n: (wish[n], n))
            _set_apart(placed, wish, column, real=real)
    return column


def _set_apart(
    row: Sequence[int], wish: Mapping[int, float], column: dict[int, float], *, real: int
) -> None:
    """As near to what they wish as the room between neighbours allows."""
    blocks: list[tuple[list[float], list[int]]] = []  # wishes of a block's start, and its nodes
    for node in row:
        starts, members = [wish[node]], [node]
        while blocks and _end(blocks[-1], members[0], real) > _mean(starts, 0.0) + 1e-9:
            before_starts, before = blocks.pop()
            width = _width(before, real) + _room(before[-1], members[0], real)
            starts = before_starts + [start - width for start in starts]
            members = before + members
        blocks.append((starts, members))
    for starts, members in blocks:
        place = _mean(starts, 0.0)
        for n, node in enumerate(members):
            if n:
                place += _room(members[n - 1], node, real)
            column[node] = place


def _end(block: tuple[list[float], list[int]], node: int, real: int) -> float:
    """Where the next node may be at the earliest."""
    starts, members = block
    return _mean(starts, 0.0) + _width(members, real) + _room(members[-1], node, real)


def _width(members: Sequence[int], real: int) -> float:
    pairs = itertools.pairwise(members)
    return sum(_room(first, second, real) for first, second in pairs)


def _room(first: int, second: int, real: int) -> float:
    """A line needs less of it than a box."""
    return 0.3 + 0.35 * sum(node < real for node in (first, second))


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
