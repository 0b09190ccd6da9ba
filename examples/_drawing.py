"""What the examples share: their arguments, intervals over seeds, and how a figure looks."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
COLOURS = ("#0b6bcb", "#c4500a", "#2b8a3e", "#862e9c")
STILL = "#666666"


def run(work: Callable[..., Any], about: str | None) -> None:
    """Carry out an example from the command line."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--quick", action="store_true", help="few seeds and sizes")
    parser.add_argument("--out", type=Path, default=IMAGES, help="folder of the figure")
    given = parser.parse_args()
    work(quick=given.quick, out=given.out)


def canvas(columns: int = 1, *, height: float = 3.6) -> tuple[Figure, Sequence[Axes]]:
    """An empty figure with so many panels beside each other."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, columns, figsize=(5.4 * columns, height), layout="constrained")
    panels = [axes] if columns == 1 else list(axes)
    for panel in panels:
        panel.grid(visible=True, color="#e3e3e3", linewidth=0.8)
        panel.set_axisbelow(True)
        panel.spines[["top", "right"]].set_visible(False)
    return figure, panels


def save(figure: Figure, out: Path, name: str) -> None:
    """Write the picture and forget the figure."""
    from matplotlib import pyplot as plt

    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / f"{name}.png", dpi=110)
    plt.close(figure)


def interval(values: ArrayLike) -> tuple[float, float]:
    """Mean over seeds and half of its 95 % interval, by Student's law."""
    given = np.asarray(values, dtype=float)
    half = stats.t.ppf(0.975, len(given) - 1) * given.std(ddof=1) / np.sqrt(len(given))
    return float(given.mean()), float(half)


def band(axes: Axes, x: Sequence[float], runs: ArrayLike, *, label: str, colour: str) -> None:
    """The mean over seeds as a line, its 95 % interval as a band; `runs` is (seeds, len(x))."""
    ends = np.array([interval(column) for column in np.asarray(runs).T])
    axes.plot(x, ends[:, 0], "o-", color=colour, label=label, markersize=4)
    axes.fill_between(x, ends[:, 0] - ends[:, 1], ends[:, 0] + ends[:, 1], color=colour, alpha=0.18)


def say(*rows: Sequence[object]) -> None:
    """Print rows of a table."""
    for row in rows:
        print(" | ".join(f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row))
