"""Does a map find what is marked? Scores of maps against masks, each beside its chance level."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from netwright._errors import BadType, must_be, offenders
from netwright.explain.inside.maps import over_colours

__all__ = ["Overlap", "Pointing", "mask_overlap", "pointing_game"]


@dataclass(frozen=True, kw_only=True)
class Pointing:
    """The pointing game, picture by picture.

    Attributes:
        hits: 1 where the largest point is on the mask or within the tolerance, else 0; between
            them where several points share the largest value and some of them hit.
        chance: share of all points that hit: what an even map, or a random one, is worth.
        ties: how many points share the largest value.
    """

    hits: Float[Tensor, "n"]
    chance: Float[Tensor, "n"]
    ties: Float[Tensor, "n"]


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """A map beside its mask, picture by picture; all in [0, 1], larger is better.

    Attributes:
        intersection_over_union: of the mask and as many of the map's largest points as it has.
        energy: share of the map's positive mass that is within the mask.
        precision_recall: area under precision over recall, each point an answer.
        area: share of the picture that the mask covers: the chance level of `energy` and
            `precision_recall`.
        chance: that of `intersection_over_union`: area / (2 − area).
    """

    intersection_over_union: Float[Tensor, "n"]
    energy: Float[Tensor, "n"]
    precision_recall: Float[Tensor, "n"]
    area: Float[Tensor, "n"]
    chance: Float[Tensor, "n"]


def pointing_game(
    maps: Float[Tensor, "n ..."], masks: Bool[Tensor, "n h w"], *, tolerance: float = 15
) -> Pointing:
    """Is the largest point of each map on what is marked?

    Says nothing of the rest of the map; `mask_overlap` does. Points that share the largest value
    count by the share of them that hit, so that an even map is worth chance.

    Paper: Top-down Neural Attention by Excitation Backprop, 2016, https://arxiv.org/abs/1608.00507

    Args:
        maps: (n, h, w), or (n, c, h, w): then the largest over the colours; larger means more.
        masks: what is marked.
        tolerance: pixels that a point may lie off the mask, as the crow flies.

    Example:
        >>> masks = torch.zeros(1, 8, 8, dtype=torch.bool)
        >>> masks[:, 2:4, 2:4] = True
        >>> found = pointing_game(torch.ones(1, 8, 8), masks, tolerance=0)
        >>> found.hits.item() == found.chance.item() == 4 / 64
        True

    Raises:
        BadType: maps that are no real numbers, or masks that are not of bools.
        BadValue: sizes that differ, maps that are not finite, masks without a mark, a negative
            tolerance.
    """
    if tolerance < 0:
        raise must_be("tolerance", "0 or more pixels", tolerance)
    values = _beside(maps, masks).flatten(1)
    near = _grown(masks, tolerance).flatten(1)
    largest = values == values.amax(1, keepdim=True)
    return Pointing(
        hits=(largest & near).double().sum(1) / largest.double().sum(1),
        chance=near.double().mean(1),
        ties=largest.double().sum(1),
    )


def mask_overlap(maps: Float[Tensor, "n ..."], masks: Bool[Tensor, "n h w"]) -> Overlap:
    """How much of each map lies on what is marked, and how much of what is marked it covers.

    An even map is worth chance, and so is, in `energy`, one without a positive value. Equal values
    at a threshold count in part, as if their order were random.

    Paper: Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks, 2020,
        https://arxiv.org/abs/1910.01279 (`energy`)

    Args:
        maps: (n, h, w), or (n, c, h, w): then the largest over the colours; larger means more.
        masks: what is marked.

    Raises:
        BadType: maps that are no real numbers, or masks that are not of bools.
        BadValue: sizes that differ, maps that are not finite, masks without a mark.
    """
    values, marked = _beside(maps, masks).flatten(1), masks.flatten(1)
    area = marked.double().mean(1)
    return Overlap(
        intersection_over_union=_of_equal_area(values, marked),
        energy=_energy(values, marked),
        precision_recall=_average_precision(values, marked),
        area=area,
        chance=area / (2 - area),
    )


def _beside(maps: Tensor, masks: Tensor) -> Tensor:
    """The maps (n, h, w), if they can be compared with the masks."""
    if not isinstance(maps, Tensor) or not maps.is_floating_point():
        shown = maps.dtype if isinstance(maps, Tensor) else type(maps).__name__
        raise must_be("maps", "a tensor of real numbers", shown, error=BadType)
    if not isinstance(masks, Tensor) or masks.dtype != torch.bool:
        shown = masks.dtype if isinstance(masks, Tensor) else type(masks).__name__
        raise must_be("masks", "a tensor of bools", shown, "E.g. masks > 0.5.", error=BadType)
    values = over_colours(maps.detach())
    if masks.ndim != 3 or values.shape != masks.shape:
        fix = f"Masks of shape {tuple(masks.shape)}: resize the one or the other."
        raise must_be("maps", "(n, h, w) as the masks are", tuple(maps.shape), fix)
    wrong = (~values.flatten(1).isfinite().all(1)).nonzero().flatten().tolist()
    if wrong:
        raise must_be("maps", "finite", f"NaN or infinity in pictures {offenders(wrong)}")
    wrong = (~masks.flatten(1).any(1)).nonzero().flatten().tolist()
    if wrong:
        fix = "Leave these pictures out: there is nothing to be found."
        raise must_be("masks", "ones that mark something", f"none in {offenders(wrong)}", fix)
    return values.double()


def _grown(masks: Tensor, reach: float) -> Tensor:
    """All points that are no farther from a marked one."""
    whole = int(reach)
    if whole == 0:
        return masks
    steps = torch.arange(-whole, whole + 1, device=masks.device)
    disc = (steps**2 + steps[:, None] ** 2 <= reach**2).float()
    counts = F.conv2d(masks[:, None].float(), disc[None, None], padding=whole)
    return counts[:, 0] > 0.5


def _of_equal_area(values: Tensor, marked: Tensor) -> Tensor:
    size = marked.sum(1, keepdim=True)
    threshold = values.sort(1, descending=True).values.gather(1, size - 1)
    above, level = values > threshold, values == threshold
    share = (size - above.sum(1, keepdim=True)) / level.sum(1, keepdim=True).double()
    common = (above & marked).sum(1) + (share * (level & marked).sum(1, keepdim=True)).squeeze(1)
    return common / (2 * size.squeeze(1) - common)


def _energy(values: Tensor, marked: Tensor) -> Tensor:
    positive = values.clamp_min(0)
    empty = positive.amax(1, keepdim=True) == 0
    mass = torch.where(empty, torch.ones_like(positive), positive)
    return (mass * marked).sum(1) / mass.sum(1)


def _average_precision(values: Tensor, marked: Tensor) -> Tensor:
    """Mean precision over the marked points; equal values are answered together."""
    ordered, order = values.sort(1, descending=True)
    hits = marked.gather(1, order).double()
    places = torch.arange(1, values.shape[1] + 1, device=values.device)
    ends = F.pad(ordered[:, 1:] != ordered[:, :-1], (0, 1), value=True)
    last = torch.where(ends, places, len(places)).flip(1).cummin(1).values.flip(1)
    precision = hits.cumsum(1).gather(1, last - 1) / last
    return (hits * precision).sum(1) / hits.sum(1)
