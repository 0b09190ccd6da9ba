"""What speaks for and against an answer about a row of a table, as bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jaxtyping import Float
from torch import Tensor

from netwright._errors import must_be
from netwright.explain.drawing.sheet import INK, LINE, PAGE, SOFT, TEXT, font, shortened

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["bars", "largest"]

FOR, AGAINST = (178, 24, 43), (33, 102, 172)  # the ends of the palette of signed maps
WIDTH, NAMES, STEP = 440, 200, 20


def bars(values: Float[Tensor, "d"], names: Sequence[str], *, shown: int = 12) -> Image:
    """The largest of the values as bars, red for positive and blue for negative ones.

    Args:
        values: one for each column of a row, as an explanation gives them.
        names: of the columns.
        shown: at most how many, the largest first; the rest is said in one line.

    Raises:
        BadValue: not one name for each value.
    """
    from PIL import Image, ImageDraw

    if len(names) != len(values):
        raise must_be("names", f"{len(values)}: one for each value", len(names))
    places = largest(values, shown)
    rest = len(values) - len(places)
    page = Image.new("RGB", (WIDTH, len(places) * STEP + (LINE if rest else 0)), PAGE)
    pen = ImageDraw.Draw(page)
    reach = max((abs(float(values[place])) for place in places), default=0.0)
    middle = (NAMES + WIDTH) / 2 if bool((values < 0).any()) else NAMES + 1
    pen.line([(middle, 0), (middle, len(places) * STEP)], fill=(214, 212, 206))
    for row, place in enumerate(places):
        top, value = row * STEP, float(values[place])
        pen.text((0, top + 2), shortened(names[place], face=font(TEXT), width=NAMES - 12), fill=INK,
                 font=font(TEXT))  # fmt: skip
        end = middle + (WIDTH - middle - 2) * value / reach if reach else middle
        box = (min(middle, end), top + 4, max(middle, end), top + STEP - 5)
        pen.rectangle(box, fill=FOR if value > 0 else AGAINST)
    if rest:
        most = float(values.abs().sort(descending=True).values[len(places)])
        told = f"{rest} more, none above {most:.2g}; the longest bar is {reach:.2g}"
        pen.text((0, len(places) * STEP), told, fill=SOFT, font=font(TEXT))
    return page


def largest(values: Float[Tensor, "d"], count: int) -> list[int]:
    """Places of the values that are farthest from 0, the farthest first."""
    return values.abs().argsort(descending=True, stable=True)[:count].tolist()
