"""SmoothGrad: the gradient averaged over noisy copies of the input."""

from __future__ import annotations

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from netwright._errors import must_be
from netwright._random import generator
from netwright.explain.inside.at_layer import Place
from netwright.explain.inside.averaged import averaged
from netwright.explain.inside.examined import examined
from netwright.explain.inside.layers import Layer
from netwright.explain.inside.target import Target

__all__ = ["smoothgrad"]


def smoothgrad(
    model: nn.Module,
    inputs: Shaped[Tensor, "n ..."],
    *,
    target: Target = None,
    layer: Layer | None = None,
    noise: float = 0.15,
    samples: int = 50,
    batch_size: int = 32,
    seed: int = 0,
) -> Float[Tensor, "n ..."]:
    """The mean gradient around the input: what stays of it when the picture trembles.

    For any network where the plain gradient is too noisy to see anything. It costs `samples`
    gradients.

    Paper: SmoothGrad: removing noise by adding noise, 2017, https://arxiv.org/abs/1706.03825

    Args:
        model: any, in any mode; it is left as it was.
        inputs: (n, ...) as the model takes them, preprocessed.
        target: what is explained, see `explain.Target`; None for the class that is predicted
            without noise. A function must take any number of examples.
        layer: tremble and differentiate this layer's output in place of the inputs, see
            `layers.Layer`; an embedding where the inputs are tokens.
        noise: standard deviation, as a share of each example's range (largest less smallest).
        samples: noisy copies of each example; the noise of the mean falls with their square root.
        batch_size: copies that are in memory at a time.
        seed: of the noise, which is the same for every example, on every device.

    Returns:
        The mean of the gradients, with its sign; one number for each of the inputs.

    Example:
        >>> model = nn.Linear(2, 3)  # the gradient is the same everywhere
        >>> found = smoothgrad(model, torch.rand(1, 2), target=1)
        >>> torch.allclose(found[0], model.weight[1])
        True

    Raises:
        BadType: what is differentiated is no real numbers, or an output that needs a function as
            `target`.
        BadValue: a negative noise, or no samples.
    """
    if noise < 0:
        raise must_be("noise", "at least 0", noise)
    if samples < 1:
        raise must_be("samples", "at least 1", samples)
    with examined(model) as opened:
        place = Place(opened, layer)
        values = place.values(inputs)
        spread = noise * _range(values)

        def trembling(example: Tensor, sample: Tensor) -> Tensor:
            drawn = torch.stack([_drawn(values, seed, number) for number in sample.tolist()])
            return values[example] + spread[example] * drawn

        return averaged(
            place,
            inputs,
            values=values,
            points=trembling,
            weights=torch.full((samples,), 1 / samples),
            target=target,
            batch_size=batch_size,
        )


def _range(values: Tensor) -> Tensor:
    """Largest less smallest of each example, in a shape that meets the values'."""
    flat = values.flatten(1)
    return (flat.amax(1) - flat.amin(1)).view(-1, *[1] * (values.ndim - 1))


def _drawn(values: Tensor, seed: int, sample: int) -> Tensor:
    source = generator(seed, "smoothgrad", sample)
    return torch.randn(values.shape[1:], generator=source).to(values)
