"""Instruments for any nn.Module; they change no bit of a run."""

from netwright.probes.activations import Activations
from netwright.probes.base import Probe, Reading
from netwright.probes.gradients import Gradients
from netwright.probes.schedule import every, first, logarithmic
from netwright.probes.updates import Updates
from netwright.probes.weights import Weights

__all__ = [
    "Activations",
    "Gradients",
    "Probe",
    "Reading",
    "Updates",
    "Weights",
    "every",
    "first",
    "logarithmic",
]
