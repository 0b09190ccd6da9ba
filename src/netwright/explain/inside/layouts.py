"""A forward pass whose maps lie in memory as the convolutions that read them like it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

__all__ = ["forward", "in_quick_layouts"]

T = TypeVar("T")


def forward(model: nn.Module, inputs: Tensor) -> Any:
    """What `model(inputs)` gives up to rounding, in less time; see `in_quick_layouts`.

    Args:
        model: opened by `examined`.
        inputs: as it takes them; they are not written into unless it must be asked twice.
    """
    if not _helps(inputs):
        return model(inputs)
    try:
        with _Layouts():
            return model(inputs.clone())
    except Exception:  # the model itself says below what is wrong, if anything is
        return model(inputs)


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


class _SeesMemory(Exception):
    """The model asks how its numbers lie."""


_OF_MEMORY = {
    torch.as_strided,
    Tensor.as_strided,
    Tensor.as_strided_,
    Tensor.stride,
    Tensor.storage_offset,
    Tensor.untyped_storage,
    Tensor.data_ptr,
    Tensor.resize_,
}


class _Layouts(TorchFunctionMode):
    """Gives each convolution its maps in the order that takes it the least time."""

    def __torch_function__(
        self, function: Any, types: Any, arguments: Any = (), keywords: Any = None
    ) -> Any:
        if function is torch.conv2d and len(arguments) > 1:
            maps, weight = arguments[:2]
            is_large = maps.ndim == 4 and weight.numel() <= maps.numel()
            order = torch.channels_last if is_large else torch.contiguous_format
            arguments = (maps.contiguous(memory_format=order), *arguments[1:])
        elif function in _OF_MEMORY:
            raise _SeesMemory
        return function(*arguments, **(keywords or {}))
