"""Grad-CAM: where the maps of a layer speak for a class."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from netwright.explain.inside.examined import examined
from netwright.explain.inside.layers import Layer
from netwright.explain.inside.maps import enlarged
from netwright.explain.inside.tail import tail
from netwright.explain.inside.target import Target
from netwright.explain.signed_grad_cam import weighed

__all__ = ["grad_cam"]


def grad_cam(
    model: nn.Module,
    inputs: Float[Tensor, "n c h w"],
    *,
    target: Target = None,
    layer: Layer | None = None,
    size: tuple[int, int] | None = None,
) -> Float[Tensor, "n height width"]:
    """A layer's maps, each weighed by the mean of the score's gradient over it; what is above 0.

    The first map to look at: one prediction's cost, as coarse as the layer, and tied to the class.

    Paper: Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization, 2016,
    https://arxiv.org/abs/1610.02391

    Differs: tokens of a vision transformer are the places of its maps, which the paper has not.

    Args:
        model: any with maps or a picture's tokens, in any mode; it is left as it was.
        inputs: (n, c, h, w) pictures as the model takes them.
        target: what is explained, see `explain.Target`; None for the predicted class.
        layer: path of a module or the module itself; None for the last one with maps, which
            `default_layer` names. Of one that runs several times, the last run that counts.
        size: (height, width) of the answer, bilinear; None for the inputs' size. The layer's own
            size leaves the numbers as they are.

    Returns:
        (n, height, width), at least 0, in units of the score.

    Example:
        >>> import torch
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(36, 2))
        >>> grad_cam(model, torch.rand(2, 3, 5, 5), target=1).shape
        torch.Size([2, 5, 5])

    Raises:
        BadType: inputs that are no real numbers, an output that needs a function as `target`, or a
            layer that does not give maps.
        BadValue: inputs that are no pictures, or a layer that is not there, never runs, or has no
            influence.
    """
    with examined(model) as opened:
        found = tail(opened, inputs, target=target, layer=layer)
    return enlarged(weighed(found).relu(), size or (inputs.shape[2], inputs.shape[3]))
