"""Pictures with titles and captions, side by side on one sheet."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import torch

from netwright.explain.drawing.overlay import Scale, in_colour

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

__all__ = ["Cell", "font", "sheet", "shortened"]

INK, SOFT, PAGE = (35, 39, 46), (94, 104, 116), (255, 255, 255)
MARGIN, GAP, LINE, BAR = 16, 18, 17, 7
TITLE, TEXT = 14, 12


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One picture of a sheet.

    Attributes:
        title: above it.
        image: what is shown.
        scale: of its colours, drawn as a bar below; None where it has none.
        lines: below.
    """

    title: str
    image: Image
    scale: Scale | None = None
    lines: tuple[str, ...] = ()


def sheet(rows: Sequence[Sequence[Cell]], *, notes: Sequence[str] = (), columns: int = 6) -> Image:
    """Rows of cells as one picture.

    Args:
        rows: each goes on below where it has more cells than `columns`; short ones of one length
            share a line.
        notes: below all of them.
        columns: cells beside each other at most.
    """
    from PIL import Image, ImageDraw

    lines = [cells for row in _joined(rows, columns) for cells in _broken(row, columns)]
    across = max(map(len, lines))
    width = max(176, *(cell.image.width for cells in lines for cell in cells))
    blocks = [[_Block(cell, width) for cell in cells] for cells in lines]
    heights = [max(block.height for block in line) for line in blocks]
    inner = across * width + (across - 1) * GAP
    said = [part for note in notes for part in _wrapped(note, width=inner)]
    below = len(said) * LINE + (GAP if said else 0)
    total = (inner + 2 * MARGIN, sum(heights) + GAP * (len(heights) - 1) + 2 * MARGIN + below)
    page = Image.new("RGB", total, PAGE)
    pen, top = ImageDraw.Draw(page), MARGIN
    for line, height in zip(blocks, heights, strict=True):
        for place, block in enumerate(line):
            block.draw(page, pen, left=MARGIN + place * (width + GAP), top=top)
        top += height + GAP
    for part in said:
        pen.text((MARGIN, top), part, fill=SOFT, font=font(TEXT))
        top += LINE
    return page


class _Block:
    """A cell with its text broken into lines of its width."""

    def __init__(self, cell: Cell, width: int) -> None:
        self.cell = cell
        self.width = width
        self.title = _wrapped(cell.title, width=width, size=TITLE)
        self.lines = [part for line in cell.lines for part in _wrapped(line, width=width)]

    @property
    def height(self) -> int:
        bar = 0 if self.cell.scale is None else BAR + LINE + 4
        text = (len(self.title) + len(self.lines)) * LINE
        return self.cell.image.height + bar + text + 12

    def draw(self, page: Image, pen: ImageDraw, *, left: int, top: int) -> None:
        for part in self.title:
            pen.text((left, top), part, fill=INK, font=font(TITLE))
            top += LINE
        top += 4
        page.paste(self.cell.image, (left, top))
        top += self.cell.image.height + 6
        if self.cell.scale is not None:
            top = self._bar(page, pen, left=left, top=top)
        for place, part in enumerate(self.lines):
            pen.text((left, top), part, fill=SOFT if place else INK, font=font(TEXT))
            top += LINE

    def _bar(self, page: Image, pen: ImageDraw, *, left: int, top: int) -> int:
        """The colours from least to largest, and what they stand for."""
        from PIL import Image

        scale = self.cell.scale
        if scale is not None and scale.high > 0:
            ends = torch.linspace(-1 if scale.signed else 0, 1, self.cell.image.width)
            colours = in_colour(ends[None].expand(BAR, -1), signed=scale.signed)
            page.paste(Image.fromarray(colours.round().astype("uint8")), (left, top))
        pen.text((left, top + BAR + 1), f"colours: {scale}", fill=SOFT, font=font(TEXT))
        return top + BAR + LINE + 4


def _joined(rows: Sequence[Sequence[Cell]], columns: int) -> list[list[Cell]]:
    """As many rows on a line as there is room for, where all are of one length."""
    lengths = {len(row) for row in rows}
    together = max(1, columns // max(lengths)) if len(lengths) == 1 else 1
    starts = range(0, len(rows), together)
    return [[cell for row in rows[at : at + together] for cell in row] for at in starts]


def _broken(row: Sequence[Cell], columns: int) -> list[Sequence[Cell]]:
    """Into lines of about equal length."""
    lines = -(-len(row) // columns)
    each = -(-len(row) // lines)
    return [row[start : start + each] for start in range(0, len(row), each)]


def _wrapped(text: str, *, width: int, size: int = TEXT) -> list[str]:
    """Lines that are not wider; a word that is gets an ellipsis."""
    face, lines = font(size), [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if face.getlength(longer) <= width:
            lines[-1] = longer
        elif lines[-1]:
            lines.append(shortened(word, face=face, width=width))
        else:
            lines[-1] = shortened(word, face=face, width=width)
    return lines


def shortened(text: str, *, face: FreeTypeFont, width: int) -> str:
    """The text, or its beginning and an ellipsis where it is wider."""
    if face.getlength(text) <= width:
        return text
    while text and face.getlength(f"{text}…") > width:
        text = text[:-1]
    return f"{text}…"


@cache
def font(size: int) -> FreeTypeFont:
    """A size of the one that comes with matplotlib: it has the letters of most languages."""
    import matplotlib as mpl
    from PIL import ImageFont

    return ImageFont.truetype(
        os.path.join(mpl.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), size
    )
