"""A forward pass in which a batch norm after a convolution is taken into its weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

__all__ = ["forward", "forwards"]


def forward(model: nn.Module, *inputs: Any) -> Any:
    """One forward pass as `model(*inputs)` gives, in less time; see `forwards`."""
    return forwards(model, batches=1)(*inputs)


def forwards(model: nn.Module, *, batches: int) -> Callable[..., Any]:
    """The model's forward pass, in which batch norms are taken into convolutions where it pays.

    A batch norm in evaluation multiplies and shifts whole channels, and so can the weights before
    it. Whether a norm follows a convolution is guessed from the order of modules and seen when it
    happens: the convolution waits until its output is asked for, and if that is not by the norm
    alone, it is computed as it stands. A model is neither changed nor copied, outputs and gradients
    by the inputs are the same up to rounding; gradients by weights are not at hand.

    It pays where the folded weights (c·i·k² numbers) are fewer than those the norm would read, of
    all batches together; folded weights live as long as the function that is given back.

    Args:
        model: opened by `examined`.
        batches: so many of this size will be asked for, about.
    """
    pairs = _pairs(model)
    if not pairs:
        return model
    folding = _Folding(pairs, batches)

    def run(*inputs: Any) -> Any:
        kept = tree_map(lambda value: value.clone() if isinstance(value, Tensor) else value, inputs)
        try:
            with folding:
                return tree_map(_computed, model(*inputs))
        except _Stale as stale:
            stale.pair.wrong = True
        return run(*kept)

    return run


@dataclass
class _Pair:
    """A convolution, and the norm that is expected to take its output."""

    convolution: nn.Conv2d
    norm: nn.BatchNorm2d
    folded: dict[torch.dtype, tuple[Tensor, Tensor]] = field(default_factory=dict)
    wrong: bool = False

    def weights(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Of the two as one convolution."""
        if like.dtype not in self.folded:
            self.folded[like.dtype] = self._fold()
        return self.folded[like.dtype]

    @torch.no_grad()
    def _fold(self) -> tuple[Tensor, Tensor]:
        norm, convolution = self.norm, self.convolution
        mean, variance = norm.running_mean, norm.running_var
        scale = torch.rsqrt(variance + norm.eps)
        if norm.weight is not None:
            scale = scale * norm.weight
        shift = -mean * scale
        if norm.bias is not None:
            shift = shift + norm.bias
        if convolution.bias is not None:
            shift = shift + convolution.bias * scale
        return convolution.weight * scale.reshape(-1, 1, 1, 1), shift


def _pairs(model: nn.Module) -> dict[int, _Pair]:
    """Convolutions directly before a norm in the order of modules, by their weight."""
    found: dict[int, _Pair] = {}
    seen: set[int] = set()
    for parent in model.modules():
        children = list(parent.children())
        for one, other in pairwise(children):
            if type(one) is nn.Conv2d and id(one.weight) in seen:
                found.pop(id(one.weight), None)  # shared: by which norm it is followed is open
            elif _may_be_folded(one, other):
                found[id(one.weight)] = _Pair(one, other)
        seen.update(id(one.weight) for one in children if type(one) is nn.Conv2d)
    return found


def _may_be_folded(one: nn.Module, other: nn.Module) -> bool:
    return (
        type(one) is nn.Conv2d
        and type(other) is nn.BatchNorm2d
        and not other.training
        and other.running_mean is not None
        and len(other.running_mean) == one.out_channels
        and one.weight.dtype == other.running_mean.dtype
        and not any(map(_is_watched, (one, other)))
    )


def _is_watched(module: nn.Module) -> bool:
    hooks = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks)
    return any((*hooks, module._backward_pre_hooks, module.__dict__.get("forward")))


class _Stale(BaseException):
    """What a convolution that waited would have read was written over, or gradients are now off."""

    def __init__(self, pair: _Pair) -> None:
        self.pair = pair


