"""The average that a run's settings ask for."""

from __future__ import annotations

from torch import nn

from netwright.train.averages.base import WeightAverage
from netwright.train.averages.equal import EqualAverage
from netwright.train.averages.exponential import ExponentialAverage
from netwright.train.settings import Settings

__all__ = ["average_of"]


def average_of(module: nn.Module, settings: Settings) -> WeightAverage | None:
    """None where the last weights are what counts."""
    if settings.ema_decay is not None:
        return ExponentialAverage(module, decay=settings.ema_decay)
    if settings.swa_start is not None:
        return EqualAverage(module, start=settings.swa_start)
    return None
