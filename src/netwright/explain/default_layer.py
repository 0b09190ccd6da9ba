"""The layer whose maps are weighed where none is named."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from netwright.explain.inside.examined import examined
from netwright.explain.inside.tail import tail
from netwright.explain.inside.target import Target

__all__ = ["default_layer"]


def default_layer(
    model: nn.Module, inputs: Float[Tensor, "n c h w"], *, target: Target = None
) -> str:
    """The last layer with maps that the score depends on, as `grad_cam` takes it for `layer=None`.

    It is found by running the model: the last module that gives maps (n, c, h, w) or (n, h, w, c)
    of several places, or tokens of a picture that are read as such. So "layer4" in ResNets,
    "inception5b" in GoogLeNet, and in vision transformers the input of the last attention, since
    only the class token is read after it. Of a block and its last module, the block.

    Args:
        model: any with maps or a picture's tokens, in any mode; it is left as it was.
        inputs: (n, c, h, w) pictures as the model takes them.
        target: what is explained, see `explain.Target`; None for the predicted class.

    Returns:
        The path of the layer.

    Example:
        >>> import torch
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(36, 2))
        >>> default_layer(model, torch.rand(1, 3, 5, 5))
        '1'

    Raises:
        BadType: inputs that are no real numbers, or an output that needs a function as `target`.
        BadValue: inputs that are no pictures, or a model without such a layer.
    """
    with examined(model) as opened:
        return tail(opened, inputs, target=target, layer=None).layer
