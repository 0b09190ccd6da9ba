"""What a model computed, as plain data: operations, and the tensors between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Graph", "Operation", "Ref", "Value"]


@dataclass(frozen=True)
class Ref:
    """Stands in an operation's arguments for the tensor of that number."""

    value: int


@dataclass(frozen=True, kw_only=True)
class Value:
    """One tensor at one time: a write in place makes another value of the same tensor.

    Attributes:
        number: its place in `Graph.values`.
        shape: of the tensor.
        stride: steps in memory along each dimension.
        offset: where it begins in its memory.
        bytes: of its elements.
        origin: number of the operation that made it; None for inputs, parameters and constants.
        name: of a parameter or buffer ("conv1.weight"), of an input ("input"); empty otherwise.
        owns_memory: made anew, and no view of another tensor.
    """

    number: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int
    bytes: int
    origin: int | None = None
    name: str = ""
    owns_memory: bool = True


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One call of torch's.

    Attributes:
        number: its place in `Graph.operations`.
        name: torch's own for it ("convolution", "add").
        target: what was called; None for a write through another view of the same memory.
        calls: which call it was of every module around it, the model first: (path, number).
        arguments: positional ones, with a `Ref` for every tensor.
        keywords: the others.
        inputs: numbers of the tensors it read.
        outputs: numbers of the tensors it made.
        flops: multiplications and additions that torch's counter has for it; None where it has no
            formula.
    """

    number: int
    name: str
    target: Any
    calls: tuple[tuple[str, int], ...]
    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    flops: int | None = None

    @property
    def module(self) -> str:
        """Path of the innermost module that it ran in; empty for the model itself."""
        return self.calls[-1][0] if self.calls else ""


@dataclass(frozen=True, kw_only=True)
class Graph:
    """Everything that ran, in order.

    Attributes:
        operations: by number.
        values: by number.
        inputs: numbers of the tensors that were given.
        outputs: numbers of the tensors that came out.
        modules: path → name of its class.
        leaves: paths of the modules without modules inside.
        parameters: path of each parameter → elements; shared ones once, under their first name.
    """

    operations: tuple[Operation, ...]
    values: tuple[Value, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    modules: Mapping[str, str] = field(default_factory=dict)
    leaves: frozenset[str] = frozenset()
    parameters: Mapping[str, int] = field(default_factory=dict)

    def edges(self) -> list[tuple[int, int]]:
        """Pairs of operations of which the second reads what the first made."""
        pairs = {
            (origin, operation.number)
            for operation in self.operations
            for number in operation.inputs
            if (origin := self.values[number].origin) is not None
        }
        return sorted(pairs)
