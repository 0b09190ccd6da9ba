"""Several augmentations in a row."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from netwright._errors import BadData, must_be, unknown
from netwright.data.augment.catalogue import AUGMENTATIONS
from netwright.data.augment.draws import Draws
from netwright.data.augment.flip import flip, flip_move
from netwright.data.augment.move import Framed, Movable, Move, moved
from netwright.data.augment.random_crop import crop_move, random_crop
from netwright.data.augment.shift import shift, shift_move

__all__ = ["Augment"]

MOVES: Mapping[Any, Callable[..., Move]] = {
    flip: flip_move,
    random_crop: crop_move,
    shift: shift_move,
}
"""Augmentations that only move pixels: several in a row are carried out as one."""


_Step: TypeAlias = tuple[str, Callable[..., Any], dict[str, Any]]
"""Scope of its random numbers, function, options."""


class Augment:
    """Augmentations in a row, batched, on the device, each example's own in every epoch.

    An example comes out the same for the same (seed, epoch, index), whatever batch it is in.

    Attributes:
        recipe: the augmentations in order, as {"name": …, option: value, …}.

    Example:
        >>> augment = Augment([{"name": "shift", "fraction": 0.1}], seed=0)
        >>> augment(torch.zeros(2, 1, 8, 8), torch.arange(2), epoch=0).shape
        torch.Size([2, 1, 8, 8])
    """

    def __init__(self, recipe: Iterable[Mapping[str, Any]], *, seed: int) -> None:
        self.recipe = tuple(dict(entry) for entry in recipe)
        self.seed = seed
        steps = [
            (f"{place}/{entry.get('name')}", *_found(entry))
            for place, entry in enumerate(self.recipe)
        ]
        self._groups = _grouped(steps)
        # an option out of range is refused here rather than in the first step of the run
        self(torch.zeros(1, 3, 32, 32), torch.zeros(1, dtype=torch.int64), epoch=0)

    def __call__(
        self, pictures: Shaped[Tensor, "n c h w"], index: Int[Tensor, "n"], *, epoch: int
    ) -> Shaped[Tensor, "n c h w"]:
        """The pictures at `index`, augmented for `epoch`."""
        if pictures.dim() != 4:
            raise must_be(
                "inputs", "pictures (n, c, h, w) to be augmented", tuple(pictures.shape),
                "Leave the augmentation out.", error=BadData,
            )  # fmt: skip
        draws = Draws(index=index, seed=self.seed, epoch=epoch)
        return self._carried_out(self._groups, pictures, draws)

    def whole(
        self, pictures: Shaped[Tensor, "n c h w"], *, at_most: int
    ) -> Movable | Framed | None:
        """The whole set as `take` wants it, to be kept; None where nothing would be gained.

        Args:
            pictures: of the set.
            at_most: bytes it may take.
        """
        if not self._groups or not _moves_only(self._groups[0]):
            return None
        one = Draws(index=torch.zeros(1, dtype=torch.int64), seed=self.seed, epoch=0)
        move = _joined(self._groups[0], pictures.shape[-2:], one)
        mirrors = move.mirrored is not None
        needed = pictures.numel() * pictures.element_size() * (1 + mirrors)
        if isinstance(move.border, str):
            (top, side), (height, width) = move.reach, pictures.shape[-2:]
            needed = needed * (height + 2 * top) * (width + 2 * side) // (height * width)
        if needed > at_most:
            return None
        mirrored = pictures.flip(-1) if mirrors else None
        if isinstance(move.border, str):
            return Framed(pictures, mirrored, frame=move.reach, border=move.border)
        return Movable(pictures, mirrored)

    def take(
        self, pictures: Movable | Framed, index: Int[Tensor, "n"], *, epoch: int
    ) -> Shaped[Tensor, "n c h w"]:
        """What calling it with the pictures at `index` gives, moved already while gathered.

        Args:
            pictures: of the set, from `whole`.
            index: (n,) which are wanted.
            epoch: that they are augmented for.
        """
        draws = Draws(index=index, seed=self.seed, epoch=epoch, examples=pictures.count)
        move = _joined(self._groups[0], pictures.rows.shape[-2:], draws)
        rows = index if move.mirrored is None else index + move.mirrored * pictures.count
        return self._carried_out(self._groups[1:], pictures.moved(rows, move), draws)

    def _carried_out(
        self, groups: Sequence[Sequence[_Step]], pictures: Tensor, draws: Draws
    ) -> Tensor:
        for group in groups:
            if _moves_only(group):
                pictures = moved(pictures, _joined(group, pictures.shape[-2:], draws))
                continue
            ((scope, function, options),) = group
            pictures = function(pictures, replace(draws, scope=scope), **options)
        return pictures


def _grouped(steps: Iterable[_Step]) -> list[list[_Step]]:
    """Those together that can be one move: mirrors, and at most one that moves pixels in."""
    groups: list[list[_Step]] = []
    for step in steps:
        group = groups[-1] if groups and _moves_only(groups[-1]) and step[1] in MOVES else []
        if step[1] is not flip and any(before[1] is not flip for before in group):
            group = []
        if not group:
            groups.append(group)
        group.append(step)
    return groups


def _moves_only(group: Sequence[_Step]) -> bool:
    return group[0][1] in MOVES


def _joined(group: Sequence[_Step], size: Sequence[int], draws: Draws) -> Move:
    moves = (
        MOVES[function](size, replace(draws, scope=scope), **options)
        for scope, function, options in group
    )
    return functools.reduce(Move.then, moves)


def _found(entry: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    options = dict(entry)
    name = options.pop("name", None)
    if not isinstance(name, str):
        raise must_be("augmentation", "a mapping with a name", entry, 'As {"name": "shift"}.')
    function = AUGMENTATIONS.load(name)
    known = [
        option.name
        for option in inspect.signature(function).parameters.values()
        if option.kind is option.KEYWORD_ONLY
    ]
    for option in options:
        if option not in known:
            raise unknown(f"option of {name}", option, known)
    return function, options
