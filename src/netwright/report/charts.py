"""Curves and clouds as inline SVG that takes its colours and its font from the page.

matplotlib draws in stand-in colours, which are then replaced by the page's CSS variables, so that
one drawing serves light and dark.
"""

from __future__ import annotations

import itertools
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Curve", "line_chart", "scatter_chart", "share_chart"]

Array = NDArray[np.float64]

INK, GRID = "#010101", "#020202"
SERIES = ("#030303", "#040404", "#050505", "#060606")
VARIABLES = {INK: "--chart-ink", GRID: "--chart-grid"} | {
    colour: f"--series-{place}" for place, colour in enumerate(SERIES, start=1)
}
WIDTH, HEIGHT = 5.6, 2.9  # inches of 72 units; the page scales them
FEW = 40  # points that are each marked
POINTS = 600  # a curve is drawn with: finer than the page is wide


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One line of a chart.

    Attributes:
        name: in the legend.
        x: (n,) increasing.
        y: (n,) what is drawn; where it isn't finite the line is broken.
        is_noisy: drawn as a band of what was measured, with its running mean as the line.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    is_noisy: bool = False


def line_chart(
    curves: Sequence[Curve],
    *,
    x_label: str,
    log_scale: bool = False,
    mark: tuple[float, str] | None = None,
    title: str,
) -> str:
    """Curves over steps or epochs as SVG.

    Args:
        curves: at most four; each in its own colour.
        x_label: under the axis.
        log_scale: of y, where everything drawn is positive.
        mark: an x that is marked, and the word beside it.
        title: said to those who hear the page instead of seeing it; no other chart of the page
            has the same.
    """
    figure, axes = _canvas()
    for curve, colour in zip(curves, itertools.cycle(SERIES), strict=False):
        _draw(axes, curve, colour)
    if log_scale and all(_over(np.min, _array(curve.y)) > 0 for curve in curves):
        _use_log_scale(axes)
    else:
        _limit(axes, curves)
    if mark is not None:
        axes.axvline(mark[0], color=INK, linewidth=0.8, linestyle=(0, (2, 3)))
        axes.annotate(
            _plain(mark[1]),
            (mark[0], 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            fontsize=9,
            color=INK,
        )
    axes.set_xlabel(_plain(x_label), color=INK)
    if len(curves) > 1:
        axes.legend(frameon=False, labelcolor=INK, fontsize=9)
    return _svg(figure, title=title)


def share_chart(
    curves: Sequence[Curve], *, labels: tuple[str, str], chance: Curve | None, title: str
) -> str:
    """Curves between 0 and 1 on a square.

    Args:
        curves: at most four.
        labels: under and beside the axes.
        chance: what blind guessing reaches, dashed.
        title: as for `line_chart`.
    """
    figure, axes = _canvas(height=WIDTH * 0.8, whole=False)
    if chance is not None:
        axes.plot(chance.x, chance.y, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
    for curve, colour in zip(curves, SERIES, strict=False):
        x, y = _array(curve.x), _array(curve.y)
        axes.plot(x, y, color=colour, linewidth=1.8, label=_plain(curve.name))
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.set_xlabel(_plain(labels[0]), color=INK)
    axes.set_ylabel(_plain(labels[1]), color=INK)
    axes.legend(frameon=False, labelcolor=INK, fontsize=9, loc="lower center")
    return _svg(figure, title=title)


def scatter_chart(true: Array, predicted: Array, *, title: str) -> str:
    """Predicted against true values, with the line on which they would agree."""
    figure, axes = _canvas(height=WIDTH * 0.8, whole=False)
    kept = np.linspace(0, len(true) - 1, min(len(true), 2 * POINTS)).astype(int)
    pairs = np.stack([true[kept], predicted[kept]])
    pairs = pairs[:, np.isfinite(pairs).all(axis=0)]
    if pairs.size:
        ends = [float(pairs.min()), float(pairs.max())]
        axes.plot(ends, ends, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.scatter(pairs[0], pairs[1], s=9, color=SERIES[0], alpha=0.45, linewidths=0)
    axes.set_xlabel("true", color=INK)
    axes.set_ylabel("predicted", color=INK)
    return _svg(figure, title=title)


def _draw(axes: Axes, curve: Curve, colour: str) -> None:
    x, y = _array(curve.x), _array(curve.y)
    if not curve.is_noisy or len(y) < 50:
        (line,) = axes.plot(x, y, color=colour, linewidth=1.8, label=_plain(curve.name))
        if len(y) <= FEW:
            line.set(marker="o", markersize=3.5)
        return
    smooth = _running_mean(y)
    pieces = np.array_split(np.arange(len(y)), min(len(y), POINTS))
    middle = [piece[len(piece) // 2] for piece in pieces]
    low = [_over(np.min, y[piece]) for piece in pieces]
    high = [_over(np.max, y[piece]) for piece in pieces]
    if len(pieces) == len(y):
        axes.plot(x, y, color=colour, linewidth=0.7, alpha=0.35)
    else:
        axes.fill_between(x[middle], low, high, color=colour, alpha=0.25, linewidth=0)
    axes.plot(x[middle], smooth[middle], color=colour, linewidth=1.8, label=_plain(curve.name))


def _use_log_scale(axes: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=7))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def _over(figure: Any, values: Array) -> float:
    finite = values[np.isfinite(values)]
    return float(figure(finite)) if len(finite) else float("nan")


def _limit(axes: Axes, curves: Sequence[Curve]) -> None:
    """Keep a few wild steps from flattening everything else."""
    noisy = [_array(curve.y) for curve in curves if curve.is_noisy]
    calm = [_array(curve.y) for curve in curves if not curve.is_noisy]
    measured = np.concatenate([*noisy, []])
    measured = measured[np.isfinite(measured)]
    if not len(measured):
        return
    low, most, top = (float(np.quantile(measured, part)) for part in (0, 0.995, 1))
    room = most - low
    if top - low > 4 * room > 0:
        highest = max([most, *(_over(np.max, y) for y in calm)])
        axes.set_ylim(low - 0.05 * room, highest + 0.3 * room)


def _running_mean(y: Array) -> Array:
    """Mean over a window of a fortieth of the run, that looks both ways and leaves out NaN."""
    half = max(1, len(y) // 80)
    finite = np.isfinite(y)
    sums = np.concatenate([[0.0], np.cumsum(np.where(finite, y, 0.0))])
    counts = np.concatenate([[0], np.cumsum(finite)])
    start = np.maximum(np.arange(len(y)) - half, 0)
    end = np.minimum(np.arange(len(y)) + half + 1, len(y))
    inside = counts[end] - counts[start]
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(inside > 0, (sums[end] - sums[start]) / inside, np.nan))


def _array(values: Sequence[float]) -> Array:
    numbers = np.asarray(values, dtype=np.float64)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _canvas(*, height: float = HEIGHT, whole: bool = True) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.add_subplot()
    axes.grid(visible=True, color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=whole, nbins=8, steps=[1, 2, 5, 10]))
    axes.tick_params(length=0, labelcolor=INK, labelsize=9)
    return figure, axes


def _plain(text: str) -> str:
    """Text that is not read as mathematics, and that a legend does not leave out."""
    shown = text.replace("$", r"\$")
    return f"\u200b{shown}" if shown.startswith("_") else shown


def _svg(figure: Figure, *, title: str) -> str:
    import matplotlib as mpl

    place = f"c{zlib.crc32(title.encode(errors='replace')):x}"
    written = StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": place}):
        figure.savefig(written, format="svg", transparent=True, metadata=nothing)
    return _for_the_page(written.getvalue(), place=place, title=title)


def _for_the_page(svg: str, *, place: str, title: str) -> str:
    """Drop what only a file needs, keep ids apart, and hand colours and font to the page."""
    _, root, rest = re.split(r"(<svg[^>]*>)", svg, maxsplit=1)
    box = re.search(r'viewBox="[^"]*"', root)
    rest = re.sub(r"<(metadata|style)\b.*?</\1>\s*", "", rest, flags=re.DOTALL)
    rest = re.sub(r' id="', f' id="{place}-', rest)
    rest = re.sub(r' xlink:href="#', f' href="#{place}-', rest)
    rest = re.sub(r"\(#", f"(#{place}-", rest)
    rest = re.sub(r" font-family: [^;\"]*;?", "", rest)
    rest = re.sub(r' transform="rotate\(-0 [^"]*"', "", rest)
    rest = re.sub(r">\s*\n\s*<", "><", rest)
    for colour, variable in VARIABLES.items():
        rest = rest.replace(colour, f"var({variable})")
    return f'<svg {box[0] if box else ""} role="img" aria-label="{escape(title)}">{rest}'
