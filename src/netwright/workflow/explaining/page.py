"""Reasons as one HTML page that needs nothing else."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from netwright.data.dataset import InputKind
from netwright.explain.drawing.bars import largest
from netwright.explain.drawing.overlay import SMALL, as_picture, in_colour, overlay
from netwright.report.page import template
from netwright.workflow.explaining.drawn import facts, row_names
from netwright.workflow.explaining.reasons import Reason, Reasons

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["page"]

SIDES = (224, 176, 128, 96)  # pixels of a map; smaller ones where there are many
BARS = 12
BYTES = 2_700_000  # of pictures; the page stays below 3 MB


def page(reasons: Reasons) -> str:
    """The page of examples and their maps.

    Args:
        reasons: pictures or rows; those that find no room on the page are counted.
    """
    is_picture = reasons.of.input_kind == InputKind.IMAGE
    shown = _fitting(reasons, _pictured if is_picture else _barred)
    methods = ", ".join(reasons.methods)
    content = {
        "name": reasons.of.name,
        "title": f"Explained by {methods}",
        "verdict": _verdict(reasons, shown=len(shown)),
        "heading": "Pictures" if is_picture else "Rows",
        "ramps": {"signed": _ramp(signed=True), "unsigned": _ramp(signed=False)},
        "is_wide": not is_picture,
        "meaning": [line.split(":", 1) for line in reasons.meaning],
        "refused": [{"what": one.method, "why": one.reason} for one in reasons.refused],
        "skipped": [{"what": one.what, "why": one.why} for one in reasons.examples.skipped[:50]],
        "examples": shown,
        "cells": 1 + len(reasons.methods) * (1 if is_picture else 2),
        "left_out": _left_out(reasons, shown=len(shown)),
    }
    return str(template("explanations.html.j2").render(page=content))


def _verdict(reasons: Reasons, *, shown: int) -> str:
    known = [one for one in reasons.items if one.example.truth is not None]
    told = f"{shown} {'example' if shown == 1 else 'examples'}"
    if not known:
        return f"{told}."
    right = sum(one.is_right for one in known)
    return f"{told}; {right} of {len(known)} whose class is known are answered rightly."


def _left_out(reasons: Reasons, *, shown: int) -> str:
    more = reasons.examples.left_out + len(reasons.items) - shown
    return f"{more} more are not on this page, which is kept below 3 MB." if more else ""


def _fitting(
    reasons: Reasons, draw: Callable[[Reason, Reasons, int], dict[str, Any]]
) -> list[dict[str, Any]]:
    """The examples, drawn as large as there is room for; the last ones are dropped at worst."""
    for side in SIDES:
        shown: list[dict[str, Any]] = []
        used = 0
        for one in reasons.items:
            drawn = draw(one, reasons, side)
            used += _size(drawn)
            if used > BYTES:
                break
            shown.append(drawn)
        if len(shown) == len(reasons.items):
            break
    return shown


def _size(drawn: dict[str, Any]) -> int:
    pictures = [drawn["picture"], *(one["picture"] for one in drawn["maps"])]
    return sum(len(one["address"]) for one in pictures if one)


def _pictured(reason: Reason, reasons: Reasons, side: int) -> dict[str, Any]:
    raw = reason.example.raw
    is_small = max(raw.shape[-2:]) <= SMALL
    maps = []
    for method, heat in reason.maps.items():
        drawn = overlay(heat, raw, side=1 if is_small else side)
        maps.append(
            {
                "method": method,
                "picture": _inside(drawn.image, is_small=is_small),
                "bars": [],
                "scale": f"colours: {drawn.scale}",
                "lines": reason.lines.get(method, ()),
            }
        )
    under = as_picture(raw, side=1 if is_small else side)
    return _card(reason, reasons, maps=maps, picture=_inside(under, is_small=is_small))


def _barred(reason: Reason, reasons: Reasons, side: int) -> dict[str, Any]:
    names = row_names(reason, reasons)
    maps = [
        {
            "method": method,
            "picture": None,
            "bars": _bars(heat, names),
            "is_signed": bool((heat < 0).any()),
            "scale": _rest(heat),
            "lines": reason.lines.get(method, ()),
        }
        for method, heat in reason.maps.items()
    ]
    return _card(reason, reasons, maps=maps, picture=None)


def _card(
    reason: Reason,
    reasons: Reasons,
    *,
    maps: list[dict[str, Any]],
    picture: dict[str, Any] | None,
) -> dict[str, Any]:
    return {
        "label": reason.example.label,
        "said": reason.said,
        "facts": facts(reason, reasons),
        "picture": picture,
        "maps": maps,
    }


def _bars(heat: Tensor, names: Sequence[str]) -> list[dict[str, Any]]:
    """The largest numbers of a row, each beside the largest of all."""
    reach = float(heat.abs().max()) or 1.0
    return [
        {
            "name": names[place],
            "value": f"{float(heat[place]):.4g}",
            "share": f"{100 * abs(float(heat[place])) / reach:.1f}",
            "side": "for" if heat[place] > 0 else "against",
        }
        for place in largest(heat, BARS)
    ]


def _rest(heat: Tensor) -> str:
    reach = f"longest bar: {float(heat.abs().max()):.2g}"
    return reach if len(heat) <= BARS else f"{reach}; {len(heat) - BARS} smaller ones left out"


def _inside(image: Image, *, is_small: bool) -> dict[str, Any]:
    """A data address; pixels that are enlarged by the page are kept exactly."""
    written = BytesIO()
    if is_small:
        image.save(written, format="PNG", optimize=True)
        kind = "png"
    else:
        image.save(written, format="WEBP", quality=78)
        kind = "webp"
    address = f"data:image/{kind};base64,{base64.b64encode(written.getvalue()).decode()}"
    return {"address": address, "is_small": is_small}


def _ramp(*, signed: bool) -> str:
    """The palette of maps as a gradient of the page."""
    stops = torch.linspace(-1 if signed else 0, 1, 9)[None]
    colours = in_colour(stops, signed=signed)[0].round().astype(int)
    listed = ", ".join(f"rgb({red},{green},{blue})" for red, green, blue in colours)
    return f"linear-gradient(90deg, {listed})"
