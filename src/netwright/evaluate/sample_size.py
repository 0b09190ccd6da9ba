"""How many examples there are for so many weights, and what a bound makes of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

from torch import nn

from netwright._errors import must_be

__all__ = ["SampleSize"]


@dataclass(frozen=True, kw_only=True)
class SampleSize:
    """Examples beside weights: reported, never a law of how well a network will do.

    The bound is the simplest there is: of finitely many networks (each weight one of 2^bits
    numbers), with the stated probability none has a share of errors on new examples of the same law
    that is above its share on the training examples by more than `pac_gap`. It holds whatever the
    data and the training are, and for networks it is nearly always above 1, where it says nothing:
    they do far better than it can promise. An error on held-out examples says more.

    Paper: A theory of the learnable, Valiant 1984, https://doi.org/10.1145/1968.1972; Probability
        inequalities for sums of bounded random variables, Hoeffding 1963,
        https://doi.org/10.1080/01621459.1963.10500830

    Attributes:
        examples: learned from, independent of each other.
        parameters: that are trained.
        bits: of each.
        confidence: probability with which the bound holds.

    Example:
        >>> size = SampleSize(examples=1_000_000, parameters=100)
        >>> size.per_parameter, round(size.pac_gap, 4)
        (10000.0, 0.0333)
    """

    examples: int
    parameters: int
    bits: int = 32
    confidence: float = 0.95

    def __post_init__(self) -> None:
        for name in ("examples", "parameters", "bits"):
            if getattr(self, name) < 1:
                raise must_be(name, "at least 1", getattr(self, name))
        if not 0 < self.confidence < 1:
            raise must_be("confidence", "between 0 and 1", self.confidence)

    @classmethod
    def of(cls, model: nn.Module, *, examples: int) -> Self:
        """Those of a network that learned from so many examples."""
        trained = [one.numel() for one in model.parameters() if one.requires_grad]
        return cls(examples=examples, parameters=sum(trained))

    @property
    def per_parameter(self) -> float:
        """Examples for each weight."""
        return self.examples / self.parameters

    @property
    def pac_gap(self) -> float:
        """√((ln|H| + ln 1/δ) / 2n), where |H| = 2^(bits · parameters)."""
        return math.sqrt((self._log_networks + self._doubt) / (2 * self.examples))

    def examples_for(self, gap: float) -> int:
        """How many examples bring the bound down to `gap`."""
        if not 0 < gap < 1:
            raise must_be("gap", "between 0 and 1", gap)
        return math.ceil((self._log_networks + self._doubt) / (2 * gap**2))

    @property
    def _log_networks(self) -> float:
        return self.bits * self.parameters * math.log(2)

    @property
    def _doubt(self) -> float:
        return -math.log(1 - self.confidence)
