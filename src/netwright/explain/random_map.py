"""The control: a map that knows nothing."""

from __future__ import annotations

import hashlib

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netwright._random import generator
from netwright.explain.gradient import leaf
from netwright.explain.inside.examined import examined
from netwright.explain.inside.target import Target, chosen

__all__ = ["random_map"]


def random_map(
    model: nn.Module, inputs: Float[Tensor, "n ..."], *, target: Target = None, seed: int = 0
) -> Float[Tensor, "n ..."]:
    """Numbers drawn evenly from 0 to 1: what any explanation has to beat.

    Each picture has a map of its own, that depends on the seed and on the picture, and neither on
    the model nor on what is explained.

    Args:
        model: run once, so that a target that there is not is refused as by every other method.
        inputs: (n, c, h, w) pictures as the model takes them, or rows (n, d).
        target: see `explain.Target`.
        seed: of the numbers.

    Returns:
        (n, h, w) for pictures, (n, d) for rows.

    Raises:
        BadType: inputs that are no real numbers, or an output that needs a function as `target`.
        BadValue: classes that there are not.
    """
    with examined(model) as opened, torch.no_grad():
        given, seen = leaf(inputs)
        chosen(opened(seen), target)
        given = given.detach()
    return torch.stack([_drawn(picture, seed) for picture in given]).to(given)


def _drawn(picture: Tensor, seed: int) -> Tensor:
    own = hashlib.blake2b(bytes(picture.cpu().contiguous().flatten().view(torch.uint8).numpy()))
    size = picture.shape[1:] if picture.ndim == 3 else picture.shape
    return torch.rand(size, generator=generator(seed, own.hexdigest()))
