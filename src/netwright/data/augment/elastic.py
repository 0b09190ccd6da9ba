"""Pictures drawn on rubber."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from netwright._errors import must_be
from netwright.data.augment.draws import Draws
from netwright.data.augment.warp import Warp

__all__ = ["elastic", "elastic_warp"]


def elastic(
    pictures: Shaped[Tensor, "n c h w"],
    draws: Draws,
    *,
    amount: float = 0.04,
    smoothness: float = 0.14,
    fill: float | None = None,
) -> Shaped[Tensor, "n c h w"]:
    """Displace the pixels of each picture by a smooth random field, with bilinear interpolation.

    When to use it: handwriting, tissue, cells: whatever bends without becoming another thing.

    Paper: Best practices for convolutional neural networks applied to visual document analysis,
        Simard, Steinkraus and Platt 2003, https://doi.org/10.1109/ICDAR.2003.1227801
    Differs: both numbers are shares of the shorter side, and the first is the standard deviation
        that the displacement has, not a factor on blurred noise: the paper's σ = 4 and α = 34 on
        29 × 29 are 0.14 and 0.048. The noise lies half a σ apart instead of at every pixel, which
        the blur makes the same of, and the field does not die away at the border.

    Args:
        pictures: of any type, which they keep.
        draws: their random numbers.
        amount: standard deviation of the displacement along each axis, from 0 to half of
            `smoothness`, beyond which pictures fold over themselves.
        smoothness: standard deviation of the Gaussian that blurs the noise, above 0.
        fill: value of what comes in; None repeats the edge.
    """
    warp = elastic_warp(pictures.shape[-2:], draws, amount=amount, smoothness=smoothness, fill=fill)
    return warp.pictures(pictures)


def elastic_warp(
    size: Sequence[int],
    draws: Draws,
    *,
    amount: float = 0.04,
    smoothness: float = 0.14,
    fill: float | None = None,
) -> Warp:
    """What `elastic` does to pictures of `size`."""
    if not 0 < smoothness <= 1:
        raise must_be(
            "smoothness", "above 0 and at most 1, a share of the shorter side", smoothness
        )
    if not 0 <= amount <= smoothness / 2:
        raise must_be(
            "amount", f"from 0 to half of smoothness={smoothness}", amount,
            "More folds pictures over themselves.",
        )  # fmt: skip
    height, width = size
    sigma = max(smoothness * min(size), 0.5)
    rows, columns = (_blur(side, sigma, draws.index.device) for side in (height, width))
    noise = draws.pairs("noise", count=rows.shape[1] * columns.shape[1])
    noise = noise.view(2, -1, rows.shape[1], columns.shape[1])
    reach = amount * min(size) * math.sqrt(12) * 2  # the noise is of variance 1/12
    noise = (noise - 0.5) * noise.new_tensor([reach / width, reach / height]).view(2, 1, 1, 1)
    return Warp(displaced=(rows @ noise @ columns.T).transpose(0, 1), fill=fill)


@lru_cache(maxsize=8)
def _blur(side: int, sigma: float, device: torch.device) -> Float[Tensor, "h m"]:
    """How much of the noise at m places reaches each of a side's pixels; squares add up to 1."""
    count = math.ceil(2 * (side + 2 * sigma) / sigma) + 1
    count = min(count, side + 2 * math.ceil(sigma))
    sources = torch.linspace(-sigma, side + sigma, count, dtype=torch.float64)
    pixels = torch.arange(side, dtype=torch.float64)[:, None] + 0.5
    weights = torch.exp(-0.5 * ((pixels - sources) / sigma) ** 2)
    lengths = weights.square().sum(dim=1, keepdim=True).sqrt()
    return (weights / lengths).float().to(device)
