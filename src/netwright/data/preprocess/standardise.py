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
        median = _medians(samples, index)
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


_HELD_ENTRIES = 2**24  # 128 MiB of float64


def _columns(raw: Tensor, start: int = 0, count: int | None = None) -> Tensor:
    stop = None if count is None else start + count
    return raw.reshape(len(raw), -1)[:, start:stop].double()


def _medians(samples: Samples, index: Tensor) -> Tensor:
    """The median of what is there of each column; 0 where there is nothing.

    Also of columns without gaps, which may have some later. Some columns at a time are held whole
    in memory, never all of a large set.
    """
    first = samples.take(index[:1])
    columns = max(1, first.numel())
    if not first.is_floating_point():
        return torch.zeros(columns, dtype=torch.float64, device=first.device)  # has no gaps, ever
    together = max(1, _HELD_ENTRIES // max(1, len(index)))
    return torch.stack(
        [
            _median(column)
            for start in range(0, columns, together)
            for column in torch.cat(
                [_columns(raw, start, together).T for raw in chunks(samples, index)], 1
            )
        ]
    )


def _median(column: Tensor) -> Tensor:
    known = column[~column.isnan()]
    if len(known) == 0:
        return column.new_zeros(())
    lower = known.kthvalue((len(known) + 1) // 2).values
    return lower if len(known) % 2 else (lower + known.kthvalue(len(known) // 2 + 1).values) / 2


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
