"""What an ensemble's folder says of its members' figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from netwright._errors import DamagedRun
from netwright.runs.store import RunFolder

__all__ = ["FILE", "MemberFigure", "member_figures", "read_about_members"]

FILE = "members.json"


@dataclass(frozen=True, kw_only=True)
class MemberFigure:
    """One member's first metric.

    Attributes:
        name: of the member.
        metric: its name.
        value: on a split.
    """

    name: str
    metric: str
    value: float


def read_about_members(folder: RunFolder) -> dict[str, Any]:
    """The file as it is; empty for a run that is no ensemble.

    Raises:
        DamagedRun: it is there, and broken.
    """
    if not folder.has(FILE):
        return {}
    found = folder.read_json(FILE)
    if not isinstance(found, dict) or not isinstance(found.get("members"), list):
        raise DamagedRun(
            f"{FILE} must describe the members of the ensemble, got {folder.name}, where it does "
            "not. Bring it back from a copy."
        )
    return found


def member_figures(folder: RunFolder, split: str) -> list[MemberFigure]:
    """Each member's first metric on a split; none where it has no such figure."""
    found = []
    for member in read_about_members(folder).get("members", []):
        figure = member.get("figures", {}).get(split)
        if figure is not None:
            found.append(MemberFigure(name=member["name"], **figure))
    return found
