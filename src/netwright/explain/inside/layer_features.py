"""One row of numbers for each input: what a layer of a model sees in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import BadType, must_be
from netwright.explain.inside.examined import examined
from netwright.explain.inside.layer_output import layer_output
from netwright.explain.inside.layers import Layer
from netwright.models.features import features

__all__ = ["Inputs", "layer_features"]

Inputs: TypeAlias = Tensor | Iterable[Tensor | Sequence[Tensor]]
"""Inputs (n, ...) in one tensor, or batches of them one after another, as a DataLoader gives them:
tensors, or tuples whose first part is the inputs."""


def layer_features(
    model: nn.Module, inputs: Inputs, *, layer: Layer | None = None, batch_size: int = 64
) -> Float[Tensor, "n d"]:
    """What a layer makes of each input; maps and sequences are averaged over their places.

    Two inputs with features close to each other are alike to the model from there on.

    Args:
        model: any, in any mode; it is left as it was.
        inputs: see `Inputs`; batches are taken to the model's device.
        layer: path of a layer, or the layer, whose output is taken: (n, d), maps (n, d, h, w) or
            sequences (n, t, d); None for what goes into the last linear layer or convolution.
        batch_size: how many of a tensor's inputs are computed at a time.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 2))
        >>> pictures = torch.rand(4, 3, 5, 5)
        >>> layer_features(model, pictures).shape, layer_features(model, pictures, layer="0").shape
        (torch.Size([4, 72]), torch.Size([4, 8]))

    Raises:
        BadType: inputs that are neither a tensor nor batches.
        BadValue: no such layer, or one that does not give a tensor of such a shape.
    """
    with examined(model) as opened:
        device = next(opened.parameters(), torch.empty(0)).device
        found = [
            _of_batch(opened, batch.to(device), layer) for batch in _batches(inputs, batch_size)
        ]
    if not found:
        raise must_be("inputs", "at least one batch", "none")
    return torch.cat(found)


def _of_batch(opened: nn.Module, batch: Tensor, layer: Layer | None) -> Tensor:
    if layer is None:
        return features(opened, batch)
    found = layer_output(opened, batch, layer=layer)
    if found.ndim not in {2, 3, 4} or len(found) != len(batch):
        rule = f"one that gives (n, d), (n, t, d) or (n, d, h, w) for {len(batch)} inputs"
        raise must_be("layer", rule, f"{layer}: {tuple(found.shape)}")
    if found.ndim == 4:
        found = found.mean(dim=(2, 3))
    elif found.ndim == 3:
        found = found.mean(dim=1)
    return found if found.dtype == torch.double else found.float()


def _batches(inputs: Inputs, size: int) -> Iterator[Tensor]:
    if isinstance(inputs, Tensor):
        if size < 1:
            raise must_be("batch_size", "at least 1", size)
        yield from torch.split(inputs.detach(), size)
        return
    if not isinstance(inputs, Iterable):
        raise must_be("inputs", "a tensor, or batches", type(inputs).__name__, error=BadType)
    for batch in inputs:
        first = batch[0] if isinstance(batch, Sequence) else batch
        if not isinstance(first, Tensor):
            rule = "batches that are tensors, or tuples whose first part is the inputs"
            raise must_be("inputs", rule, type(batch).__name__, error=BadType)
        yield first.detach()
