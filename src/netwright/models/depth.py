"""A network cut into blocks by depth, in the order in which they are carried out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from netwright import _random
from netwright._errors import must_be
from netwright.models.initialisation.calling import called
from netwright.models.initialisation.standing import standing_still

__all__ = ["DepthBlock", "depth_blocks"]


@dataclass(frozen=True, kw_only=True, eq=False)
class DepthBlock:
    """A part of a network between two depths.

    Attributes:
        name: path of the first of its modules that has matrices.
        modules: path → module, in the order in which they are carried out; nothing within them is
            in another block.
        parameters: path → parameter; no other block has any of them. Beside those of `modules`
            there are those of modules that were cut (the class token of a transformer).
        shared: those of `parameters` that are used more than once: by a later block too, or by a
            module that is called again.
    """

    name: str
    modules: Mapping[str, nn.Module]
    parameters: Mapping[str, nn.Parameter]
    shared: tuple[str, ...] = ()


def depth_blocks(network: nn.Module, example: Any) -> tuple[DepthBlock, ...]:
    """The blocks of `network` from the input to the scores; every parameter is in exactly one.

    The network itself is cut into its children, and so is each part that holds more than half of
    all weighted layers, or the last layer beside others. What has parameters of one dimension
    alone (a norm, a scale), belongs to a module that was cut (a class token), or is not carried out
    on the example (an auxiliary head) joins the block before it. A residual network of torchvision
    has its stem, its four stages and its head; a vision transformer its patches, each encoder layer
    and its head; VGG each layer.

    Args:
        network: any without lazy layers; it is left as it is.
        example: as the network takes it: a tensor, a tuple of arguments, a mapping of keywords.

    Returns:
        The blocks; the last one gives the scores.

    Example:
        >>> network = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
        >>> [tuple(block.modules) for block in depth_blocks(network, torch.zeros(2, 4))]
        [('0', '1'), ('3',)]

    Raises:
        BadValue: a network without parameters, or with lazy ones.
    """
    lazy = [name for name, value in network.named_parameters() if is_lazy(value)]
    if lazy:
        raise must_be("network", "of known shapes", lazy[0], "Run it once on a batch.")
    if not any(True for _ in network.parameters()):
        raise must_be("network", "one with parameters", type(network).__name__)
    order, again = _calls(network, example)
    pieces = list(_cut(network, "", order=order, whole=_weighted_layers(network)))
    blocks: list[_Block] = []
    for piece in sorted(pieces, key=lambda piece: piece.place):  # stable: as they are registered
        _add(blocks, piece, again=again)
    return tuple(block.frozen() for block in blocks)


@dataclass
class _Piece:
    """What stays together: a module, or, where there is none, the own parameters of one cut."""

    path: str
    module: nn.Module | None
    parameters: dict[str, nn.Parameter]
    place: int
    joins: bool


@dataclass
class _Block:
    modules: dict[str, nn.Module] = field(default_factory=dict)
    parameters: dict[str, nn.Parameter] = field(default_factory=dict)
    shared: list[str] = field(default_factory=list)
    name: str = ""  # none while it waits for a piece that does not join: nothing was before

    def frozen(self) -> DepthBlock:
        return DepthBlock(
            name=self.name or next(iter(self.modules), "") or next(iter(self.parameters)),
            modules=self.modules,
            parameters=self.parameters,
            shared=tuple(dict.fromkeys(self.shared)),
        )


def _calls(network: nn.Module, example: Any) -> tuple[dict[int, int], set[int]]:
    """When each module was called first, and those that were called again."""
    order: dict[int, int] = {}
    again: set[int] = set()

    def note(module: nn.Module, *_: Any) -> None:
        if id(module) in order:
            again.add(id(module))
        order.setdefault(id(module), len(order))

    hooks = [module.register_forward_pre_hook(note) for module in network.modules()]
    try:
        with _random.isolated(0), standing_still(network), _kept_buffers(network), torch.no_grad():
            called(network, example)
    finally:
        for hook in hooks:
            hook.remove()
    return order, again


@contextmanager
def _kept_buffers(network: nn.Module) -> Iterator[None]:
    """Some count their calls."""
    before: list[tuple[Tensor, Tensor]] = [(b, b.detach().clone()) for b in network.buffers()]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, value in before:
                buffer.copy_(value)


def _cut(
    module: nn.Module, path: str, *, order: Mapping[int, int], whole: Sequence[nn.Module]
) -> Iterator[_Piece]:
    """The pieces of a module that is to be cut, in the order of registration."""
    lead = f"{path}." if path else ""
    own = dict(module.named_parameters(path, recurse=False))
    place = order.get(id(module), 0)
    if own:
        inside = len(_weighted_layers(module)) > 1
        yield _Piece(path, None if inside else module, own, place, joins=True)
    last = max(whole, key=lambda layer: order.get(id(layer), -1))
    for name, child in module.named_children():
        inner = lead + name
        layers = _weighted_layers(child)
        if not layers:
            continue
        first = min((order[id(part)] for part in child.modules() if id(part) in order), default=-1)
        carried_out = first >= 0
        place = first if carried_out else place
        holds_last = any(layer is last for layer in layers)
        if len(layers) > 1 and (2 * len(layers) > len(whole) or (holds_last and carried_out)):
            yield from _cut(child, inner, order=order, whole=whole)
            continue
        parameters = dict(child.named_parameters(inner))
        flat = all(parameter.ndim < 2 for parameter in parameters.values())
        yield _Piece(inner, child, parameters, place, joins=flat or not carried_out)


def _weighted_layers(module: nn.Module) -> list[nn.Module]:
    """The modules within that have parameters of their own."""
    return [part for part in module.modules() if list(part.parameters(recurse=False))]


def _add(blocks: list[_Block], piece: _Piece, *, again: set[int]) -> None:
    """Put the piece into the last block or a new one, and each parameter where it is first used."""
    owners = {id(value): block for block in blocks for value in block.parameters.values()}
    names = {id(value): name for block in blocks for name, value in block.parameters.items()}
    fresh = {}
    for name, parameter in piece.parameters.items():
        if id(parameter) in owners:
            owners[id(parameter)].shared.append(names[id(parameter)])
        else:
            fresh[name] = parameter
    if not fresh:
        return
    if not blocks or (blocks[-1].name and not piece.joins):
        blocks.append(_Block())
    block = blocks[-1]
    block.parameters.update(fresh)
    if not piece.joins:
        block.name = piece.path
    if piece.module is None:
        return
    block.modules[piece.path] = piece.module
    repeated = [part for part in piece.module.modules() if id(part) in again]
    used = {id(value) for part in repeated for value in part.parameters(recurse=False)}
    block.shared += [name for name, value in fresh.items() if id(value) in used]
