"""Every way to learn by name."""

from __future__ import annotations

from netwright._catalogue import Catalogue, Entry

__all__ = ["CATALOGUE"]

CATALOGUE = Catalogue(
    "method",
    (
        Entry(
            name="supervised",
            target="netwright.methods.supervised:Supervised",
            summary="one network learns targets from inputs; output unit and loss by the target",
        ),
    ),
)
