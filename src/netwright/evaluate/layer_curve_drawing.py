"""The picture of a curve by depth."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from netwright.evaluate.layer_curve import LayerCurve

__all__ = ["drawn"]

_BLUE, _GREY = "#2a6fbb", "#8a8a8a"


def drawn(curve: LayerCurve) -> Figure:
    """Trained and untrained weights over depth, with their intervals, and the majority class."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(min(4.5 + 0.3 * len(curve.layers), 14), 4), layout="constrained")
    axes = figure.subplots()
    places = range(len(curve.layers))
    for name, colour in (("trained", _BLUE), ("untrained", _GREY)):
        figures = [getattr(layer, name) for layer in curve.layers]
        low, high = [100 * one[1] for one in figures], [100 * one[2] for one in figures]
        axes.fill_between(places, low, high, color=colour, alpha=0.18, linewidth=0)
        values = [100 * one[0] for one in figures]
        axes.plot(places, values, color=colour, marker="o", markersize=4, label=name)
    axes.axhline(100 * curve.majority, color=_GREY, linestyle=":", label="majority class")
    axes.set_xticks(list(places), [layer.after for layer in curve.layers], rotation=45, ha="right")
    axes.set_xlabel("features after")
    axes.set_ylabel("right answers, %")
    axes.set_title(
        f"a linear classifier on each depth, {curve.n_test} test examples, 95 % intervals",
        loc="left",
        size=10,
    )
    axes.grid(visible=True, color=_GREY, alpha=0.25, linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure
