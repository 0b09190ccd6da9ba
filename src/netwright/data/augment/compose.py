"""Several augmentations in a row."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias, cast

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from netwright._errors import BadData, must_be
from netwright.data.augment.draws import Draws
from netwright.data.augment.flip import flip
from netwright.data.augment.follow import follow, lie_in_pictures
from netwright.data.augment.geometry import Geometry
from netwright.data.augment.mixture import Mixture, chosen, mixed_targets
from netwright.data.augment.mixup import mixup
from netwright.data.augment.move import Framed, Movable, Move
from netwright.data.augment.options import found, refuse_fills
from netwright.data.augment.plans import GEOMETRIES, IN_PLACE, MIXTURES, MOVES, WARPS
from netwright.data.augment.warp import Warp
from netwright.data.batch import Batch

__all__ = ["Augment"]

_Step: TypeAlias = tuple[str, Callable[..., Any], dict[str, Any]]
"""Scope of its random numbers, function, options."""


class Augment:
    """Augmentations in a row, batched, on the device, each example's own in every epoch.

    An example comes out the same for the same (seed, epoch, index), whatever batch it is in. They
    are done in the order of the recipe. One of it may mix examples (`mixup`, `cutmix`): what stands
    before it is done to an example and to its partner, as to each in its own right; what stands
    behind it, to the mixture.

    Attributes:
        recipe: the augmentations in order, as {"name": …, option: value, …}.
        mixes: whether one of them mixes examples.

    Args:
        recipe: see above.
        seed: of the random numbers.
        num_classes: of targets that are class indices and are to be mixed: they become
            probabilities. None mixes whole numbers as they are, 0 and 1 into a probability of yes.
        mask_fill: value of masks where pictures get a fixed value (see `follow`).

    Example:
        >>> augment = Augment([{"name": "shift", "fraction": 0.1}], seed=0)
        >>> augment(torch.zeros(2, 1, 8, 8), torch.arange(2), epoch=0).shape
        torch.Size([2, 1, 8, 8])
        >>> boxes = {"boxes": torch.tensor([[1.0, 1, 3, 3]]), "labels": torch.tensor([1])}
        >>> batch = Batch(torch.zeros(1, 1, 8, 8), [boxes], index=torch.arange(1))
        >>> mirrored = Augment([{"name": "flip", "probability": 1.0}], seed=0).batch(batch, epoch=0)
        >>> mirrored.targets[0]["boxes"]
        tensor([[5., 1., 7., 3.]])
    """

    def __init__(
        self,
        recipe: Iterable[Mapping[str, Any]],
        *,
        seed: int,
        num_classes: int | None = None,
        mask_fill: float = 0,
    ) -> None:
        self.recipe = tuple(dict(entry) for entry in recipe)
        self.seed = seed
        self._num_classes = num_classes
        self._mask_fill = mask_fill
        steps = [
            (f"{place}/{entry.get('name')}", *found(entry))
            for place, entry in enumerate(self.recipe)
        ]
        self._options = [options for _, _, options in steps]
        mixing = [place for place, step in enumerate(steps) if step[1] in MIXTURES]
        if len(mixing) > 1:
            raise must_be(
                "augment", "of one at most that mixes examples",
                ", ".join(self.recipe[place]["name"] for place in mixing), "Leave all but one out.",
            )  # fmt: skip
        first = mixing[0] if mixing else len(steps)
        self._groups = _grouped(steps[:first])
        self._mixing = steps[first] if mixing else None
        self._later = _grouped(steps[first + 1 :])
        self.mixes = bool(mixing)
        # an option out of range is refused here rather than in the first step of the run
        self.batch(
            Batch(torch.zeros(1, 3, 32, 32), None, torch.zeros(1, dtype=torch.int64)), epoch=0
        )

    def __call__(
        self, pictures: Shaped[Tensor, "n c h w"], index: Int[Tensor, "n"], *, epoch: int
    ) -> Shaped[Tensor, "n c h w"]:
        """The pictures at `index`, augmented for `epoch`.

        Raises:
            BadData: some of it mixes examples, and needs `batch`.
        """
        if self.mixes:
            raise must_be(
                "inputs", "a Batch to be mixed with others of it", tuple(pictures.shape),
                "Call Augment.batch.", error=BadData,
            )  # fmt: skip
        augmented: Tensor = self.apart(Batch(pictures, None, index), epoch=epoch).inputs
        return augmented

    def batch(self, batch: Batch, *, epoch: int) -> Batch:
        """All of it, pictures and targets; see `follow` and `mixed_targets` for the targets' forms.

        Partners are of the same batch, each example being another's partner once: which, depends on
        seed, epoch and on what else is in the batch, not on the order.
        """
        if self._mixing is None:
            return self.apart(batch, epoch=epoch)
        draws = self._draws(batch.index, epoch=epoch, step=self._mixing)
        ordered = draws.uniform("partner").argsort(stable=True)
        partner = torch.empty_like(ordered).index_copy_(0, ordered, ordered.roll(1))
        which = chosen(draws, probability=self._mixing[2].get("probability", 1.0))
        rows = torch.arange(len(batch), device=ordered.device)
        partner = torch.where(which, partner, rows)
        own = self.apart(batch, epoch=epoch)
        mixed = self._mixed(own, _rows(own, partner), epoch=epoch)
        return self._carried_out(self._later, mixed, epoch=epoch)

    def wanted(
        self, index: Int[Tensor, "n"], *, among: Int[Tensor, "m"], epoch: int
    ) -> Int[Tensor, "k"]:
        """Which examples to gather for those at `index`.

        Themselves, and where something is mixed the partner of each behind them, itself for one
        that is not mixed. A partner is a pure function of (seed, epoch, index) and of `among`,
        whatever batch it is for.

        Args:
            index: of the batch.
            among: all that may be a partner, the training split.
            epoch: that they are wanted for.
        """
        if self._mixing is None:
            return index
        draws = self._draws(index, epoch=epoch, step=self._mixing)
        partner = among[(draws.uniform("partner").double() * len(among)).long()]
        which = chosen(draws, probability=self._mixing[2].get("probability", 1.0))
        return torch.cat([index, torch.where(which, partner, index)])

    def apart(self, batch: Batch, *, epoch: int) -> Batch:
        """What is done to each example by itself, before any are mixed."""
        return self._carried_out(self._groups, batch, epoch=epoch)

    def together(self, batch: Batch, *, epoch: int) -> Batch:
        """What is left to do with the examples of `wanted` after `apart`."""
        if self._mixing is None:
            return batch
        count = len(batch) // 2
        mixed = self._mixed(batch[:count], batch[count:], epoch=epoch)
        return self._carried_out(self._later, mixed, epoch=epoch)

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
        refuse_fills(self._options, pictures)
        one = Draws(index=torch.zeros(1, dtype=torch.int64), seed=self.seed, epoch=0)
        move = _joined_moves(self._groups[0], pictures.shape[-2:], one)
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
        """What `apart` makes of the pictures at `index`, moved already while gathered.

        Args:
            pictures: of the set, from `whole`.
            index: (n,) which are wanted.
            epoch: that they are augmented for.
        """
        draws = Draws(index=index, seed=self.seed, epoch=epoch, examples=pictures.count)
        move = _joined_moves(self._groups[0], pictures.rows.shape[-2:], draws)
        rows = index if move.mirrored is None else index + move.mirrored * pictures.count
        moved = Batch(pictures.moved(rows, move), None, index)
        later = self._groups[1:]
        augmented: Tensor = self._carried_out(
            later, moved, epoch=epoch, examples=pictures.count
        ).inputs
        return augmented

    def _draws(self, index: Tensor, *, epoch: int, step: _Step) -> Draws:
        return Draws(index=index, seed=self.seed, epoch=epoch, scope=step[0])

    def _carried_out(
        self,
        groups: Sequence[Sequence[_Step]],
        batch: Batch,
        *,
        epoch: int,
        examples: int | None = None,
    ) -> Batch:
        if not groups:
            return batch
        pictures, targets = batch.inputs, batch.targets
        _refuse_others(pictures)
        refuse_fills(self._options, pictures)
        draws = Draws(index=batch.index, seed=self.seed, epoch=epoch, examples=examples)
        follows = lie_in_pictures(targets)
        for group in groups:
            if group[0][1] in GEOMETRIES:
                size = tuple(pictures.shape[-2:])
                for geometry in _joined(group, size, draws):
                    pictures = geometry.pictures(pictures)
                    if follows:
                        targets = follow(targets, geometry, size=size, fill=self._mask_fill)
                continue
            ((scope, function, options),) = group
            if follows and function not in IN_PLACE:
                raise must_be(
                    "augment", "of our own where masks, boxes or keypoints have to follow",
                    scope.partition("/")[2], "`netwright find augmentation` lists them.",
                )  # fmt: skip
            pictures = function(pictures, replace(draws, scope=scope), **options)
        return replace(batch, inputs=pictures, targets=targets)

    def _mixed(self, own: Batch, partners: Batch, *, epoch: int) -> Batch:
        scope, function, options = cast(_Step, self._mixing)
        if function is not mixup:
            _refuse_others(own.inputs)
        if not isinstance(own.inputs, Tensor):
            raise must_be(
                "inputs", "one tensor (n, ...) to be mixed", type(own.inputs).__name__,
                error=BadData,
            )  # fmt: skip
        draws = Draws(index=own.index, seed=self.seed, epoch=epoch, scope=scope)
        mixture: Mixture = function(tuple(own.inputs.shape[-2:]), draws, **options)
        mixture = mixture.where(partners.index != own.index)
        share, weight = mixture.share, None
        if own.weight is not None and partners.weight is not None:  # as if both costs were mixed
            weight = torch.lerp(partners.weight, own.weight, share.to(own.weight.dtype))
            share = share * own.weight / weight.clamp(min=torch.finfo(torch.float32).tiny)
        targets = mixed_targets(
            own.targets,
            mixture,
            partners=partners.targets,
            share=share,
            num_classes=self._num_classes,
        )
        pictures = mixture.pictures(own.inputs, partners.inputs)
        return replace(own, inputs=pictures, targets=targets, weight=weight)


def _refuse_others(pictures: Any) -> None:
    if not isinstance(pictures, Tensor) or pictures.dim() != 4:
        found = tuple(pictures.shape) if isinstance(pictures, Tensor) else type(pictures).__name__
        raise must_be(
            "inputs", "pictures (n, c, h, w) to be augmented", found,
            "Leave the augmentation out.", error=BadData,
        )  # fmt: skip


def _rows(batch: Batch, rows: Tensor) -> Batch:
    """Some rows of a batch, also several times; a list of items goes by its items."""
    if isinstance(batch.targets, (list, tuple)) and batch.targets:
        listed = isinstance(batch.targets[0], Mapping)
        if listed:
            targets = [batch.targets[row] for row in rows.tolist()]
            others = replace(batch, targets=None).map(lambda tensor: tensor[rows])
            return replace(others, targets=targets)
    return batch.map(lambda tensor: tensor[rows])


def _grouped(steps: Iterable[_Step]) -> list[list[_Step]]:
    """Those together that can be one: mirrors with at most one that moves pixels in, and warps."""
    groups: list[list[_Step]] = []
    for step in steps:
        if groups and _join(groups[-1], step):
            groups[-1].append(step)
        else:
            groups.append([step])
    return groups


def _join(group: Sequence[_Step], step: _Step) -> bool:
    if step[1] in WARPS:
        return group[0][1] in WARPS
    if not _moves_only(group) or step[1] not in MOVES:
        return False
    return step[1] is flip or all(before[1] is flip for before in group)


def _moves_only(group: Sequence[_Step]) -> bool:
    return group[0][1] in MOVES


def _joined_moves(group: Sequence[_Step], size: Sequence[int], draws: Draws) -> Move:
    moves = (
        MOVES[function](size, replace(draws, scope=scope), **options)
        for scope, function, options in group
    )
    return functools.reduce(Move.then, moves)


def _joined(group: Sequence[_Step], size: Sequence[int], draws: Draws) -> Sequence[Geometry]:
    """As few as can do what a group does."""
    if _moves_only(group):
        return [_joined_moves(group, size, draws)]
    geometries: list[Geometry] = []
    for scope, function, options in group:
        geometry = GEOMETRIES[function](size, replace(draws, scope=scope), **options)
        before = geometries[-1] if geometries else None
        if isinstance(geometry, Warp) and isinstance(before, Warp) and before.joins(geometry):
            geometries[-1] = before.then(geometry)
        else:
            geometries.append(geometry)
    return geometries
