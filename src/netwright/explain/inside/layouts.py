"""A forward pass whose maps lie in memory as the convolutions that read them like it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

__all__ = ["OF_MEMORY", "Quickly", "Without", "forward", "in_order", "in_quick_layouts"]

T = TypeVar("T")


def forward(model: nn.Module, inputs: Tensor) -> Any:
    """What `model(inputs)` gives up to rounding, in less time; see `in_quick_layouts`.

    Args:
        model: opened by `examined`.
        inputs: as it takes them; they are not written into unless it must be asked twice.
    """
    return Quickly(model)(inputs)


class Quickly:
    """A model that is asked many times: what can't be asked so is found out once.

    Args:
        model: opened by `examined`.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model, self.refused = model, False

    def __call__(self, inputs: Tensor) -> Any:
        """See `forward`."""
        if self.refused or not _helps(inputs):
            return self.model(inputs)
        try:
            with _Layouts():
                return in_order(self.model(inputs.clone()))
        except Exception:  # the model itself says below what is wrong, if anything is
            self.refused = True
        return self.model(inputs)


def in_order(output: Any) -> Any:
    """An output whose tensors lie as they look, for whoever takes a `view` of them."""
    return tree_map(
        lambda value: value.contiguous() if isinstance(value, Tensor) else value, output
    )


def in_quick_layouts(attempt: Callable[[], T], *, inputs: Tensor) -> T:
    """What `attempt` gives, its convolutions of pictures run channels last where that is quicker.

    On a processor large maps are pooled and convolved quicker channels last; of small maps below
    large weights it is the weights that would have to be laid anew. Folding batch norms into
    convolutions was measured too, and gains nothing here. What depends on how numbers lie in
    memory (`view`, strides) is run again as it was meant.

    Args:
        attempt: runs a model; it may be called a second time.
        inputs: of the model.
    """
    if not _helps(inputs):
        return attempt()
    try:
        with _Layouts():
            return attempt()
    except Exception:  # said again by the second attempt, if it is the model's own
        return attempt()


def _helps(inputs: Tensor) -> bool:
    return isinstance(inputs, Tensor) and inputs.ndim == 4 and inputs.device.type == "cpu"


class _Asked(Exception):
    """The model asks for what must not be asked here."""


OF_MEMORY = {
    torch.as_strided,
    Tensor.as_strided,
    Tensor.as_strided_,
    Tensor.stride,
    Tensor.storage_offset,
    Tensor.untyped_storage,
    Tensor.data_ptr,
    Tensor.resize_,
}
"""What tells how numbers lie in memory."""


class Without(TorchFunctionMode):
    """Within, a model that asks for one of some functions is stopped by an error.

    Args:
        functions: these.
    """

    def __init__(self, functions: Collection[Any]) -> None:
        super().__init__()
        self.functions = functions

    def __torch_function__(
        self, function: Any, types: Any, arguments: Any = (), keywords: Any = None
    ) -> Any:
        if function in self.functions:
            raise _Asked
        return function(*arguments, **(keywords or {}))


class _Layouts(Without):
    """Gives each convolution its maps in the order that takes it the least time."""

    def __init__(self) -> None:
        super().__init__(OF_MEMORY)

    def __torch_function__(
        self, function: Any, types: Any, arguments: Any = (), keywords: Any = None
    ) -> Any:
        if function is torch.conv2d and len(arguments) > 1:
            maps, weight = arguments[:2]
            is_large = maps.ndim == 4 and weight.numel() <= maps.numel()
            order = torch.channels_last if is_large else torch.contiguous_format
            arguments = (maps.contiguous(memory_format=order), *arguments[1:])
        return super().__torch_function__(function, types, arguments, keywords)
