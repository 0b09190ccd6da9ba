"""The inputs of a model, or what one of its layers gives, as the place to take derivatives by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from netwright._errors import BadType, must_be, offenders
from netwright.explain.inside.layer_output import layer_output
from netwright.explain.inside.layers import Layer, named_layer
from netwright.explain.inside.layouts import forward

__all__ = ["Place", "finite", "real"]


@dataclass(frozen=True)
class Place:
    """Where derivatives are taken: the inputs of a model, or the output of one of its layers.

    Attributes:
        model: opened by `examined`.
        layer: None for the inputs.
    """

    model: nn.Module
    layer: Layer | None = None

    def values(self, inputs: Tensor) -> Tensor:
        """What is there for these inputs.

        Raises:
            BadType: no real numbers.
            BadValue: no such layer, or one that gives no tensor.
        """
        if self.layer is None:
            return real(inputs)
        return real(layer_output(self.model, inputs, layer=self.layer))

    def run(self, inputs: Tensor, values: Tensor) -> Any:
        """The model's output for these inputs, with `values` there.

        Raises:
            BadValue: the layer runs more than once.
        """
        if self.layer is None:
            return forward(self.model, values)
        path, module = named_layer(self.model, self.layer)
        ran = False

        def replaced(_: nn.Module, __: Any, output: Tensor) -> Tensor:
            nonlocal ran
            if ran or output.shape != values.shape:  # those of its last run would not fit its first
                fix = "Name another layer, or use a module of its own at each place."
                raise must_be("layer", "one that runs once", path, fix)
            ran = True
            return values

        hook = module.register_forward_hook(replaced)
        try:
            return self.model(inputs)
        finally:
            hook.remove()


def real(inputs: object) -> Tensor:
    """The inputs, if derivatives can be taken by them.

    Raises:
        BadType: no tensor of real numbers.
        BadValue: some are NaN or infinite.
    """
    if isinstance(inputs, Tensor) and inputs.is_floating_point():
        return finite(inputs)
    shown = inputs.dtype if isinstance(inputs, Tensor) else type(inputs).__name__
    fix = "Pictures: as the model takes them, preprocessed. Tokens: layer= the embedding."
    raise must_be("inputs", "a tensor of real numbers", shown, fix, error=BadType)


def finite(inputs: Tensor) -> Tensor:
    """The inputs, if they are numbers a map can be made for.

    Raises:
        BadValue: some are NaN or infinite.
    """
    if inputs.isfinite().all():
        return inputs
    wrong = (~inputs.flatten(1).isfinite().all(1)).nonzero().flatten().tolist()
    raise must_be("inputs", "finite", f"NaN or infinity in examples {offenders(wrong)}")
