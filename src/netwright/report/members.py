"""The members of an ensemble beside what they say together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netwright.report.contents import Contents
from netwright.report.numbers import figure, split_in_words

__all__ = ["members_table"]


def members_table(contents: Contents) -> dict[str, Any] | None:
    """Each member's first metric by split, and what the ensemble gains by their differing.

    Returns:
        {columns, rows: [{name, cells}], said: sentences}; None for a run of one network.
    """
    members = contents.members.get("members") or []
    splits = [split for split in contents.evaluations if any(_at(m, split) for m in members)]
    if not splits:
        return None
    rows = [
        {"name": str(member.get("name")), "cells": [_value(_at(member, s)) for s in splits]}
        for member in members
    ]
    together = [_together(contents, split, _at(members[0], split)) for split in splits]
    metric = _at(members[0], splits[0]).get("metric", "").replace("_", " ")
    return {
        "columns": [f"{metric}, {split_in_words(split)}" for split in splits],
        "rows": [*rows, {"name": "together", "cells": together}],
        "said": _gain(contents, splits[0]),
    }


def _at(member: Mapping[str, Any], split: str) -> dict[str, Any]:
    return (member.get("figures") or {}).get(split) or {}


def _value(found: Mapping[str, Any]) -> str:
    return figure(found.get("value"), name=found.get("metric", "")) if found else "–"


def _together(contents: Contents, split: str, like: Mapping[str, Any]) -> str:
    metrics = contents.evaluations[split].get("metrics", {})
    name = like.get("metric", "")
    return figure(metrics[name]["value"], name=name) if name in metrics else "–"


def _gain(contents: Contents, split: str) -> list[str]:
    found = (contents.members.get("ambiguity") or {}).get(split)
    if not found:
        return []
    return [
        f"Squared error on {split_in_words(split)} (of probabilities where there are classes): "
        f"{found['error']:.4g} together = {found['members']:.4g} for a member alone − "
        f"{found['ambiguity']:.4g} by which the members differ."
    ]
