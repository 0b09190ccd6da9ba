"""Instruments for any nn.Module; they change no bit of a run."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netwright.probes.activations import Activations
    from netwright.probes.base import Probe, Reading
    from netwright.probes.distributions import Distributions
    from netwright.probes.gradients import Gradients
    from netwright.probes.histogram import Histogram
    from netwright.probes.schedule import every, first, logarithmic
    from netwright.probes.signal import Signal, signal_propagation
    from netwright.probes.updates import Updates
    from netwright.probes.weights import Weights

__all__ = [
    "Activations",
    "Distributions",
    "Gradients",
    "Histogram",
    "Probe",
    "Reading",
    "Signal",
    "Updates",
    "Weights",
    "every",
    "first",
    "logarithmic",
    "signal_propagation",
]

_PLACES = {
    "Activations": "activations",
    "Distributions": "distributions",
    "Gradients": "gradients",
    "Histogram": "histogram",
    "Probe": "base",
    "Reading": "base",
    "Signal": "signal",
    "Updates": "updates",
    "Weights": "weights",
    "every": "schedule",
    "first": "schedule",
    "logarithmic": "schedule",
    "signal_propagation": "signal",
}


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(importlib.import_module(f"netwright.probes.{_PLACES[name]}"), name)
    raise AttributeError(f"module 'netwright.probes' has no attribute {name!r}")
