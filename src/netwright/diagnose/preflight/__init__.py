"""Checks before the first step."""

from netwright.diagnose.preflight.initial_loss import initial_loss
from netwright.diagnose.preflight.input_scale import input_scale

__all__ = ["PREFLIGHT", "initial_loss", "input_scale"]

PREFLIGHT = (input_scale, initial_loss)
