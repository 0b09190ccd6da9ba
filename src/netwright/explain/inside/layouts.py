"""A forward pass whose maps lie in memory as the convolutions that read them like it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import lru_cache, partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.autograd.function import BackwardCFunction
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as trees

from netwright.explain.inside.examined import buffers_as_opened

__all__ = ["OF_MEMORY", "Quickly", "Without", "forward", "in_order", "in_quick_layouts"]

T = TypeVar("T")


def forward(model: nn.Module, inputs: Tensor) -> Any:
    """What `model(inputs)` gives up to rounding, in less time; see `in_quick_layouts`.

    Args:
        model: opened by `examined`.
        inputs: as it takes them; where it may be asked twice, it gets copies of them.
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
        if self.refused or not _helps(self.model, inputs):
            return self.model(inputs)
        return _first_quickly(
            lambda: _as_usual(self.model(inputs.clone())),
            partial(self._plainly, inputs),
            self.model,
        )

    def _plainly(self, inputs: Tensor) -> Any:
        self.refused = True
        return self.model(inputs.clone())


def in_order(output: Any) -> Any:
    """An output whose tensors lie as they look, for whoever takes a `view` of them."""
    return trees.tree_map(
        lambda value: value.contiguous() if isinstance(value, Tensor) else value, output
    )


def in_quick_layouts(attempt: Callable[[], T], *, model: nn.Module, inputs: Tensor) -> T:
    """What `attempt` gives, its convolutions of pictures run channels last where that is quicker.

    On a processor large maps are pooled and convolved quicker channels last; of small maps below
    large weights it is the weights that would have to be laid anew. Folding batch norms into
    convolutions was measured too, and gains nothing here. What depends on how numbers lie in
    memory (`view`, strides, the order of random numbers) is run again as it was meant, from the
    same buffers and random state.

    Args:
        attempt: runs the model; it may be called a second time.
        model: opened by `examined`.
        inputs: of the model.
    """
    if not _helps(model, inputs):
        return attempt()
    return _first_quickly(attempt, attempt, model)


def _first_quickly(quickly: Callable[[], T], plainly: Callable[[], T], model: nn.Module) -> T:
    put_back, random = buffers_as_opened(model), torch.get_rng_state()
    layouts = _Layouts()
    try:
        with layouts:
            found = quickly()
        done = not layouts.are_seen and torch.equal(random, torch.get_rng_state())
    except Exception:  # said again by the second attempt, if it is the model's own
        done = False
    if done:
        return found
    put_back()
    torch.set_rng_state(random)
    return plainly()


def _helps(model: nn.Module, inputs: Tensor) -> bool:
    """Whether pictures are convolved by modules of which all can be seen, and nobody else looks."""
    if not (isinstance(inputs, Tensor) and inputs.ndim == 4 and inputs.device.type == "cpu"):
        return False
    return not any(
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
        or isinstance(module, torch.jit.ScriptModule)
        for module in model.modules()
    )


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

_NAMES_OF_MEMORY = {
    "__array__", "__dlpack__", "_typed_storage", "as_strided", "as_strided_", "as_strided_copy",
    "as_strided_scatter", "data_ptr", "dim_order", "is_contiguous", "numpy", "register_hook",
    "resize_", "resize_as_", "set_", "storage", "storage_offset", "stride", "untyped_storage",
}  # fmt: skip


_WORTH = 4
"""Weights that are laid anew for one number of the maps: measured over 0.2, 1, 2, 5 and 30."""


@lru_cache(maxsize=1024)
def _tells_of_memory(function: Any) -> bool:
    return getattr(function, "__name__", "").partition(".")[0] in _NAMES_OF_MEMORY


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


class _Layouts(TorchFunctionMode):
    """Gives each convolution its maps in the order that takes it the least time.

    Attributes:
        are_seen: whether the model asked how its numbers lie, even if it went on afterwards.
    """

    def __init__(self) -> None:
        super().__init__()
        self.are_seen = False

    def __torch_function__(
        self, function: Any, types: Any, arguments: Any = (), keywords: Any = None
    ) -> Any:
        keywords = keywords or {}
        if function is torch.conv2d and len(arguments) > 1:
            maps, weight = arguments[:2]
            is_large = maps.ndim == 4 and weight.numel() <= _WORTH * maps.numel()
            order = torch.channels_last if is_large else torch.contiguous_format
            arguments = (maps.contiguous(memory_format=order), *arguments[1:])
        elif (
            _tells_of_memory(function)
            or keywords.get("generator") is not None
            or (function is torch.autograd.grad and _has_own_functions(arguments[:1]))
        ):
            self.are_seen = True
            raise _Asked
        return function(*arguments, **keywords)


def _as_usual(output: Any) -> Any:
    """The output with its numbers in order, for whoever looks at it next.

    Raises:
        _Asked: there is something in it, or on the way back, that can't be looked into.
    """
    for each in trees.tree_leaves(output):
        if not (each is None or isinstance(each, Tensor | int | float | str)):
            raise _Asked
    if _has_own_functions(output):
        raise _Asked
    return in_order(output)


def _has_own_functions(output: Any) -> bool:
    """Whether somebody's own `autograd.Function` will see the gradients and how they lie."""
    tensors = [each for each in trees.tree_leaves(output) if isinstance(each, Tensor)]
    waiting = [each.grad_fn for each in tensors if each.grad_fn is not None]
    seen = set(waiting)
    while waiting:
        node = waiting.pop()
        if isinstance(node, BackwardCFunction):
            return True
        new = {below for below, _ in node.next_functions if below is not None} - seen
        seen |= new
        waiting.extend(new)
    return False
