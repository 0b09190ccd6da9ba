"""Random numbers that belong to an example, not to the batch it happens to be in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from netwright._random import derive

__all__ = ["Draws", "uniform"]

# SplitMix64's increment and multipliers, as the signed numbers torch's int64 holds
_STEP = 0x9E3779B97F4A7C15 - 2**64
_FIRST = 0xBF58476D1CE4E5B9 - 2**64
_SECOND = 0x94D049BB133111EB - 2**64


def uniform(
    index: Int[Tensor, "n"], *, seed: int, epoch: int, name: int | str = 0
) -> Float[Tensor, "n"]:
    """A number in [0, 1) for each example: a pure function of (seed, epoch, name, its index).

    Counter-based: the index-th output of the SplitMix64 stream that the rest of the arguments
    choose. So an example gets the same numbers whatever batch it is in, on every device, and no
    generator is advanced.

    Paper: Fast splittable pseudorandom number generators, Steele, Lea and Flood 2014,
        https://doi.org/10.1145/2714064.2660195

    Args:
        index: places in the data set.
        seed: of the run.
        epoch: which pass.
        name: which of the numbers an example needs.

    Example:
        >>> import torch
        >>> one = uniform(torch.tensor([7]), seed=0, epoch=3)
        >>> bool(one == uniform(torch.tensor([1, 7]), seed=0, epoch=3)[1])
        True
    """
    return _output((index * _STEP).add_(_start(seed, epoch, name)))


def _start(seed: int, epoch: int, name: int | str) -> int:
    """Where a stream begins; derive gives 63 bits, and it needs no more."""
    return derive(seed, "draw", epoch, name) + _STEP


def _output(counters: Tensor) -> Tensor:
    return _shifted(_mixed(counters), 40).float().mul_(2**-24)  # float32 holds 24 bits exactly


def _mixed(bits: Tensor) -> Tensor:
    """64 random bits in place of each counter."""
    bits = bits.bitwise_xor_(_shifted(bits, 30)).mul_(_FIRST)
    bits = bits.bitwise_xor_(_shifted(bits, 27)).mul_(_SECOND)
    return bits.bitwise_xor_(_shifted(bits, 31))


@dataclass(frozen=True)
class Draws:
    """The numbers of a batch of examples, asked for by name.

    Attributes:
        index: (n,) places in the data set.
        seed: of the run.
        epoch: which pass.
        scope: keeps the numbers of one augmentation apart from another's.
        examples: in the data set, where it is known: the numbers of a whole pass are then drawn at
            once and kept; the numbers themselves are the same.
    """

    index: Tensor
    seed: int
    epoch: int
    scope: str = ""
    examples: int | None = None

    def uniform(self, name: str, *, low: float = 0.0, high: float = 1.0) -> Float[Tensor, "n"]:
        """A number in [low, high) for each example."""
        which, device = f"{self.scope}/{name}", self.index.device
        if self.examples is None:
            unit = uniform(self.index, seed=self.seed, epoch=self.epoch, name=which)
        else:
            kept = _kept_pass(self.examples, self.seed, self.epoch, which, str(device))
            unit = kept.index_select(0, self.index)
        return unit if (low, high) == (0.0, 1.0) else unit.mul_(high - low).add_(low)

    def uniforms(
        self, names: Sequence[str], *, low: float = 0.0, high: float = 1.0
    ) -> Float[Tensor, "k n"]:
        """What `uniform` gives for each of the names, all at once."""
        starts = [_start(self.seed, self.epoch, f"{self.scope}/{name}") for name in names]
        first = torch.tensor(starts, device=self.index.device)
        units = _output(first[:, None] + self.index * _STEP)
        return units.mul_(high - low).add_(low)

    def pairs(self, name: str, *, count: int) -> Float[Tensor, "2 n k"]:
        """Two times `count` numbers in [0, 1) for each example: a field of noise."""
        places = self.index[:, None] * count + torch.arange(count, device=self.index.device)
        bits = _mixed(
            places.mul_(_STEP).add_(_start(self.seed, self.epoch, f"{self.scope}/{name}"))
        )
        both = torch.stack([_shifted(bits, 40), (bits >> 16).bitwise_and_(2**24 - 1)])
        return both.float().mul_(2**-24)

    def integer(self, name: str, *, most: int) -> Int[Tensor, "n"]:
        """A whole number from −most to most for each example, all as likely."""
        return self.uniform(name).mul_(2 * most + 1).long().sub_(most)


@lru_cache(maxsize=16)
def _kept_pass(examples: int, seed: int, epoch: int, name: str, device: str) -> Tensor:
    """4 bytes an example; what a step takes of it is a copy."""
    return uniform(torch.arange(examples, device=device), seed=seed, epoch=epoch, name=name)


def _shifted(bits: Tensor, by: int) -> Tensor:
    """Logical shift to the right: torch's own copies the sign bit."""
    return (bits >> by).bitwise_and_((1 << (64 - by)) - 1)
