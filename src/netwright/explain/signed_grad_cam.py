"""Grad-CAM before its ReLU: what speaks for the class, and what against it."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from netwright.explain.inside.examined import examined
from netwright.explain.inside.layers import Layer
from netwright.explain.inside.maps import enlarged
from netwright.explain.inside.tail import Tail, tail
from netwright.explain.inside.target import Target

__all__ = ["signed_grad_cam", "weighed"]


def signed_grad_cam(
    model: nn.Module,
    inputs: Float[Tensor, "n c h w"],
    *,
    target: Target = None,
    layer: Layer | None = None,
    size: tuple[int, int] | None = None,
) -> Float[Tensor, "n height width"]:
    """A layer's maps, each weighed by the mean of the score's gradient over it: any sign.

    Where `grad_cam` is black all over, this says what speaks against the class. On a network that
    ends in global average pooling and one linear layer it is `cam`, over the number of places.

    Paper: Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization, 2016,
    https://arxiv.org/abs/1610.02391

    Args:
        model: any with maps or a picture's tokens, in any mode; it is left as it was.
        inputs: (n, c, h, w) pictures as the model takes them.
        target: what is explained, see `explain.Target`; None for the predicted class.
        layer: path of a module or the module itself; None for the last one with maps, which
            `default_layer` names. Of one that runs several times, the last run that counts.
        size: (height, width) of the answer, bilinear; None for the inputs' size. The layer's own
            size leaves the numbers as they are.

    Returns:
        (n, height, width), in units of the score.

    Raises:
        BadType: inputs that are no real numbers, an output that needs a function as `target`, or a
            layer that does not give maps.
        BadValue: inputs that are no pictures, or a layer that is not there, never runs, or has no
            influence.
    """
    with examined(model) as opened:
        found = tail(opened, inputs, target=target, layer=layer)
    return enlarged(weighed(found), size or (inputs.shape[2], inputs.shape[3]))


def weighed(found: Tail) -> Float[Tensor, "n h w"]:
    """The sum of maps, each by its gradient's mean over the places."""
    weights = found.gradients.mean((2, 3), keepdim=True)
    return (weights * found.maps).sum(1)
