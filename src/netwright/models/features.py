"""What the last layer of a network sees."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import must_be

__all__ = ["features", "head_of"]

_WEIGHED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def head_of(network: nn.Module, example: Float[Tensor, "n ..."]) -> nn.Module:
    """The linear layer or convolution that is carried out last, in evaluation mode.

    Raises:
        BadValue: there is none.
    """
    order: list[nn.Module] = []
    hooks = [
        layer.register_forward_pre_hook(lambda layer, _: order.append(layer))
        for layer in network.modules()
        if isinstance(layer, _WEIGHED)
    ]
    try:
        _answered(network, example)
    finally:
        for hook in hooks:
            hook.remove()
    if not order:
        raise must_be("network", "one with a linear layer or a convolution", type(network).__name__)
    return order[-1]


def features(network: nn.Module, inputs: Float[Tensor, "n ..."]) -> Float[Tensor, "n d"]:
    """The penultimate activations: what goes into the last layer, in evaluation mode.

    Maps and sequences are averaged over their places.

    Args:
        network: any; it is left in the mode it is in.
        inputs: as it takes them.

    Example:
        >>> network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        >>> features(network, torch.zeros(5, 4)).shape
        torch.Size([5, 8])
    """
    head = head_of(network, inputs[:1])
    seen: list[Tensor] = []

    def keep(_: nn.Module, given: tuple[Any, ...]) -> None:
        seen.append(given[0].detach())

    hook = head.register_forward_pre_hook(keep)
    try:
        _answered(network, inputs)
    finally:
        hook.remove()
    found = seen[-1]
    if found.ndim == 4:
        found = found.mean(dim=(2, 3))
    elif found.ndim == 3:
        found = found.mean(dim=1)
    return found.flatten(1).float()


def _answered(network: nn.Module, inputs: Tensor) -> None:
    modes = {layer: layer.training for layer in network.modules()}
    network.eval()
    try:
        with torch.no_grad():
            network(inputs)
    finally:
        for layer, mode in modes.items():
            layer.training = mode