class _Waiting(Tensor):
    """The output of a convolution that has not been done yet."""

    @staticmethod
    def __new__(
        cls: type[_Waiting], pair: _Pair, *, shape: list[int], given: tuple[Any, ...]
    ) -> _Waiting:
        return torch.Tensor._make_wrapper_subclass(  # type: ignore[no-any-return]
            cls, shape, dtype=given[0].dtype, device=given[0].device
        )

    def __init__(self, pair: _Pair, *, shape: list[int], given: tuple[Any, ...]) -> None:
        self.pair, self.given = pair, given
        self.version = _version(given[0])
        self.differentiated = torch.is_grad_enabled()
        self.plain: Tensor | None = None

    def computed(self) -> Tensor:
        """What it stands for."""
        if self.plain is None:
            self.pair.wrong = True
            self._check()
            self.plain = torch.conv2d(*self.given)
        return self.plain

    def normed(self) -> Tensor:
        """What the norm would make of it."""
        self._check()
        x, _, _, *rest = self.given
        return torch.conv2d(x, *self.pair.weights(x), *rest)

    def _check(self) -> None:
        same_mode = self.differentiated == torch.is_grad_enabled()
        if self.version != _version(self.given[0]) or not same_mode:
            raise _Stale(self.pair)

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, arguments: Any = (), keywords: Any = None
    ) -> Any:
        """The expected norm, or anything else that wants to see the output."""
        keywords = keywords or {}
        if function in _FACTS:
            with torch._C.DisableTorchFunctionSubclass():
                return function(*arguments, **keywords)
        if function is F.batch_norm and _is_expected(arguments, keywords):
            return arguments[0].normed()
        return function(*tree_map(_computed, arguments), **tree_map(_computed, keywords))

    @classmethod
    def __torch_dispatch__(
        cls, function: Any, types: Any, arguments: Any = (), keywords: Any = None
    ) -> Any:
        """Asked for below the level at which gradients are kept."""
        waiting = [v for v in tree_leaves((arguments, keywords)) if isinstance(v, _Waiting)]
        raise _Stale(waiting[0].pair)


_FACTS = {
    Tensor.dim,
    Tensor.size,
    Tensor.ndim.__get__,  # type: ignore[attr-defined]
    Tensor.shape.__get__,  # type: ignore[attr-defined]
    Tensor.dtype.__get__,
    Tensor.device.__get__,
}
"""What is known of an output before it is computed."""


def _is_expected(arguments: tuple[Any, ...], keywords: dict[str, Any]) -> bool:
    """Whether `F.batch_norm` is called by the very norm of the pair."""
    if len(arguments) != 3 or not isinstance(arguments[0], _Waiting):
        return False
    waiting, mean, variance = arguments
    norm = waiting.pair.norm
    return (
        mean is norm.running_mean
        and variance is norm.running_var
        and keywords["weight"] is norm.weight
        and keywords["bias"] is norm.bias
        and not keywords["training"]
        and keywords["eps"] == norm.eps
    )


def _computed(value: Any) -> Any:
    return value.computed() if isinstance(value, _Waiting) else value


def _version(value: Tensor) -> int:
    return 0 if value.is_inference() else value._version


class _Folding(TorchFunctionMode):
    """Lets the convolutions of pairs wait for their norms."""

    def __init__(self, pairs: dict[int, _Pair], batches: int) -> None:
        super().__init__()
        self.pairs = pairs
        self.batches = batches

    def __torch_function__(
        self, function: Any, types: Any, arguments: Any = (), keywords: Any = None
    ) -> Any:
        if function is torch.conv2d and not keywords and len(arguments) == 7:
            pair = self.pairs.get(id(arguments[1]))
            if pair is not None and not pair.wrong:
                shape = _shape_of(*arguments)
                if shape is not None and self._pays(pair, shape):
                    return _Waiting(pair, shape=shape, given=arguments)
        return function(*arguments, **(keywords or {}))

    def _pays(self, pair: _Pair, shape: list[int]) -> bool:
        read = self.batches * shape[0] * shape[1] * shape[2] * shape[3]
        return bool(pair.folded) or pair.convolution.weight.numel() < read


def _shape_of(x: Tensor, weight: Tensor, _bias: Any, *rest: Any) -> list[int] | None:
    """Of a convolution's output; None where it is not as simple as all that."""
    stride, padding, dilation, _groups = rest
    other_type = x.dtype != weight.dtype or torch.is_autocast_enabled(x.device.type)
    if isinstance(padding, str) or x.ndim != 4 or other_type:
        return None
    sizes = (
        (x.shape[2 + at] + 2 * padding[at] - dilation[at] * (weight.shape[2 + at] - 1) - 1)
        // stride[at]
        + 1
        for at in (0, 1)
    )
    return [len(x), len(weight), *sizes]
