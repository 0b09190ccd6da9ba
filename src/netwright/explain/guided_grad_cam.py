"""Guided Grad-CAM: the edges of guided backpropagation, where Grad-CAM sees the class."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from netwright.explain.guided_backprop import guided_backprop
from netwright.explain.inside.examined import examined
from netwright.explain.inside.layers import Layer
from netwright.explain.inside.maps import enlarged
from netwright.explain.inside.tail import tail
from netwright.explain.inside.target import Target
from netwright.explain.signed_grad_cam import weighed

__all__ = ["guided_grad_cam"]


def guided_grad_cam(
    model: nn.Module,
    inputs: Float[Tensor, "n c h w"],
    *,
    target: Target = None,
    layer: Layer | None = None,
) -> Float[Tensor, "n c h w"]:
    """`guided_backprop` times `grad_cam` at the inputs' size.

    As sharp as the first and as tied to the class as the second: which of the edges in the right
    place there are, but not which of them count.

    Paper: Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization, 2016,
    https://arxiv.org/abs/1610.02391

    Differs: Grad-CAM is enlarged bilinearly, as in the paper; Captum repeats the nearest place
    unless it is told otherwise.

    Args:
        model: any with maps whose activations are ReLUs, however they are written, in any mode; it
            is left as it was.
        inputs: (n, c, h, w) pictures as the model takes them.
        target: what is explained, see `explain.Target`; None for the predicted class.
        layer: path of the module whose maps are weighed, or the module itself; None for the last
            one with maps, which `default_layer` names.

    Returns:
        (n, c, h, w), of any sign.

    Example:
        >>> import torch
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(36, 2))
        >>> guided_grad_cam(model, torch.rand(2, 3, 5, 5), target=1).shape
        torch.Size([2, 3, 5, 5])

    Raises:
        BadType: inputs that are no real numbers, an output that needs a function as `target`, or a
            layer that does not give maps.
        BadValue: inputs that are no pictures, a layer that is not there, never runs, or has no
            influence, or a model with an activation that guided backpropagation has no rule for.
    """
    with examined(model) as opened:
        found = tail(opened, inputs, target=target, layer=layer)
    where = enlarged(weighed(found).relu(), (inputs.shape[2], inputs.shape[3]))
    return guided_backprop(model, inputs, target=found.target) * where.unsqueeze(1)
