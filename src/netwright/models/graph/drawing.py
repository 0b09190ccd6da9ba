"""A model's graph as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from netwright._errors import must_be
from netwright.models.graph.layout import Layout, lay_out
from netwright.models.graph.table import field_of, large, shape_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from netwright.models.graph.description import Description
    from netwright.models.graph.layers import Layer

__all__ = ["draw", "legible_depth"]

_KINDS = (".svg", ".png", ".pdf")
_BOXES = 48  # more of them in one picture are no longer read
_ACROSS, _DOWN = 2.7, 0.95  # inches from box to box
_WIDTH, _HEIGHT = 2.3, 0.6
_COLOURS = {  # of what begins with one of these; the rest is grey
    "#cfe3f7": ("conv",),
    "#f9dcc4": ("linear", "addmm", "mm", "bmm", "multihead", "_scaled", "nondynamically"),
    "#d8f0d3": ("max_pool", "maxpool", "avg", "avgpool", "adaptive", "mean", "upsample"),
    "#e8dcf4": ("add", "cat", "mul"),
}
_INPUT, _OTHER, _GROUP = "#ffffff", "#eeeeee", "#fdf3c8"


def draw(description: Description, path: str | Path, *, depth: int | None) -> None:
    """Draw the layers of a description from the input down.

    Args:
        description: of a model.
        path: ending in .svg, .png or .pdf.
        depth: see `Description.draw`.

    Raises:
        BadValue: another ending.
    """
    path = Path(path)
    if path.suffix.lower() not in _KINDS:
        raise must_be("path", f"a file ending in {', '.join(_KINDS)}", str(path))
    depth = legible_depth(description) if depth is None else depth
    shown = description if depth == 0 else description.collapsed(depth)
    _picture(shown, path)


def legible_depth(description: Description) -> int:
    """The depth with most boxes that are still read; 0 where every layer has its own."""
    if len(description.layers) <= _BOXES:
        return 0
    deepest = max(layer.name.count(".") + 1 for layer in description.layers)
    for depth in range(deepest, 0, -1):
        if len(description.collapsed(depth).layers) <= _BOXES:
            return depth
    return 1


def _picture(description: Description, path: Path) -> None:
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    layers = description.layers
    edges = [(source + 1, n + 1) for n, layer in enumerate(layers) for source in layer.reads]
    layout = lay_out(len(layers) + 1, edges)
    columns = [*layout.column, *(one for path in layout.paths.values() for one in path)]
    width = (max(columns) - min(columns)) * _ACROSS + _WIDTH + 0.5
    height = (max(layout.row) + 1) * _DOWN + 0.5
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "netwright"}):
        figure = Figure(figsize=(max(width, 4.5), height))
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        room = max(4.5 - width, 0) / 2
        axes.set_xlim(min(columns) * _ACROSS - _WIDTH / 2 - 0.25 - room,
                      max(columns) * _ACROSS + _WIDTH / 2 + 0.25 + room)  # fmt: skip
        axes.set_ylim(-max(layout.row) * _DOWN - _DOWN / 2 - 0.1, _DOWN / 2 + 0.1)
        for edge in edges:
            _line(axes, layout, edge)
        shape = shape_of(description.input_shape)
        _box(axes, layout, 0, colour=_INPUT, lines=(description.name, "input", shape))
        for n, layer in enumerate(layers):
            _box(axes, layout, n + 1, colour=_colour(layer), lines=_lines(layer))
        form = path.suffix.lower()[1:]
        no_date = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}[form]
        figure.savefig(path, format=form, dpi=110, metadata=no_date)


def _lines(layer: Layer) -> tuple[str, str, str]:
    size, *_ = field_of(layer)
    facts = [shape_of(layer.output_shape)]
    if layer.parameters:
        facts.append(f"{large(layer.parameters)} par.")
    if size:
        facts.append(f"field {size}")
    name = layer.name + (f" ({layer.call})" if layer.call > 1 else "")
    operation = f"{layer.operation} {layer.detail}".rstrip()
    return (_short(name), _short(operation), " · ".join(facts))


def _short(text: str, most: int = 36) -> str:
    return text if len(text) <= most else f"…{text[1 - most :]}"


def _colour(layer: Layer) -> str:
    if layer.detail.endswith(" layers)"):
        return _GROUP
    name = layer.operation.casefold()
    for colour, beginnings in _COLOURS.items():
        if name.startswith(beginnings):
            return colour
    return _OTHER


def _box(
    axes: Axes, layout: Layout, node: int, *, colour: str, lines: tuple[str, str, str]
) -> None:
    from matplotlib.patches import FancyBboxPatch

    x, y = layout.column[node] * _ACROSS, -layout.row[node] * _DOWN
    corner = (x - _WIDTH / 2, y - _HEIGHT / 2)
    axes.add_patch(
        FancyBboxPatch(
            corner, _WIDTH, _HEIGHT, boxstyle="round,pad=0,rounding_size=0.08",
            facecolor=colour, edgecolor="#666666", linewidth=0.8, zorder=2,
        )
    )  # fmt: skip
    given = [line for line in lines if line]
    for n, line in enumerate(given):
        place = y + (len(given) - 1) * 0.085 - n * 0.17
        weight = "bold" if n == 0 else "normal"
        axes.text(x, place, line, ha="center", va="center", fontsize=7, weight=weight, zorder=3)


def _line(axes: Axes, layout: Layout, edge: tuple[int, int]) -> None:
    """From the lower side of a box, between others, to the upper side of another."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path as Curve

    source, target = edge
    rows = range(layout.row[source], layout.row[target] + 1)
    columns = [layout.column[source], *layout.paths[edge], layout.column[target]]
    points = [(columns[0] * _ACROSS, -rows[0] * _DOWN - _HEIGHT / 2)]
    for row, column in zip(rows[1:-1], columns[1:-1], strict=True):
        middle = -row * _DOWN
        points += [
            (column * _ACROSS, middle + _HEIGHT / 2),
            (column * _ACROSS, middle - _HEIGHT / 2),
        ]
    points.append((columns[-1] * _ACROSS, -rows[-1] * _DOWN + _HEIGHT / 2))
    corners, codes = [points[0]], [Curve.MOVETO]
    for n in range(1, len(points)):
        (x0, y0), (x1, y1) = points[n - 1], points[n]
        if n % 2:  # between two rows: a curve that leaves and arrives upright
            half = (y0 + y1) / 2
            corners += [(x0, half), (x1, half), (x1, y1)]
            codes += [Curve.CURVE4] * 3
        else:
            corners.append((x1, y1))
            codes.append(Curve.LINETO)
    axes.add_patch(
        FancyArrowPatch(
            path=Curve(corners, codes), arrowstyle="-|>", mutation_scale=7, color="#555555",
            linewidth=0.9, fill=False, shrinkA=0, shrinkB=0, zorder=1,
        )
    )  # fmt: skip
