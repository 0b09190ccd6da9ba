"""What a model is made of, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from netwright._errors import NetwrightError, must_be, unknown
from netwright.models.graph.layers import Layer, collapse, layers_of
from netwright.models.graph.receptive_field import fields_of
from netwright.models.graph.record import numbers_of, record, refuse_others
from netwright.models.graph.table import plain, table

if TYPE_CHECKING:
    from pathlib import Path

    from netwright.models.graph.effective import EffectiveField

__all__ = ["Description", "describe"]


@dataclass(frozen=True, kw_only=True)
class Description:
    """A model as it ran on one input; as text it is a table.

    Attributes:
        name: of the model's class.
        input_shape: of the input it ran on.
        layers: in the order in which they ran.
        classes: path of each module → name of its class.
        parameters: elements of all parameters, shared ones once, biases too.
        unused: paths of the parameters that nothing read.
        unknown: operations through which no receptive field can be followed.
        uncounted: operations whose FLOPs are not counted.
        effective: layer → effective receptive field, of those that were measured.
    """

    name: str
    input_shape: tuple[int, ...]
    layers: tuple[Layer, ...]
    classes: Mapping[str, str]
    parameters: int
    unused: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    uncounted: tuple[str, ...] = ()
    effective: dict[str, EffectiveField] | None = None

    @property
    def multiply_adds(self) -> int:
        """Of all layers."""
        return sum(layer.multiply_adds for layer in self.layers)

    @property
    def flops(self) -> int:
        """Of all layers."""
        return sum(layer.flops for layer in self.layers)

    @property
    def activation_bytes(self) -> int:
        """Of everything the layers made, all of it kept as training does."""
        return sum(layer.activation_bytes for layer in self.layers)

    def layer(self, name: str) -> Layer:
        """The layer of that name, its last call where it was called several times.

        Raises:
            BadValue: none of that name.
        """
        found = [one for one in self.layers if one.name == name]
        if not found:
            raise unknown("layer", name, {one.name for one in self.layers})
        return found[-1]

    def collapsed(self, depth: int) -> Description:
        """The same with whole modules for layers.

        Args:
            depth: names in a module's path: 1 for `layer1`, 2 for `layer1.0`.

        Raises:
            BadValue: less than 1.
        """
        if depth < 1:
            raise must_be("depth", "at least 1", depth)
        return replace(self, layers=collapse(self.layers, classes=self.classes, depth=depth))

    def draw(self, path: str | Path, *, depth: int | None = None) -> None:
        """Draw the graph.

        Args:
            path: ending in .svg, .png or .pdf.
            depth: of the modules that stand for what is in them; None takes the greatest with which
                the drawing stays legible.

        Raises:
            BadValue: another ending.
        """
        from netwright.models.graph.drawing import draw

        draw(self, path, depth=depth)

    def to_json(self) -> dict[str, Any]:
        """As plain data; fractions as numbers."""
        rows = [plain(layer) for layer in self.layers]
        effective = {name: asdict(one) for name, one in (self.effective or {}).items()}
        return {
            "name": self.name,
            "input_shape": list(self.input_shape),
            "parameters": self.parameters,
            "multiply_adds": self.multiply_adds,
            "flops": self.flops,
            "activation_bytes": self.activation_bytes,
            "unused": list(self.unused),
            "unknown": list(self.unknown),
            "uncounted": list(self.uncounted),
            "layers": rows,
            "effective": effective,
        }

    def __str__(self) -> str:
        return table(self)


def describe(
    model: nn.Module,
    inputs: Tensor | Sequence[int] | Sequence[Tensor],
    *,
    axes: Sequence[int] | None = None,
) -> Description:
    """Every layer's output, parameters, arithmetic and receptive field.

    The model runs on stand-ins without values, in evaluation mode, and stays as it was. Parameters
    count biases; FLOPs are those of the batch that is given.

    Args:
        model: any module.
        inputs: an example with its batch dimension, or several, or the shape of one example without
            it.
        axes: dimensions of the (first) input along which fields are followed; None takes those
            after batch and channel.

    Example:
        >>> described = describe(nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU()), (3, 9, 9))
        >>> described.parameters, described.multiply_adds
        (224, 3456)
        >>> described.layer("0").receptive_field[0].size
        Fraction(3, 1)

    Raises:
        BadType: `model` is no module.
        BadValue: the model can't take such inputs.
    """
    refuse_others(model)
    given = example(model, inputs)
    try:
        graph = record(model, given)
    except NetwrightError:
        raise
    except Exception as error:  # whatever the model itself says of such an input
        raise _refused(model, given, error) from error
    fields = fields_of(graph, axes=axes)
    layers = layers_of(graph, fields)
    read = {number for operation in graph.operations for number in operation.inputs}
    used = {graph.values[number].name for number in read}
    return Description(
        name=type(model).__name__,
        input_shape=graph.values[graph.inputs[0]].shape,
        layers=layers,
        classes=graph.modules,
        parameters=sum(graph.parameters.values()),
        unused=tuple(name for name in graph.parameters if name not in used),
        unknown=tuple(sorted({fields.unknown[number] for number in read & set(fields.unknown)})),
        uncounted=tuple(sorted({name for layer in layers for name in layer.uncounted})),
    )


def with_effective(description: Description, measured: dict[str, EffectiveField]) -> Description:
    """The same with what was measured of some layers."""
    return replace(description, effective=measured)


def _refused(model: nn.Module, given: Tensor | Sequence[Any], error: Exception) -> NetwrightError:
    several = (given,) if isinstance(given, Tensor) else given
    shapes = [tuple(one.shape) if isinstance(one, Tensor) else one for one in several]
    said = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    if not isinstance(error, RuntimeError) or not said:
        said = f"{type(error).__name__}: {said}".rstrip(": ")
    shown = shapes[0] if len(shapes) == 1 else shapes
    return must_be("input", f"what {type(model).__name__} takes", shown, said)


def example(
    model: nn.Module, inputs: Tensor | Sequence[int] | Sequence[Tensor]
) -> Tensor | Sequence[Any]:
    """The inputs, or zeros of that shape where the model is and of its numbers' kind.

    Args:
        model: that will take them.
        inputs: tensors, which are given back, or the shape of one example.
    """
    if isinstance(inputs, Tensor) or not all(isinstance(size, int) for size in inputs):
        return inputs
    return torch.zeros(1, *inputs).to(numbers_of(model))
