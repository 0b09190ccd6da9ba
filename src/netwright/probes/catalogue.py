"""Every probe by name."""

from __future__ import annotations

from netwright._catalogue import Catalogue, Entry

__all__ = ["CATALOGUE"]

CATALOGUE = Catalogue(
    "probe",
    tuple(
        Entry(name=name, target=f"netwright.probes.{name}:{name.capitalize()}", summary=summary)
        for name, summary in (
            ("activations", "mean, deviation, largest magnitude and zeros of each layer's output"),
            ("gradients", "size of the loss's gradient at each layer's output"),
            ("weights", "norm of each parameter and of its gradient"),
            ("distributions", "histograms of weights, their gradients and each layer's output"),
            ("updates", "how far a step moves each parameter, and against its own norm"),
        )
    ),
)
