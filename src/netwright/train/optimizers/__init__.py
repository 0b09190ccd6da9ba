"""Optimisers by name: torch's where it has them, ours where it does not."""

from netwright.train.optimizers.build import build_optimizer, check_groups, optimizers
from netwright.train.optimizers.reevaluating import Reevaluating, reevaluates

__all__ = ["Reevaluating", "build_optimizer", "check_groups", "optimizers", "reevaluates"]
