"""Insertion: reveal what a map calls important, and see how soon the answer comes."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from netwright.explain.inside.target import Target
from netwright.explain.trials.curve import Curve
from netwright.explain.trials.deletion import deletion
from netwright.explain.trials.fill import Fill, blurred

__all__ = ["insertion"]


def insertion(
    model: nn.Module,
    inputs: Float[Tensor, "n ..."],
    *,
    maps: Float[Tensor, "n ..."],
    target: Target = None,
    steps: int = 20,
    fill: Fill = blurred,
    seed: int = 0,
    batch_size: int = 32,
) -> Curve:
    """The probability of a class while pixels are revealed, the highest of a map first.

    A large area says that what the map shows suffices for the answer. The picture that it begins
    with is blurred, so that the border of what is revealed is no edge of its own.

    Paper: RISE: Randomized Input Sampling for Explanation of Black-box Models, 2018,
    https://arxiv.org/abs/1806.07421

    Args:
        model: any, in any mode; it is left as it was.
        inputs: (n, c, h, w) pictures as the model takes them, or rows (n, d), which need a fill.
        maps: (n, h, w), or of the inputs' shape, which is summed over the colours; signs count, see
            `explain.deletion`.
        target: what is scored, see `explain.Target`; None for the class predicted of the whole
            picture. A class counts by its probability, a function by what it gives.
        steps: in so many equal parts; each costs a pass through the model.
        fill: what stands where nothing is revealed yet, see `explain.Fill`.
        seed: of the order among pixels that the map holds for equal.
        batch_size: half-revealed pictures that are made and run at a time.

    Example:
        >>> import torch
        >>> rows = torch.ones(1, 2)
        >>> insertion(nn.Linear(2, 2), rows, maps=rows, fill=0.0, steps=2).shares
        tensor([0.0000, 0.5000, 1.0000])

    Raises:
        BadType: inputs or maps that are no real numbers.
        BadValue: maps or a fill that do not fit.
    """
    # To reveal the highest first is to take the lowest away first, seen from the end.
    backwards = deletion(
        model,
        inputs,
        maps=-maps if isinstance(maps, Tensor) else maps,
        target=target,
        steps=steps,
        fill=fill,
        seed=seed,
        batch_size=batch_size,
    )
    return Curve(shares=1 - backwards.shares.flip(0), values=backwards.values.flip(1))
