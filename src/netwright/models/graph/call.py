"""One operation with the fields of what it read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from netwright.models.graph.fields import Fields
from netwright.models.graph.operations import Operation, Ref, Value

__all__ = ["Call", "Rule"]


@dataclass(frozen=True)
class Call:
    """One operation with the fields of what it read.

    Attributes:
        operation: as recorded.
        values: all tensors of the graph.
        known: number of a tensor → its fields.
    """

    operation: Operation
    values: Sequence[Value]
    known: Mapping[int, Fields]

    @cached_property
    def arguments(self) -> dict[str, Any]:
        """Everything it was called with, by name, defaults too."""
        given = self.operation
        schema = given.target._schema.arguments
        found = {one.name: one.default_value for one in schema if one.has_default_value()}
        found |= {one.name: value for one, value in zip(schema, given.arguments, strict=False)}
        return found | dict(given.keywords)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the first tensor it made."""
        return self.values[self.operation.outputs[0]].shape

    @property
    def read(self) -> list[Fields]:
        """The fields of every tensor it read."""
        return [self.known[number] for number in self.operation.inputs]

    @property
    def first(self) -> Fields:
        """The fields of the first tensor it read."""
        return self.read[0]

    def fields(self, name: str) -> Fields | None:
        """The fields of the tensor of that argument."""
        given = self.arguments[name]
        return self.known[given.value] if isinstance(given, Ref) else None


Rule = Callable[[Call], Sequence[Fields] | None]
