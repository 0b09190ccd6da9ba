"""Gradient saliency: where a small change of the picture changes the score most."""

from __future__ import annotations

from jaxtyping import Float, Shaped
from torch import Tensor, nn

from netwright.explain.gradient import gradient
from netwright.explain.inside.layers import Layer
from netwright.explain.inside.maps import over_colours
from netwright.explain.inside.target import Target

__all__ = ["saliency"]


def saliency(
    model: nn.Module,
    inputs: Shaped[Tensor, "n ..."],
    *,
    target: Target = None,
    layer: Layer | None = None,
) -> Float[Tensor, "n ..."]:
    """Size of the score's derivative by each pixel, the largest over its colours.

    The first thing to look at: exact, cheap, for any network; noisy to the eye.

    Paper: Deep Inside Convolutional Networks: Visualising Image Classification Models and Saliency
    Maps, 2013, https://arxiv.org/abs/1312.6034

    Args:
        model: any, in any mode; it is left as it was.
        inputs: (n, c, h, w) pictures as the model takes them, or rows (n, d).
        target: what is explained, see `explain.Target`; None for the predicted class.
        layer: by the output of this layer in place of the inputs, see `layers.Layer`.

    Returns:
        (n, h, w) for pictures, (n, d) for rows; at least 0, score a unit of input.

    Example:
        >>> import torch
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(36, 2))
        >>> saliency(model, torch.rand(2, 3, 5, 5)).shape
        torch.Size([2, 5, 5])

    Raises:
        BadType: inputs that are no real numbers, or an output that needs a function as `target`.
    """
    return over_colours(gradient(model, inputs, target=target, layer=layer).abs())
