"""A cross-validation as one HTML page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from netwright.report.numbers import figure, interval_of
from netwright.report.page import template
from netwright.runs.store import RunFolder

__all__ = ["write_folds_report"]

Figures = Mapping[str, Mapping[str, Any]]


def write_folds_report(place: RunFolder, summary: Mapping[str, Any]) -> Path:
    """Write `report.html` beside the folds.

    Args:
        place: folder of the cross-validation.
        summary: what `summary.json` holds.
    """
    figures: Figures = summary["figures"]
    page = {
        "name": place.name,
        "rows": [_row(name, one) for name, one in figures.items()],
        "is_repeated": any(one["corrected"] for one in figures.values()),
        "folds": [
            {"name": run, "cells": _cells(figures, number)}
            for number, run in enumerate(summary["runs"])
        ],
        "notes": summary["notes"],
    }
    return place.write_text("report.html", str(template("folds.html.j2").render(page=page)))


def _row(name: str, one: Mapping[str, Any]) -> dict[str, str | None]:
    pooled = one["pooled"]
    return {
        "name": name.replace("_", " "),
        "mean": figure(one["mean"], name=name),
        "sd": None if one["sd"] is None else figure(one["sd"], name=name),
        "corrected": one["corrected"] and interval_of(one["corrected"], name=name),
        "pooled": pooled and figure(pooled["value"], name=name),
        "interval": pooled and interval_of(pooled, name=name),
    }


def _cells(figures: Figures, number: int) -> list[str]:
    return [figure(one["values"][number], name=name) for name, one in figures.items()]
