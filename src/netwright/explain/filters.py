"""The kernels of a convolution, as pictures of what each looks for."""

from __future__ import annotations

from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import must_be
from netwright.explain.inside.examined import examined
from netwright.explain.inside.layers import Layer, named_layer

__all__ = ["filters", "first_convolution"]

_COLOURS = 3
_KINDS = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d)
Convolution: TypeAlias = nn.Conv1d | nn.Conv2d | nn.ConvTranspose1d | nn.ConvTranspose2d


def filters(
    model: nn.Module,
    *,
    layer: Layer | None = None,
    channel: int | None = None,
    together: bool = False,
) -> Float[Tensor, "k c h w"]:
    """Each kernel of a convolution as a picture between 0 and 1, where 0.5 is a weight of 0.

    A kernel over three channels is shown in their colours. One over more can't be: what is shown of
    it is how strongly it looks at each place, the root of the sum of the squares over the channels,
    from 0 (black) on; or, by `channel`, its signed weights on one of them. Kernels of first layers
    of trained networks are edges and blobs of colour; noise there speaks of too little training.

    Args:
        model: any; it is left as it was.
        layer: a convolution over pictures or sequences, see `explain.Layer`; None for the first
            in the order in which the model declares its parts.
        channel: of what the layer reads, the one whose weights are shown.
        together: bring all kernels to one scale, so that weak ones look weak; else each uses the
            whole range on its own.

    Returns:
        (k, 3, h, w) in colour or (k, 1, h, w); of a transposed convolution the pattern that each
        of its k inputs paints.

    Example:
        >>> filters(nn.Conv2d(3, 8, 5)).shape, filters(nn.Conv2d(16, 8, 5)).shape
        (torch.Size([8, 3, 5, 5]), torch.Size([8, 1, 5, 5]))

    Raises:
        BadValue: no convolution is meant, or it has no such channel.
    """
    with examined(model) as opened, torch.no_grad():
        module = first_convolution(opened) if layer is None else _convolution(opened, layer)
        weight: Tensor = module.weight.detach().float()
    weight = weight.unsqueeze(2) if weight.ndim == 3 else weight
    if channel is not None:
        if not 0 <= channel < weight.shape[1]:
            raise must_be("channel", f"from 0 to {weight.shape[1] - 1} for this layer", channel)
        weight = weight[:, channel : channel + 1]
    if weight.shape[1] in {1, _COLOURS}:
        return 0.5 + weight / (2 * _largest(weight, together=together))
    strength: Tensor = torch.linalg.vector_norm(weight, dim=1, keepdim=True)
    return strength / _largest(strength, together=together)


def first_convolution(model: nn.Module) -> Convolution:
    """The first convolution over pictures or sequences that a model declares.

    Raises:
        BadValue: it has none.
    """
    for module in model.modules():
        if isinstance(module, _KINDS):
            return module
    fix = "Name a layer; for linear layers see explain.weights."
    raise must_be("model", "one with a convolution", type(model).__name__, fix)


def _convolution(model: nn.Module, layer: Layer) -> Convolution:
    path, module = named_layer(model, layer)
    if not isinstance(module, _KINDS):
        shown = f"{path or 'the model itself'}, a {type(module).__name__}"
        raise must_be(
            "layer", "a convolution of one or two dimensions", shown, "See explain.weights."
        )
    return module


def _largest(values: Tensor, *, together: bool) -> Tensor:
    """Largest size of each picture, or of all; 1 where there is nothing but 0."""
    sizes = values.abs().amax((1, 2, 3), keepdim=True)
    sizes = sizes.amax(0, keepdim=True) if together else sizes
    return torch.where(sizes > 0, sizes, 1)
