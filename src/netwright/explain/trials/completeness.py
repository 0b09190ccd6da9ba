"""Completeness: whether a map's numbers add up to what is to be explained."""

from __future__ import annotations

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from netwright.explain.inside.at_layer import Place
from netwright.explain.inside.examined import examined
from netwright.explain.inside.layers import Layer
from netwright.explain.inside.target import Target, chosen, scores
from netwright.explain.integrated_gradients import start_of

__all__ = ["completeness"]


def completeness(
    model: nn.Module,
    inputs: Shaped[Tensor, "n ..."],
    *,
    values: Float[Tensor, "n ..."],
    target: Target = None,
    layer: Layer | None = None,
    baseline: Shaped[Tensor, "..."] | None = None,
) -> Float[Tensor, "n"]:
    """What the sum of a map's numbers has too much: Σ values - (score(input) - score(baseline)).

    To see whether integrated gradients took enough steps: 0 at best.

    Paper: Axiomatic Attribution for Deep Networks, 2017, https://arxiv.org/abs/1703.01365

    Args:
        model: as for the map.
        inputs: as for the map.
        values: the map, of the inputs' shape or any other with one row for each.
        target: as for the map.
        layer: as for the map.
        baseline: as for the map; None for zeros.

    Returns:
        One number for each example, in units of the score.

    Example:
        >>> model, inputs = nn.Linear(2, 1), torch.ones(1, 2)
        >>> torch.allclose(
        ...     completeness(model, inputs, values=model.weight.detach()), torch.zeros(1), atol=1e-6
        ... )
        True

    Raises:
        BadValue: a baseline of another shape.
    """
    with examined(model) as opened, torch.no_grad():
        place = Place(opened, layer)
        output = opened(inputs)
        fixed = chosen(output, target)
        start = place.run(inputs, start_of(place, inputs, baseline=baseline))
        explained = scores(output, fixed) - scores(start, fixed)
        return values.flatten(1).sum(1) - explained
