"""The ROC and precision-recall curves of a report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from netwright.report.charts import Curve, share_chart
from netwright.report.contents import Contents
from netwright.report.numbers import figure, split_in_words

__all__ = ["ranking_charts"]

MOST_CURVES = 4


def ranking_charts(contents: Contents) -> Iterator[dict[str, str]]:
    """Both curves of the first split that has them, as {title, svg}."""
    for split, evaluation in contents.evaluations.items():
        found = [one for one in evaluation.get("curves") or () if isinstance(one, Mapping)]
        if not found:
            continue
        shown = found[:MOST_CURVES]
        whose = "" if len(shown) == 1 else ", the classes told worst"
        told = split_in_words(split)
        title = f"ROC curve, {told}{whose}"
        yield {
            "title": title,
            "svg": share_chart(
                _curves(shown, "roc"),
                labels=("false positives, of all negatives", "recall"),
                chance=Curve(name="", x=(0, 1), y=(0, 1)),
                title=title,
            ),
        }
        title = f"Precision-recall curve, {told}{whose}"
        curves = _curves(shown, "precision_recall")
        share = curves[0].y[-1]  # calling everything so is right as often as it is so
        yield {
            "title": title,
            "svg": share_chart(
                curves,
                labels=("recall", "precision"),
                chance=Curve(name="", x=(0, 1), y=(share, share)) if len(shown) == 1 else None,
                title=title,
            ),
        }
        return


def _curves(found: list[Mapping[str, Any]], kind: str) -> list[Curve]:
    return [
        Curve(
            name=f"{one['name']}, area {figure(one[kind]['area'])}",
            x=one[kind]["x"],
            y=one[kind]["y"],
        )
        for one in found
    ]
