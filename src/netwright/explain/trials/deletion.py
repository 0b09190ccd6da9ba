"""Deletion: take away what a map calls important, and see how soon the answer goes."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from netwright.explain.gradient import leaf
from netwright.explain.inside.examined import examined
from netwright.explain.inside.target import Target
from netwright.explain.trials.curve import Curve, between, ends, turns
from netwright.explain.trials.fill import Fill, channel_mean, filled
from netwright.explain.trials.ordering import places

__all__ = ["deletion"]


def deletion(
    model: nn.Module,
    inputs: Float[Tensor, "n ..."],
    *,
    maps: Float[Tensor, "n ..."],
    target: Target = None,
    steps: int = 20,
    fill: Fill = channel_mean,
    seed: int = 0,
    batch_size: int = 32,
) -> Curve:
    """The probability of a class while pixels are taken away, the highest of a map first.

    A small area says that the map knows what the model needs. Read it beside the area of
    `explain.random_map`: a model may lose its answer whatever is taken.

    Paper: RISE: Randomized Input Sampling for Explanation of Black-box Models, 2018,
    https://arxiv.org/abs/1806.07421

    Differs: the paper fills with 0; here with the mean of the picture's colours, as 0 is a colour
    too, and which one depends on the preprocessing.

    Args:
        model: any, in any mode; it is left as it was.
        inputs: (n, c, h, w) pictures as the model takes them, or rows (n, d).
        maps: (n, h, w), or of the inputs' shape, which is summed over the colours. Signs count:
            what speaks against the class goes last. Of a map whose sign says something else, as
            that of a gradient, give the sizes: `maps.abs()`.
        target: what is scored, see `explain.Target`; None for the class predicted of the whole
            picture. A class counts by its probability, a function by what it gives.
        steps: in so many equal parts; each costs a pass through the model.
        fill: what takes the place of a pixel, see `explain.Fill`.
        seed: of the order among pixels that the map holds for equal.
        batch_size: half-emptied pictures that are made and run at a time.

    Example:
        >>> import torch
        >>> model = nn.Linear(2, 2)
        >>> rows = torch.ones(1, 2)
        >>> deletion(model, rows, maps=rows, fill=0.0, steps=2).shares
        tensor([0.0000, 0.5000, 1.0000])

    Raises:
        BadType: inputs or maps that are no real numbers.
        BadValue: maps or a fill that do not fit.
    """
    with examined(model) as opened:
        whole = leaf(inputs)[0].detach()
        turn = turns(places(maps, whole), steps=steps, seed=seed)
        empty = filled(whole, fill)
        known = ends(opened, whole, empty=empty, target=target, batch_size=batch_size)
        return between(
            opened, whole, empty=empty, known=known, turn=turn, steps=steps, batch_size=batch_size
        )
