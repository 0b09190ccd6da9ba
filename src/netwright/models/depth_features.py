"""What goes into each block of a network, as rows of numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from netwright import _random
from netwright.models.depth import DepthBlock
from netwright.models.initialisation.standing import standing_still

__all__ = ["INPUT", "features_by_depth"]

INPUT = "input"
MOST = 512  # numbers of a map, where its channels are no more
WIDEST = 4096  # numbers of a flattened map; more are projected


def features_by_depth(
    network: nn.Module, inputs: Float[Tensor, "n ..."], *, blocks: Sequence[DepthBlock]
) -> dict[str, Float[Tensor, "n d"]]:
    """Rows of features after each block but the last, in evaluation mode; first those of the input.

    They are what the next block is given, so behind activation and pooling. Maps are averaged over
    a grid as fine as gives at most 512 numbers, sequences over their places; flattened maps of more
    than 4096 numbers are projected at random, the same way each time.

    Args:
        network: any; it is left as it is.
        inputs: as it takes them.
        blocks: of `depth_blocks`.

    Example:
        >>> from netwright.models.depth import depth_blocks
        >>> network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        >>> blocks = depth_blocks(network, torch.zeros(1, 4))
        >>> {at: rows.shape[1] for at, rows in features_by_depth(
        ...     network, torch.zeros(2, 4), blocks=blocks).items()}
        {'input': 4, '0': 8}
    """
    found = {INPUT: _rows(inputs)}
    hooks = []
    for before, block in pairwise(blocks):
        if block.modules:
            first = next(iter(block.modules.values()))
            hooks.append(first.register_forward_pre_hook(_keeper(found, before.name)))
    try:
        with _random.isolated(0), standing_still(network), torch.no_grad():
            network(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def _keeper(found: dict[str, Tensor], name: str) -> Any:
    def keep(_: nn.Module, given: tuple[Any, ...]) -> None:
        if given and isinstance(given[0], Tensor) and name not in found:
            found[name] = _rows(given[0].detach())

    return keep


def _rows(values: Tensor) -> Tensor:
    values = values.float()
    if values.ndim == 4:
        height, width, last = values.shape[1:]
        if height == width != last:  # (n, h, w, c), as window transformers have them
            values = values.permute(0, 3, 1, 2)
        side = math.isqrt(max(MOST // values.shape[1], 1))
        return F.adaptive_avg_pool2d(
            values, (min(side, values.shape[2]), min(side, values.shape[3]))
        ).flatten(1)
    if values.ndim == 3:
        return values.mean(dim=1)
    values = values.flatten(1)
    if values.shape[1] <= WIDEST:
        return values
    draw = _random.generator(0, "projection", values.shape[1])
    law = torch.randn(values.shape[1], MOST, generator=draw) / math.sqrt(MOST)
    return values @ law.to(values.device)
