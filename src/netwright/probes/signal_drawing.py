"""The picture of a signal by depth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from netwright.probes.signal import LayerSignal, Signal

__all__ = ["drawn"]

_WEIGHTS = ("Linear", "Conv", "LSTM", "GRU", "RNN", "Embedding", "Attention")
_NAMED = 40  # layers whose names fit under the picture
_BLUE, _ORANGE, _GREY = "#2a6fbb", "#c8641b", "#8a8a8a"


def drawn(signal: Signal) -> Figure:
    """Three panels over depth: mean ± deviation, variance, gradient norm.

    Full dots are layers with weights, empty ones the others.
    """
    from matplotlib.figure import Figure

    layers = signal.layers
    width = min(4 + 0.22 * len(layers), 16)
    figure = Figure(figsize=(width, 7.5), layout="constrained")
    top, middle, bottom = figure.subplots(3, 1, sharex=True)
    _means(top, layers)
    _line(middle, layers, [one.variance for one in layers], title="variance", colour=_BLUE)
    norms = [one.gradient_norm for one in layers]
    _line(bottom, layers, norms, title="gradient norm", colour=_ORANGE)
    bottom.set_xlabel("layer, in the order of the pass (a full dot: it has a weight matrix)")
    if len(layers) <= _NAMED:
        names = [one.place for one in layers]
        bottom.set_xticks([one.depth for one in layers], names, rotation=60, ha="right", size=8)
    return figure


def _means(axes: Axes, layers: Sequence[LayerSignal]) -> None:
    depths = [one.depth for one in layers]
    means = [one.mean for one in layers]
    deviations = [math.sqrt(one.variance) for one in layers]
    low = [mean - deviation for mean, deviation in zip(means, deviations, strict=True)]
    high = [mean + deviation for mean, deviation in zip(means, deviations, strict=True)]
    axes.fill_between(depths, low, high, color=_BLUE, alpha=0.18, linewidth=0)
    _dots(axes, layers, means, colour=_BLUE)
    axes.set_title("mean ± standard deviation", loc="left", size=10)
    _plain(axes)


def _line(
    axes: Axes, layers: Sequence[LayerSignal], values: Sequence[float], *, title: str, colour: str
) -> None:
    shown = [value if math.isfinite(value) and value > 0 else math.nan for value in values]
    _dots(axes, layers, shown, colour=colour)
    missing = sum(math.isnan(value) for value in shown)
    if missing < len(shown):
        axes.set_yscale("log")
        seen = [value for value in shown if not math.isnan(value)]
        if max(seen) < 20 * min(seen):  # else a straight line fills the panel with its noise
            axes.set_ylim(min(seen) / 10, max(seen) * 10)
    lost = f" ({missing} layers at 0 or not finite)" if missing else ""
    axes.set_title(f"{title}{lost}", loc="left", size=10)
    _plain(axes)


def _dots(
    axes: Axes, layers: Sequence[LayerSignal], values: Sequence[float], *, colour: str
) -> None:
    axes.plot([one.depth for one in layers], values, color=colour, linewidth=1.4)
    for full in (True, False):
        chosen = [
            (one.depth, value)
            for one, value in zip(layers, values, strict=True)
            if any(word in one.kind for word in _WEIGHTS) is full
        ]
        if chosen:
            axes.plot(
                *zip(*chosen, strict=True),
                linestyle="none",
                marker="o",
                markersize=5,
                markerfacecolor=colour if full else "white",
                markeredgecolor=colour,
            )


def _plain(axes: Axes) -> None:
    axes.grid(visible=True, color=_GREY, alpha=0.25, linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)
