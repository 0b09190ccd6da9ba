"""How alike two maps of a picture are."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

__all__ = ["spearman", "structural_similarity", "top_overlap"]

_WINDOW = 7  # pixels, as in the paper's uniform form
_STABILISERS = (0.01**2, 0.03**2)  # K1² and K2² of the paper, for values from 0 to 1


def spearman(first: Float[Tensor, "n p"], second: Float[Tensor, "n p"]) -> Float[Tensor, "n"]:
    """Correlation of the ranks of each row; equal values share the mean of their ranks.

    Two rows that are the same in every number are 1 alike; where only one of them is constant
    there is no order to agree with, and it is 0.

    Args:
        first: a row a picture.
        second: the rows that they are compared with.

    Example:
        >>> spearman(torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[10.0, 20.0, 15.0]]))
        tensor([0.5000])
    """
    one, other = (_ranks(values) for values in (first, second))
    one, other = one - one.mean(1, keepdim=True), other - other.mean(1, keepdim=True)
    size = one.norm(dim=1) * other.norm(dim=1)
    found = torch.where(size > 0, (one * other).sum(1) / size.clamp(min=1e-300), 0.0)
    found = torch.where((first == second).all(1), 1.0, found)
    return found.clamp(-1, 1).to(first.dtype)


def _ranks(values: Tensor) -> Tensor:
    """Mean rank of every number of a row, from 0."""
    ranks = torch.empty(values.shape, dtype=torch.float64, device=values.device)
    for row, own in zip(ranks, values, strict=True):
        _, place, count = own.unique(return_inverse=True, return_counts=True)
        row.copy_((count.cumsum(0) - (count + 1) / 2)[place])
    return ranks


def top_overlap(
    first: Float[Tensor, "n p"], second: Float[Tensor, "n p"], *, share: float = 0.02
) -> Float[Tensor, "n"]:
    """The share of the highest numbers of one row that are among the highest of the other.

    Args:
        first: a row a picture.
        second: the rows that they are compared with.
        share: how many of a row's numbers count as its highest; one at least.

    Example:
        >>> top_overlap(torch.tensor([[4.0, 3, 2, 1]]), torch.tensor([[9.0, 1, 8, 2]]), share=0.5)
        tensor([0.5000])
    """
    count = max(1, round(share * first.shape[1]))
    one, other = (
        torch.zeros_like(values, dtype=torch.bool).scatter(1, values.topk(count).indices, True)
        for values in (first, second)
    )
    return (one & other).sum(1).to(first.dtype) / count


def structural_similarity(
    first: Float[Tensor, "n h w"], second: Float[Tensor, "n h w"]
) -> Float[Tensor, "n"]:
    """How alike two maps look, each stretched to 0 to 1: means, contrasts and shapes of windows.

    Uniform windows of 7 pixels, or of the map where that is smaller.

    Paper: Image Quality Assessment: From Error Visibility to Structural Similarity, 2004,
    https://doi.org/10.1109/TIP.2003.819861

    Args:
        first: a map a picture.
        second: the maps that they are compared with.
    """
    one, other = (_stretched(values) for values in (first, second))
    window = min(_WINDOW, *first.shape[1:])
    means = [_window_means(values, window) for values in (one, other)]
    spreads = [
        (_window_means(values * values, window) - mean * mean).clamp(min=0)
        for values, mean in zip((one, other), means, strict=True)
    ]
    shared = _window_means(one * other, window) - means[0] * means[1]
    low, high = _STABILISERS
    found = (2 * means[0] * means[1] + low) * (2 * shared + high)
    found = found / (means[0] ** 2 + means[1] ** 2 + low) / (spreads[0] + spreads[1] + high)
    return found.flatten(1).mean(1).to(first.dtype)


def _stretched(values: Tensor) -> Tensor:
    low, high = (edge[:, None, None] for edge in values.double().flatten(1).aminmax(dim=1))
    return (values.double() - low) / (high - low).clamp(min=1e-300)


def _window_means(values: Tensor, window: int) -> Tensor:
    return functional.avg_pool2d(values.unsqueeze(1), window, stride=1).squeeze(1)
