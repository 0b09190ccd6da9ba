"""Each column with mean 0 and variance 1, what is missing filled in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

import torch
from torch import Tensor

from netwright.data.dataset import Samples
from netwright.data.preprocess.base import Preprocess, chunks

__all__ = ["Standardise"]


class Standardise(Preprocess):
    """Fill NaN with the column's median, take off its mean, divide by its standard deviation.

    When to use it: tables and tensors of any shape but pictures; every entry of an example is a
    column of its own. A column that never varied in training, or was never there, says nothing: it
    is 0, also where it varies later.

    Differs: scikit-learn hands on later values of a constant column unscaled.

    Args:
        median: of each column, of the values that are there.
        mean: of each column after filling in.
        inverse_deviation: of each column after filling in; 0 for one that never varied.
    """

    name = "standardise"
    median: Tensor
    mean: Tensor
    inverse_deviation: Tensor

    def __init__(self, *, median: Tensor, mean: Tensor, inverse_deviation: Tensor) -> None:
        super().__init__(median=median, mean=mean, inverse_deviation=inverse_deviation)

    @classmethod
    def fit(cls, samples: Samples, index: Tensor) -> Self:
        """Median, mean and deviation of each column over the training split."""
        first = samples.take(index[:1])
        # raw float64 (a time stamp) would lose its digits to a mean in float32
        kept = torch.float64 if first.dtype == torch.float64 else torch.float32
        median = _median_where_missing(samples, index)
        mean, variance = _moments(samples, index, median)
        inverse = torch.where(variance > 0, variance, torch.inf).rsqrt()
        learned = {"median": median, "mean": mean, "inverse_deviation": inverse}
        return cls(**{name: value.reshape(first.shape[1:]).to(kept) for name, value in
                      learned.items()})  # fmt: skip

    def forward(self, raw: Tensor) -> Tensor:
        """(n, ...) raw rows → (n, ...) float32."""
        values = raw.to(self.mean.dtype)
        filled = torch.where(values.isnan(), self.median, values)
        return filled.sub_(self.mean).mul_(self.inverse_deviation).float()


def _columns(raw: Tensor) -> Tensor:
    return raw.reshape(len(raw), -1).double()


def _median_where_missing(samples: Samples, index: Tensor) -> Tensor:
    """The median of the columns that have gaps; 0 for the others, which need none.

    A column with gaps is held whole in memory; the others are not.
    """
    gaps = torch.stack([_columns(raw).isnan().any(0) for raw in chunks(samples, index)]).any(0)
    median = torch.zeros(len(gaps), dtype=torch.float64, device=gaps.device)
    if bool(gaps.any()):
        known = torch.cat([_columns(raw)[:, gaps] for raw in chunks(samples, index)])
        median[gaps] = torch.stack([_median(column) for column in known.unbind(1)])
    return median


def _median(column: Tensor) -> Tensor:
    known = column[~column.isnan()].sort().values
    if len(known) == 0:
        return column.new_zeros(())
    return (known[(len(known) - 1) // 2] + known[len(known) // 2]) / 2


def _moments(samples: Samples, index: Tensor, median: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of each column; the variance of a column of one value is exactly 0."""

    def filled() -> Iterator[Tensor]:
        for raw in chunks(samples, index):
            values = _columns(raw)
            yield torch.where(values.isnan(), median, values)

    # a first example taken off: one value in all rows gives 0, and large offsets do not cancel
    origin = next(filled())[0]
    mean = origin + sum(((rows - origin).sum(0) for rows in filled()), 0.0) / len(index)
    squares = sum(((rows - mean).square().sum(0) for rows in filled()), 0.0)
    return mean, torch.as_tensor(squares) / len(index)
