"""Optimisers that ask for the loss and its gradient more than once a step."""

from __future__ import annotations

import torch

__all__ = ["Reevaluating", "reevaluates"]


class Reevaluating(torch.optim.Optimizer):
    """Base of those whose `step` calls its closure again at other points.

    The loop hands them a closure that sets the same random state each time, so that all evaluations
    of one step see the same function.
    """


def reevaluates(optimizer: torch.optim.Optimizer) -> bool:
    """Whether `optimizer.step` needs a closure."""
    return isinstance(optimizer, (Reevaluating, torch.optim.LBFGS))
