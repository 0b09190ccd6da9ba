"""The trained weights that a run began with, as its record says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["STARTED", "began_with"]

STARTED = "starting_weights.json"


def began_with(record: Mapping[str, Any]) -> str:
    """One line of where the weights came from, and what of them was not taken.

    Example:
        >>> began_with({"source": "resnet18", "digest": "b1d1d36f298c29c0", "fresh": ["fc.bias"]})
        'resnet18 (sha256 b1d1d36f298c); fc.bias is drawn anew, for other classes'
    """
    origin = dict(record.get("about") or {}).get("origin")
    known = [origin, f"sha256 {str(record.get('digest'))[:12]}"]
    said = f"{record.get('source')} ({', '.join(str(one) for one in known if one)})"
    fresh, spread = list(record.get("fresh") or ()), list(record.get("spread") or ())
    if record.get("part"):
        said += f"; they are its {record['part']} alone, the rest is drawn anew"
    if fresh:
        verb = "are" if len(fresh) > 1 else "is"
        said += f"; {' and '.join(fresh)} {verb} drawn anew, for other classes"
    if spread:
        said += f"; {' and '.join(spread)} made for other channels"
    return said
