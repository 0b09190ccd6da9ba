"""What becomes of a score while the pixels of a picture go, the highest of a map first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int16
from torch import Tensor, nn

from netwright._errors import must_be
from netwright.explain.inside.layouts import Quickly, forward
from netwright.explain.inside.target import Target, chosen
from netwright.explain.trials.ordering import ordered
from netwright.explain.trials.probability import probabilities

__all__ = ["Curve", "Ends", "between", "ends", "turns"]

_MOST = 32767  # turns are kept in 16 bits


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A score as pixels go, or come.

    Attributes:
        shares: (steps + 1,) share of the pixels that went or came, from 0 to 1.
        values: (n, steps + 1) probability of the class, or what a function `target` gave.
    """

    shares: Float[Tensor, "t"]
    values: Float[Tensor, "n t"]

    @property
    def areas(self) -> Float[Tensor, "n"]:
        """The area under each curve by the trapezoid rule; of a probability, from 0 to 1."""
        return torch.trapezoid(self.values, self.shares, dim=1)


@dataclass(frozen=True, kw_only=True)
class Ends:
    """The two ends that all curves of the same pictures and fill share.

    Attributes:
        whole: (n,) the score of the picture.
        empty: (n,) the score of what is left of it in the end.
        target: what is scored, the predicted classes in place of None.
    """

    whole: Float[Tensor, "n"]
    empty: Float[Tensor, "n"]
    target: Target


@torch.no_grad()
def ends(
    model: nn.Module, whole: Tensor, *, empty: Tensor, target: Target, batch_size: int
) -> Ends:
    """Score pictures as they are and with nothing left of them.

    Args:
        model: opened by `examined`.
        whole: (n, ...) the inputs.
        empty: the same with everything taken away.
        target: see `explain.Target`; None for what is predicted of the whole picture.
        batch_size: pictures at a time.
    """
    if batch_size < 1:
        raise must_be("batch_size", "at least 1", batch_size)
    parts = torch.split(whole, batch_size)
    if callable(target):
        kept: Target = target
        first = _scored(model, parts, kept)
    else:
        outputs = [forward(model, part.clone()) for part in parts]
        several = isinstance(outputs[0], Tensor)
        output = torch.cat(outputs) if several else outputs[0]  # which is refused by its type
        kept = chosen(output, target)
        first = probabilities(output, kept)
    return Ends(
        whole=first, empty=_scored(model, torch.split(empty, batch_size), kept), target=kept
    )


def _scored(model: nn.Module, parts: Sequence[Tensor], target: Target) -> Tensor:
    found, start = [], 0
    for part in parts:
        rows = torch.arange(start, start + len(part), device=part.device)
        found.append(probabilities(forward(model, part.clone()), _of(target, rows)))
        start += len(part)
    return torch.cat(found)


def turns(values: Float[Tensor, "n p"], *, steps: int, seed: int) -> Int16[Tensor, "n p"]:
    """The step, from 1 to `steps`, at which each pixel goes.

    Args:
        values: one number a pixel; the highest goes first.
        steps: all pixels have gone after so many, as evenly as whole pixels allow; with fewer
            pixels than steps, several steps are the same.
        seed: of the order of equal numbers.
    """
    if not 1 <= steps <= _MOST:
        raise must_be("steps", f"from 1 to {_MOST}", steps, "20 is usual.")
    count = values.shape[1]
    edges = gone(count, steps).to(values.device)
    table = torch.bucketize(torch.arange(count, device=values.device), edges, right=True)
    found = torch.empty(values.shape, dtype=torch.int16, device=values.device)
    for row, own in zip(found, values, strict=True):
        row[ordered(own, seed=seed)] = table.to(torch.int16)
    return found


def gone(count: int, steps: int) -> Tensor:
    """How many of `count` pixels have gone after each step, from 0 to all of them."""
    return (torch.arange(steps + 1, dtype=torch.float64) * count / steps).round().long()


@torch.no_grad()
def between(
    model: nn.Module,
    whole: Tensor,
    *,
    empty: Tensor,
    known: Ends,
    turn: Int16[Tensor, "n p"],
    steps: int,
    batch_size: int,
) -> Curve:
    """The curve between two ends that are known: a pass for each step within.

    Args:
        model: opened by `examined`.
        whole: (n, ...) the inputs.
        empty: the same with everything taken away.
        known: of `ends`.
        turn: of `turns`.
        steps: of `turns`.
        batch_size: pictures at a time, over pictures and steps.
    """
    n, count = turn.shape
    values = known.whole.new_empty((n, steps + 1))
    values[:, 0], values[:, steps] = known.whole, known.empty
    quickly = Quickly(model)
    for rows, step, frames in _frames(whole, empty, turn, steps=steps, batch_size=batch_size):
        values[rows, step] = probabilities(quickly(frames), _of(known.target, rows))
    shares = gone(count, steps).to(values) / count
    return Curve(shares=shares, values=values)


def _frames(
    whole: Tensor, empty: Tensor, turn: Tensor, *, steps: int, batch_size: int
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Full batches of half-removed pictures, written once each, across pictures and steps."""
    n, inner = len(whole), steps - 1
    spread = turn.view(n, 1, *whole.shape[2:]) if whole.ndim > 2 else turn
    for start in range(0, n * inner, batch_size):
        pairs = torch.arange(start, min(start + batch_size, n * inner), device=whole.device)
        rows, step = pairs // inner, pairs % inner + 1
        frames = whole.new_empty((len(pairs), *whole.shape[1:]))
        first, last = start // inner, (start + len(pairs) - 1) // inner
        for row in range(first, last + 1):
            low, high = max(row * inner - start, 0), min((row + 1) * inner - start, len(pairs))
            now = step[low:high].to(turn.dtype).view(-1, *[1] * (whole.ndim - 1))
            torch.where(spread[row] <= now, empty[row], whole[row], out=frames[low:high])
        yield rows, step, frames


def _of(target: Target, rows: Tensor) -> Target:
    return target[rows] if isinstance(target, Tensor) and target.ndim else target
