"""The findings of a run as cards."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from netwright.report.contents import Contents
from netwright.report.numbers import count, figure
from netwright.report.pictures import Album

__all__ = ["finding_cards"]

BYTES = 200_000  # of pictures


def finding_cards(contents: Contents) -> list[dict[str, Any]]:
    """The findings as the page shows them, the most severe first."""
    album = Album(contents.folder, budget=BYTES)
    rank = {"error": 0, "warning": 1, "note": 2}
    cards = [
        {
            "symptom": str(found.get("symptom", "")).replace("-", " "),
            "severity": found.get("severity", "note"),
            "where": _where(found.get("where")),
            "step": count(found["step"]),
            "message": found.get("message", ""),
            "picture": album.add(found.get("picture")),
            "measurements": [
                (name.replace("_", " "), _shown(value))
                for name, value in (found.get("measurements") or {}).items()
            ],
            "causes": [
                {**cause, "share": f"{100 * cause.get('probability', 0):.0f}"}
                for cause in found.get("causes") or []
            ],
            "repairs": found.get("repairs") or [],
        }
        for found in contents.findings
    ]
    return sorted(cards, key=lambda card: rank.get(card["severity"], 3))


def _where(place: Any) -> str:
    return ", ".join(map(str, place[:12])) if isinstance(place, list) else str(place or "")


def _shown(value: Any) -> str:
    if isinstance(value, (list, Mapping)):
        text = json.dumps(value, default=str, ensure_ascii=False)
        return text if len(text) <= 120 else f"{text[:117]}…"
    return figure(value)
