"""How far to trust a map, in one line a picture."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netwright.explain.gradient import leaf
from netwright.explain.inside.examined import examined
from netwright.explain.inside.target import Target, chosen
from netwright.explain.random_map import random_map
from netwright.explain.trials.curve import between, ends, turns
from netwright.explain.trials.fill import blurred, channel_mean, filled
from netwright.explain.trials.fragility import fragility
from netwright.explain.trials.method import Method, mapped, named_method
from netwright.explain.trials.ordering import places
from netwright.explain.trials.parameter_randomisation import parameter_randomisation
from netwright.explain.trials.random_signs import RandomSigns
from netwright.explain.trials.redrawn import halfway

__all__ = ["Trust", "areas", "trust"]


@dataclass(frozen=True, kw_only=True)
class Trust:
    """What the map of one picture is worth, beside a random map of the same picture.

    Attributes:
        deletion: area under the probability while the map's pixels go; lower is better.
        insertion: area under the probability while they come; higher is better.
        random_deletion: the same of the random map.
        random_insertion: the same of the random map.
        overlap: share of the map's highest pixels that stay the highest under random signs that
            leave the prediction; None where the method is not given, or too slow, or where none of
            them leaves it.
        randomised: rank correlation with the map after the half of the layers nearer to the output
            was drawn anew, the larger of those with and without sign; None where the method is not
            given, or too slow.
    """

    deletion: float
    insertion: float
    random_deletion: float
    random_insertion: float
    overlap: float | None = None
    randomised: float | None = None

    def line(self) -> str:
        """For below a panel."""
        parts = [
            f"deletion {self.deletion:.2f} (random {self.random_deletion:.2f})",
            f"insertion {self.insertion:.2f} (random {self.random_insertion:.2f})",
        ]
        if self.overlap is not None:
            parts.append(f"top pixels kept under noise {self.overlap:.0%}")
        if self.randomised is not None:
            parts.append(f"alike with half its layers untrained {self.randomised:.2f}")
        return ", ".join(parts)


def trust(
    model: nn.Module,
    inputs: Float[Tensor, "n c h w"],
    *,
    maps: Float[Tensor, "n ..."],
    method: Method | None = None,
    target: Target = None,
    steps: int = 8,
    draws: int = 2,
    seconds: float = 10.0,
    seed: int = 0,
    batch_size: int = 32,
) -> tuple[Trust, ...]:
    """A short test of each map: a quick look, where `explain.judge` measures.

    Costs 4 · steps passes a picture, and, where the method is known, its maps draws + 3 times more.

    Args:
        model: any, in any mode; it is left as it was.
        inputs: (n, c, h, w) pictures as the model takes them.
        maps: (n, h, w), or of the inputs' shape, which is summed over the colours.
        method: what gave the maps, a name of the catalogue or a function; None leaves out what
            needs new maps.
        target: what the maps explain, see `explain.Target`; None for the predicted class.
        steps: of deletion and insertion.
        draws: random perturbations of each picture.
        seconds: what needs new maps is left out where it would take longer, by the time of one map.
        seed: of all that is drawn.
        batch_size: pictures at a time.

    Returns:
        One record a picture.

    Raises:
        BadType: inputs or maps that are no real numbers.
        BadValue: maps that do not fit, or no such method.
    """
    control = random_map(model, inputs, target=target, seed=seed)
    with examined(model) as opened:
        whole = leaf(inputs)[0].detach()
        with torch.no_grad():
            target = chosen(opened(whole.clone()), target)
        found = areas(
            opened,
            whole,
            sets=(places(maps, whole), places(control, whole)),
            target=target,
            steps=steps,
            seed=seed,
            batch_size=batch_size,
        )
        more: list[dict[str, float]] = [{} for _ in whole]
        if method is not None:
            function = named_method(method)[1]
            needed = _seconds(opened, whole, method=function, target=target)
            if needed * (draws + 3) <= seconds:
                more = _of_the_method(
                    opened, whole, method=function, target=target, draws=draws, seed=seed
                )
    names = ("deletion", "insertion", "random_deletion", "random_insertion")
    return tuple(
        Trust(**dict(zip(names, own, strict=True)), **others)
        for own, others in zip(torch.stack(found, 1).tolist(), more, strict=True)
    )


def areas(
    model: nn.Module,
    whole: Tensor,
    *,
    sets: tuple[Tensor, ...],
    target: Target,
    steps: int,
    seed: int,
    batch_size: int,
) -> list[Tensor]:
    """Deletion and insertion areas of each set, one after another; they share their curves' ends.

    Args:
        model: opened by `examined`.
        whole: (n, c, h, w) the inputs; or rows, whose numbers go to the means of their columns.
        sets: (n, p) one number a pixel, of each set.
        target: see `trust`.
        steps: see `trust`.
        seed: see `trust`.
        batch_size: see `trust`.
    """
    pairs: list[list[Tensor]] = []
    fills = (channel_mean, blurred) if whole.ndim == 4 else (_mean_row, _mean_row)
    for fill, sign in zip(fills, (1, -1), strict=True):
        empty = filled(whole, fill)
        known = ends(model, whole, empty=empty, target=target, batch_size=batch_size)
        curves = [
            between(
                model,
                whole,
                empty=empty,
                known=known,
                turn=turns(sign * values, steps=steps, seed=seed),
                steps=steps,
                batch_size=batch_size,
            )
            for values in sets
        ]
        pairs.append([curve.areas for curve in curves])
    return [area for pair in zip(*pairs, strict=True) for area in pair]


def _mean_row(inputs: Tensor) -> Tensor:
    return inputs.mean(0, keepdim=True).expand(inputs.shape)


def _seconds(
    model: nn.Module, whole: Tensor, *, method: Callable[..., Tensor], target: Target
) -> float:
    """How long the maps of all pictures take, by that of the first."""
    first = target[:1] if isinstance(target, Tensor) else target
    start = time.perf_counter()
    mapped(model, whole[:1], method=method, target=first)
    return (time.perf_counter() - start) * len(whole)


def _of_the_method(
    model: nn.Module, whole: Tensor, *, method: Method, target: Target, draws: int, seed: int
) -> list[dict[str, float]]:
    signs = RandomSigns(draws=draws, seed=seed)
    moved = fragility(model, whole, method=method, target=target, attack=signs)
    drawn = parameter_randomisation(
        model, whole, method=method, target=target, layers=[halfway(model, whole)], seed=seed
    )
    found = [{"randomised": like} for like in drawn.highest[:, -1].tolist()]
    for own, overlap, kept in zip(found, moved.overlap.tolist(), moved.kept.tolist(), strict=True):
        if kept:
            own["overlap"] = overlap
    return found
