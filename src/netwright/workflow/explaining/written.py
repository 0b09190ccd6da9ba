"""Reasons written as a picture or as a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from netwright._errors import must_be
from netwright.runs.files import replacing
from netwright.workflow.explaining.drawn import drawn
from netwright.workflow.explaining.reasons import Reasons

__all__ = ["place_for", "write"]

_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


def place_for(output: Path | None, data: Sequence[str], *, network: str) -> Path:
    """Where it is written: what was asked for, or a file in the current folder named by the data.

    Raises:
        BadValue: no file that can be written.
    """
    if output is None:
        of = data[0] if len(data) == 1 else network.rpartition(":")[2]
        is_folder = any(Path(one).is_dir() for one in data)
        return Path(f"{Path(of).resolve().stem}-explained{'.html' if is_folder else '.png'}")
    if output.suffix.lower() not in (*_FORMATS, ".html"):
        known = ", ".join((*_FORMATS, ".html"))
        raise must_be("--output", f"a file that ends in {known}", str(output))
    if not output.parent.is_dir():
        raise must_be("--output", "a file in a folder that is there", str(output))
    return output


def write(reasons: Reasons, place: Path) -> None:
    """Write a picture, or a page where the name ends in .html; whole or not at all."""
    suffix = place.suffix.lower()
    if suffix == ".html":
        from netwright.workflow.explaining.page import page

        content = page(reasons)
        with replacing(place) as temporary:
            temporary.write_text(content, encoding="utf8")
        return
    image = drawn(reasons)
    with replacing(place) as temporary:
        image.save(temporary, format=_FORMATS[suffix], optimize=True, quality=88)
