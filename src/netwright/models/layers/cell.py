"""A small graph of operations, described by plain data: what a search of architectures chooses."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import BadType, must_be, unknown

__all__ = ["OPERATIONS", "Cell", "edges_of", "live_edges", "nodes_of"]

Edge = tuple[int, int]


def _convolution(channels: int, size: int) -> nn.Module:
    conv = nn.Conv2d(channels, channels, size, padding=size // 2, bias=False)
    return nn.Sequential(nn.ReLU(), conv, nn.BatchNorm2d(channels))


_MAKE: Mapping[str, Callable[[int], nn.Module]] = {
    "skip": lambda channels: nn.Identity(),
    "conv-1x1": lambda channels: _convolution(channels, 1),
    "conv-3x3": lambda channels: _convolution(channels, 3),
    "pool-3x3": lambda channels: nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False),
}
OPERATIONS = ("zero", *_MAKE)


class Cell(nn.Module):
    """Feature maps that are sums of operations on earlier ones; the last is the answer.

    Node 0 is the input. Each edge from a node to a later one applies one of the `OPERATIONS`: zero
    (no edge), skip, a rectifier with a 1x1 or 3x3 convolution and batch norm, or the mean of 3x3
    pixels. A node is the sum of what its edges bring. Channels and size stay as they are.

    Paper: NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search, 2020,
        https://arxiv.org/abs/2001.00326
    Differs: edges that nothing reaches, or from which nothing reaches the last node, are not made:
        what a node without inputs passes on is zero, through a convolution too.

    Args:
        operations: one name an edge, in the order of `edges_of`.
        channels: of the input and of all nodes.

    Example:
        >>> import torch
        >>> cell = Cell(["skip", "conv-3x3", "zero"], channels=4)
        >>> list(cell.edges)  # node 2 is reached from node 0 alone
        ['0-2']
        >>> cell(torch.zeros(1, 4, 8, 8)).shape
        torch.Size([1, 4, 8, 8])

    Raises:
        BadValue: an unknown operation, a number of edges that no cell has, or no way from the
            first node to the last.
    """

    def __init__(self, operations: Sequence[str], *, channels: int) -> None:
        super().__init__()
        if channels < 1:
            raise must_be("channels", "at least 1", channels)
        live = live_edges(operations)
        if not live:
            raise must_be(
                "cell",
                "one with a way from its first node to its last",
                list(operations),
                "Put another operation in place of some zeros.",
            )
        self._sources = [(source, target) for source, target in live]
        self.edges = nn.ModuleDict(
            {_name(edge): _MAKE[operation](channels) for edge, operation in live.items()}
        )

    def forward(self, inputs: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """The last node."""
        nodes: dict[int, Tensor] = {0: inputs}
        for source, target in self._sources:
            brought = self.edges[_name((source, target))](nodes[source])
            nodes[target] = nodes[target] + brought if target in nodes else brought
        return nodes[max(nodes)]


def nodes_of(operations: Sequence[str]) -> int:
    """How many nodes a cell with so many edges has: v nodes have v(v − 1)/2.

    Example:
        >>> nodes_of(["skip"] * 6)
        4
    """
    if isinstance(operations, str) or not isinstance(operations, Sequence):
        raise must_be("cell", "a list of operations", operations, error=BadType)
    nodes = (1 + math.isqrt(1 + 8 * len(operations))) // 2
    if len(operations) < 1 or nodes * (nodes - 1) != 2 * len(operations):
        rule = "a list of 1, 3, 6, 10, … operations, one for each pair of 2, 3, 4, 5, … nodes"
        raise must_be("cell", rule, operations)
    return nodes


def edges_of(nodes: int) -> list[Edge]:
    """From which node to which, in the order in which a cell lists its operations.

    Example:
        >>> edges_of(3)
        [(0, 1), (0, 2), (1, 2)]
    """
    if nodes < 2:
        raise must_be("nodes", "at least 2", nodes)
    return [(source, target) for target in range(1, nodes) for source in range(target)]


def live_edges(operations: Sequence[str]) -> dict[Edge, str]:
    """The edges on some way from the first node to the last; none where there is no way.

    Example:
        >>> live_edges(["skip", "zero", "zero"])
        {}
    """
    nodes = nodes_of(operations)
    for operation in operations:
        if operation not in OPERATIONS:
            raise unknown("operation of the cell", str(operation), OPERATIONS)
    wired = {
        edge: operation
        for edge, operation in zip(edges_of(nodes), operations, strict=True)
        if operation != "zero"
    }
    reached, needed = {0}, {nodes - 1}
    for source, target in wired:  # in the order of the targets
        if source in reached:
            reached.add(target)
    for source, target in sorted(wired, key=lambda edge: -edge[1]):
        if target in needed:
            needed.add(source)
    return {
        (source, target): operation
        for (source, target), operation in wired.items()
        if source in reached and target in needed
    }


def _name(edge: Edge) -> str:
    return f"{edge[0]}-{edge[1]}"
