"""Residual branches of any module, read off the graph that autograd keeps of one forward pass."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from netwright.models.initialisation.calling import called
from netwright.models.initialisation.standing import standing_still

__all__ = ["last_scales"]

_Node = Any  # a function of autograd's graph

# Operations that turn zeros into zeros and let a gradient through at 0. ReLU does not: behind a
# zero it would stay shut.
_KEEP_ZERO = (
    *("View", "UnsafeView", "Reshape", "Transpose", "Permute", "T", "Clone", "Squeeze", "Div"),
    *("Unsqueeze", "Slice", "Select", "Roll", "Alias", "AsStrided", "Expand", "NativeDropout"),
    *("ToCopy", "ConstantPadNd", "AvgPool", "AdaptiveAvgPool", "Upsample", "Mean"),
)
_WEIGH = ("Convolution", "Mkldnn", "Addmm", "Mm", "Bmm", "Linear")


def last_scales(model: nn.Module, inputs: Any) -> list[tuple[str, ...]]:
    """For each residual branch, in the order of the pass, what makes it 0 when it is set to 0.

    A residual branch is one side of a sum whose other side is a shortcut: what the branch began
    from, or at most one layer of it where the shape changes. What ends it is the scale and shift of
    its last norm, else the weight and bias of its last layer, or a scale of its own behind them.

    Args:
        model: any module; nothing in it changes.
        inputs: two examples or more, as the model takes them.

    Returns:
        Names of parameters, one tuple a branch.
    """
    leaves = {name: value.detach().requires_grad_() for name, value in model.named_parameters()}

    def answer(*arguments: Any, **keywords: Any) -> Any:
        return functional_call(model, leaves, arguments, keywords)

    with standing_still(model), torch.enable_grad():
        given = called(answer, _asking(inputs))
    names = {id(value): name for name, value in leaves.items()}
    return _Graph([one.grad_fn for one in _tensors(given) if one.grad_fn], names).branches()


class _Graph:
    """The functions that led to an answer; each knows all before it, as bits of a number."""

    def __init__(self, ends: Sequence[_Node], names: Mapping[int, str]) -> None:
        self._names = names
        self._nodes = _in_order(ends)
        self._place = {node: place for place, node in enumerate(self._nodes)}
        self._before: list[int] = []
        self._weighing = self._seeing = 0
        for place, node in enumerate(self._nodes):
            bits = 1 << place
            for side in _sides(node):
                bits |= self._before[self._place[side]]
            self._before.append(bits)
            if _kind(node).startswith(_WEIGH):
                self._weighing |= 1 << place
            elif _kind(node).startswith("Embedding") or (_is_leaf(node) and not self._name(node)):
                self._seeing |= 1 << place

    def branches(self) -> list[tuple[str, ...]]:
        """See `last_scales`."""
        found = [self._branch(*_sides(node)) for node in self._nodes if _is_sum(node)]
        return list(dict.fromkeys(scales for scales in found if scales))

    def _branch(self, first: _Node, second: _Node) -> tuple[str, ...]:
        one, other = self._reach(first), self._reach(second)
        began = one & other
        if not began & self._seeing:
            return ()  # no common origin in the inputs: position codes, biases
        layers = [(side & ~began & self._weighing).bit_count() for side in (one, other)]
        longer, shorter = max(layers), min(layers)
        if shorter > 1 or longer == shorter:
            return ()
        return self._tail(first if layers[0] == longer else second)

    def _reach(self, node: _Node) -> int:
        return self._before[self._place[node]]

    def _tail(self, node: _Node) -> tuple[str, ...]:
        """Parameters that bring a side of a sum to 0; none where there are no such."""
        kind, sides = _kind(node), _sides(node)
        own = tuple(name for side in sides if (name := self._behind(side)))
        if kind.startswith(_WEIGH):
            return own if any(self._is_matrix(side) for side in sides) else ()
        if own and (kind == "Mul" or kind.endswith("Norm")):
            return own
        rest = [self._tail(side) for side in sides if not self._behind(side)]
        if kind == "Add":
            return sum((*rest, own), ()) if all(rest) and rest else ()
        if kind == "Mul" or kind.startswith(_KEEP_ZERO):
            return next(filter(None, rest), ())
        return ()

    def _behind(self, node: _Node) -> str:
        """The parameter that a node is, or is another form of."""
        while not _is_leaf(node) and len(_sides(node)) == 1 and _kind(node).startswith(_KEEP_ZERO):
            (node,) = _sides(node)
        return self._name(node)

    def _is_matrix(self, node: _Node) -> bool:
        while not _is_leaf(node) and len(_sides(node)) == 1:
            (node,) = _sides(node)
        return bool(self._name(node)) and node.variable.ndim > 1

    def _name(self, node: _Node) -> str:
        return self._names.get(id(node.variable), "") if _is_leaf(node) else ""


def _in_order(ends: Sequence[_Node]) -> list[_Node]:
    """Every function that leads to the ends, none before what it is made from."""
    done: dict[_Node, None] = {}
    waiting = [(node, False) for node in ends]
    while waiting:
        node, ready = waiting.pop()
        if node in done:
            continue
        if ready:
            done[node] = None
            continue
        waiting.append((node, True))
        waiting += [(side, False) for side in _sides(node) if side not in done]
    return list(done)


def _sides(node: _Node) -> list[_Node]:
    return [side for side, _ in node.next_functions if side is not None]


def _kind(node: _Node) -> str:
    """AddBackward0 → Add."""
    return re.sub(r"Backward\d*$", "", str(node.name()))


def _is_leaf(node: _Node) -> bool:
    return _kind(node).endswith("AccumulateGrad")


def _is_sum(node: _Node) -> bool:
    return _kind(node) == "Add" and len(_sides(node)) == 2


def _asking(inputs: Any) -> Any:
    """The inputs as leaves of their own, so that they are told from constants."""
    if isinstance(inputs, Tensor):
        return inputs.detach().requires_grad_() if inputs.is_floating_point() else inputs
    if isinstance(inputs, Mapping):
        return {key: _asking(value) for key, value in inputs.items()}
    return tuple(map(_asking, inputs)) if isinstance(inputs, (tuple, list)) else inputs


def _tensors(answer: Any) -> Iterator[Tensor]:
    if isinstance(answer, Tensor):
        yield answer
    elif isinstance(answer, Mapping):
        for item in answer.values():
            yield from _tensors(item)
    elif isinstance(answer, (tuple, list)):
        for item in answer:
            yield from _tensors(item)
