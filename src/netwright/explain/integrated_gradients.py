"""Integrated gradients: what each number of the input adds to the score, against a baseline."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from netwright._errors import must_be
from netwright.explain.inside.at_layer import Place
from netwright.explain.inside.averaged import averaged
from netwright.explain.inside.examined import examined
from netwright.explain.inside.layers import Layer
from netwright.explain.inside.target import Target

__all__ = ["integrated_gradients"]


def integrated_gradients(
    model: nn.Module,
    inputs: Shaped[Tensor, "n ..."],
    *,
    target: Target = None,
    layer: Layer | None = None,
    baseline: Shaped[Tensor, "..."] | None = None,
    steps: int = 50,
    batch_size: int = 32,
) -> Float[Tensor, "n ..."]:
    """(input - baseline) times the mean gradient on the straight way between them.

    For any network, where the shares shall add up: their sum is score(input) - score(baseline), as
    far as `steps` reach; `explain.completeness` gives what is missing. They depend on the baseline:
    what is equal to it gets 0, the black of a picture for a black baseline.

    Paper: Axiomatic Attribution for Deep Networks, 2017, https://arxiv.org/abs/1703.01365

    Args:
        model: any, in any mode; it is left as it was.
        inputs: (n, ...) as the model takes them, preprocessed.
        target: what is explained, see `explain.Target`; None for the class that is predicted for
            the inputs. A function must take any number of examples.
        layer: share the score among this layer's outputs in place of the inputs, see
            `layers.Layer`; an embedding where the inputs are tokens.
        baseline: what the inputs are compared with, one or one for each of them; None for zeros (of
            the layer's output where there is a layer), the mean colour where inputs are
            standardised.
        steps: points on the way (Gauss-Legendre), each one gradient.
        batch_size: points that are in memory at a time.

    Returns:
        One number for each of the inputs, in units of the score; negative where it lowered it.

    Example:
        >>> model = nn.Linear(2, 1, bias=False)
        >>> inputs = torch.tensor([[1.0, 2.0]])
        >>> torch.allclose(integrated_gradients(model, inputs), model.weight * inputs)
        True

    Raises:
        BadType: what is differentiated is no real numbers, or an output that needs a function as
            `target`.
        BadValue: a baseline of another shape, or no steps.
    """
    if steps < 1:
        raise must_be("steps", "at least 1", steps)
    with examined(model) as opened:
        place = Place(opened, layer)
        end = place.values(inputs)
        way = end - start_of(place, inputs, baseline=baseline)
        positions, weights = np.polynomial.legendre.leggauss(steps)
        left = torch.from_numpy((1 - positions) / 2).to(end).view(-1, *[1] * (end.ndim - 1))
        mean = averaged(
            place,
            inputs,
            values=end,
            points=lambda example, step: end[example] - left[step] * way[example],
            weights=torch.from_numpy(weights / 2),
            target=target,
            batch_size=batch_size,
        )
        return mean * way


def start_of(
    place: Place, inputs: Shaped[Tensor, "n ..."], *, baseline: Shaped[Tensor, "..."] | None
) -> Float[Tensor, "n ..."]:
    """What is at the place for the baseline.

    Raises:
        BadValue: it is neither of the shape of one input, nor of all.
    """
    if baseline is None:
        return torch.zeros_like(place.values(inputs))
    if baseline.shape not in {inputs.shape, inputs.shape[1:], (1, *inputs.shape[1:])}:
        rule = f"of the inputs' shape {tuple(inputs.shape)} or of one of them"
        raise must_be("baseline", rule, tuple(baseline.shape))
    return place.values(baseline.to(inputs).expand_as(inputs))
