"""The contract of preprocessing, and reading the training split piece by piece."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Protocol, Self, runtime_checkable

import torch
from torch import Tensor, nn

from netwright._errors import BadData, BadType, must_be
from netwright.data.dataset import Samples

__all__ = ["PicturePreprocess", "Preprocess", "Restorable", "channel_moments", "chunks"]
__all__ += ["picture_scale"]

_CHUNK_ENTRIES = 2**21  # 16 MiB of float64: stays in the cache of most machines


class Preprocess(nn.Module, ABC):
    """Turns a batch of raw inputs into the float tensor the network takes.

    Everything it has learned is in its buffers, so it moves with `to`, and `state` writes it down
    as plain data: the same numbers serve in training, evaluation and production. A subclass takes
    its buffers by name: `Subclass(**buffers)` is the whole object again.

    Attributes:
        name: the one in the catalogue.
    """

    name: str

    def __init__(self, **learned: Tensor) -> None:
        super().__init__()
        for name, value in learned.items():
            self._keep(name, value)

    @classmethod
    @abstractmethod
    def fit(cls, samples: Samples, index: Tensor) -> Self:
        """Learn from the samples at (n,) `index`, the training split, and from no others."""

    @abstractmethod
    def forward(self, raw: Tensor) -> Tensor:
        """(n, ...) raw inputs → (n, ...) float32."""

    def state(self) -> dict[str, Any]:
        """What was learned, as plain data fit for JSON; `from_state` takes it back exactly."""
        return {
            "name": self.name,
            **{
                name: {"dtype": str(value.dtype).removeprefix("torch."), "values": value.tolist()}
                for name, value in self.state_dict().items()
            },
        }

    def _keep(self, name: str, value: Tensor) -> None:
        bad = int((~value.isfinite()).sum())
        if bad:
            raise must_be(
                "inputs",
                f"finite, so that their {name.replace('_', ' ')} is",
                f"{bad} of {value.numel()} that are not",
                "Remove or replace the NaN and infinite values of the training split.",
                error=BadData,
            )
        self.register_buffer(name, value)


@runtime_checkable
class Restorable(Protocol):
    """A preprocessing of pictures that can be taken back and done from what was taken back."""

    def restore(self, prepared: Tensor, /) -> Tensor:
        """What the network takes → the pictures as they were, from 0 to 1."""
        ...

    def of_unit(self, pictures: Tensor, /) -> Tensor:
        """Pictures from 0 to 1, whatever type they were read in → what the network takes."""
        ...


class PicturePreprocess(Preprocess):
    """Pictures brought to the range 0 to 1, moved by a mean and divided by a deviation.

    Args:
        scale: what a raw picture is multiplied with first, 1/255 for uint8.
        mean: what is taken off, (c, 1, 1) or (c, h, w).
        inverse_deviation: what is multiplied with last; 0 for a channel that never varied, which
            therefore says nothing.
    """

    scale: Tensor
    mean: Tensor
    inverse_deviation: Tensor
    _weight: Tensor
    _offset: Tensor

    def __init__(self, *, scale: Tensor, mean: Tensor, inverse_deviation: Tensor) -> None:
        super().__init__(scale=scale, mean=mean, inverse_deviation=inverse_deviation)
        self._of_bytes = float(scale) != 1.0
        self.register_buffer("_weight", scale * inverse_deviation, persistent=False)
        self.register_buffer("_offset", mean * inverse_deviation, persistent=False)

    def forward(self, raw: Tensor) -> Tensor:
        """(n, c, h, w) raw pictures → (n, c, h, w) float32."""
        if (raw.dtype == torch.uint8) != self._of_bytes:
            wanted = "uint8" if self._of_bytes else "floating point"
            raise must_be(
                "inputs",
                f"{wanted} pictures, as those the preprocessing was fitted on",
                str(raw.dtype),
                error=BadType,
            )
        if self._of_bytes:  # in steps: an operation on two types converts far more slowly
            return raw.float().mul_(self._weight).sub_(self._offset)
        return (raw * self._weight).sub_(self._offset).float()

    def restore(self, prepared: Tensor) -> Tensor:
        """See `Restorable`; a channel that never varied comes back as its mean."""
        varies = self.inverse_deviation > 0
        deviation = torch.where(varies, self.inverse_deviation, torch.inf).reciprocal()
        return prepared * deviation + self.mean

    def of_unit(self, pictures: Tensor) -> Tensor:
        """See `Restorable`."""
        return (pictures - self.mean) * self.inverse_deviation


def chunks(samples: Samples, index: Tensor) -> Iterator[Tensor]:
    """The samples at `index`, some at a time, so that no second copy of a set is made."""
    if len(index) == 0:
        raise must_be("index", "of at least one training example", [], error=BadData)
    entries = samples.take(index[:1]).numel()
    size = max(1, _CHUNK_ENTRIES // max(1, entries))
    for places in torch.split(index, size):
        yield samples.take(places)


def picture_scale(raw: Tensor) -> Tensor:
    """What brings raw pictures to the range 0 to 1: uint8 are divided by 255, floats left alone."""
    if raw.dim() != 4:
        raise must_be(
            "inputs", "pictures (n, c, h, w) for this preprocessing", tuple(raw.shape),
            "Tables and other tensors take standardise.", error=BadData,
        )  # fmt: skip
    return torch.tensor(1 / 255 if raw.dtype == torch.uint8 else 1.0)


def channel_moments(samples: Samples, index: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of each channel over pictures and pixels, as (c, 1, 1) float64.

    In the range 0 to 1. Chunks are merged by their moments about their own means, so that nothing
    cancels.

    Paper: Updating formulae and a pairwise algorithm for computing sample variances, Chan, Golub
        and LeVeque 1979.
    """
    scale = float(picture_scale(samples.take(index[:1])))
    count, mean, squares = 0, torch.zeros(()), torch.zeros(())
    for raw in chunks(samples, index):
        values = raw.to(torch.float64, copy=True).mul_(scale)
        more = values.numel() // values.shape[1]
        more_variance, more_mean = torch.var_mean(values, dim=(0, 2, 3), correction=0)
        apart = more_mean - mean.to(more_mean)
        total = count + more
        squares = squares.to(apart) + more_variance * more + apart**2 * (count * more / total)
        mean = mean.to(apart) + apart * (more / total)
        count = total
    return mean[:, None, None], (squares / count)[:, None, None]
