"""Two pictures side by side, with lines between the places that match."""

from __future__ import annotations

import colorsys
from typing import TYPE_CHECKING

from jaxtyping import Float
from torch import Tensor

from netwright._errors import must_be
from netwright.explain.feature_matching import Matches

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["drawn_matches"]


def drawn_matches(
    matches: Matches,
    *,
    first: Float[Tensor, "3 h w"],
    second: Float[Tensor, "3 h2 w2"],
    most: int = 50,
) -> Image.Image:
    """Both pictures side by side and a line for each match, the surest first.

    Args:
        matches: of `explain.feature_matching`.
        first: the one picture, from 0 to 1, of the size that was matched.
        second: the other.
        most: lines that are drawn at most.

    Raises:
        BadValue: fewer than one line.
    """
    from PIL import Image, ImageDraw

    if most < 1:
        raise must_be("most", "at least 1", most)
    left, right = (_picture(one) for one in (first, second))
    canvas = Image.new("RGB", (left.width + right.width, max(left.height, right.height)), "white")
    canvas.paste(left, (0, 0))
    canvas.paste(right, (left.width, 0))
    pen = ImageDraw.Draw(canvas)
    pairs = list(zip(matches.first.tolist(), matches.second.tolist(), strict=True))[:most]
    for number, ((x, y), (x2, y2)) in enumerate(pairs):
        shade = colorsys.hsv_to_rgb(number / len(pairs), 0.9, 0.95)
        colour = tuple(round(255 * part) for part in shade)
        ends = [(x, y), (x2 + left.width, y2)]
        pen.line(ends, fill=colour, width=1)
        for across, down in ends:
            pen.ellipse([across - 3, down - 3, across + 3, down + 3], outline=colour, width=2)
    return canvas


def _picture(values: Tensor) -> Image.Image:
    from PIL import Image

    shown = (values.detach().clamp(0, 1) * 255).round().byte()
    return Image.fromarray(shown.permute(1, 2, 0).cpu().numpy())
