"""Histograms of a network, drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torch import nn

from netwright.explain.histograms import Histograms, histograms

if TYPE_CHECKING:
    from PIL.Image import Image

    from netwright.probes.histogram import Histogram

__all__ = ["draw_histograms"]

_WIDE, _HIGH, _ACROSS = 200, 64, 6  # of a histogram's picture, and how many beside each other
_LINE, _LINES, _GAP = 13, 5, 14
_INK = (35, 39, 46)
_BLUE, _ORANGE, _GREEN, _GREY = (42, 111, 187), (200, 100, 27), (58, 143, 92), (138, 138, 138)


def draw_histograms(model: nn.Module, inputs: Any = None, **options: Any) -> Image:
    """A small picture for each parameter and layer, with what stands out; heights are logarithmic.

    Options of `explain.histograms`.
    """
    return _page(_cells(histograms(model, inputs, **options)))


def _page(parts: Sequence[Sequence[tuple[Image, tuple[str, ...]]]]) -> Image:
    """Each part begins on a line of its own."""
    from PIL import Image, ImageDraw, ImageFont

    lines = [part[at : at + _ACROSS] for part in parts for at in range(0, len(part), _ACROSS)]
    height = _HIGH + _LINES * _LINE + _GAP
    across = max(map(len, lines), default=1)
    size = (_GAP + across * (_WIDE + _GAP), _GAP + len(lines) * height)
    page = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(10)
    for row, line in enumerate(lines):
        for column, (bars, said) in enumerate(line):
            left, top = _GAP + column * (_WIDE + _GAP), _GAP + row * height
            page.paste(bars, (left, top))
            for number, text in enumerate(said):
                place = (left, top + _HIGH + 2 + number * _LINE)
                pen.text(place, _fitting(text, font), fill=_INK, font=font)
    return page


def _fitting(text: str, font: Any) -> str:
    """The end of a name tells more than its beginning."""
    if font.getlength(text) <= _WIDE:
        return text
    while font.getlength(f"…{text}") > _WIDE:
        text = text[1:]
    return f"…{text}"


def _cells(found: Histograms) -> list[list[tuple[Image, tuple[str, ...]]]]:
    """A line of the sheet for weights, one for activations, one for gradients."""
    parts = (
        (_BLUE, "weights", found.weights),
        (_GREEN, "activations", found.activations),
        (_ORANGE, "gradients", found.gradients),
    )
    return [
        [(_bars(one, colour=colour), (f"{kind}: {name}", *_said(one))) for name, one in own.items()]
        for colour, kind, own in parts
        if own
    ]


def _bars(one: Histogram, *, colour: tuple[int, int, int]) -> Image:
    """Heights go by the logarithm of the counts: rare large numbers are what matters most."""
    from PIL import Image, ImageDraw

    page = Image.new("RGB", (_WIDE, _HIGH), "white")
    pen = ImageDraw.Draw(page)
    heights = [math.log1p(count) for count in one.counts]
    tallest = max(heights) or 1
    first, span = one.edges[0], one.edges[-1] - one.edges[0]
    places = [round((edge - first) / span * (_WIDE - 1)) for edge in one.edges]
    for left, right, height in zip(places, places[1:], heights, strict=False):
        top = (_HIGH - 2) * (1 - height / tallest)
        if height:
            pen.rectangle((left, top, max(left, right - 1), _HIGH - 2), fill=colour)
    if first <= 0 <= one.edges[-1]:
        zero = round(-first / span * (_WIDE - 1))
        pen.line((zero, 0, zero, _HIGH), fill=_GREY)
    pen.line((0, _HIGH - 1, _WIDE, _HIGH - 1), fill=_GREY)
    return page


def _said(one: Histogram) -> tuple[str, ...]:
    parts = [f"{one.edges[0]:.2g} … {one.edges[-1]:.2g}", f"{one.mean:.2g} ± {one.deviation:.2g}"]
    parts += [f"{one.zeros:.1%} zero"] if one.zeros else []
    parts += [f"{one.dead:.1%} of units dead"] if one.dead else []
    parts += [f"{one.non_finite:.1%} not finite"] if one.non_finite else []
    return tuple(parts)
