"""The same small pictures as four drawing offices see them: eight classes, four domains."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netwright._optional import optional
from netwright.data.depot.entry import DepotEntry, Kind, Route
from netwright.data.depot.registries import NpmPackage

__all__ = ["ENTRIES", "VENDORS", "from_packages", "rasterise", "shared_icons", "svg"]

SIDE = 64


@dataclass(frozen=True)
class Vendor:
    """A drawing office: the package that carries it, and on what terms."""

    name: str
    version: str
    sha256: str
    payload: str
    licence: str


# Only terms that ask for no more than attribution: no share-alike, nothing proprietary.
VENDORS = (
    Vendor(
        "noto",
        "1.2.9",
        "3e918d88fc945c0bb3d468dbace6f88caef67f01c9f0e7bcae0915a042e8f1ad",
        "7ab28107786637b5daa2467208f691e97daccfda39c3d635bcb993e8242e6581",
        "Apache-2.0",
    ),
    Vendor(
        "noto-v1",
        "1.2.5",
        "2bf62c26c2c2884aa99e90aec942cdaee17a5921f05690694f4978ad4b017c37",
        "c0223fef28b9d179ad4a7a4b301492d9725d71c312d16beda2ec3de9d369d7ee",
        "Apache-2.0",
    ),
    Vendor(
        "fluent-emoji-flat",
        "1.2.6",
        "7d064769dee690815f823bc5bcc511d957198caf9f5edd8dd9c1aa48a6aeb175",
        "b798ae324346bfca9bd54723c4e5ed2aaf5cfcd35b86398d96129d60d079f191",
        "MIT",
    ),
    Vendor(
        "twemoji",
        "1.2.5",
        "19046dff7d8707ce96212ec86468b36ac5f8e60409629dd13f809265c6d0ebb7",
        "07dd236c5b861a65d6d74625fcf219fa4390b0c780b7f549437e84914e28d257",
        "CC-BY-4.0",
    ),
)
# Flags are left out: few are shared, and they look alike everywhere.
CLASSES = {
    "Activities": "activities",
    "Animals & Nature": "animals",
    "Food & Drink": "food",
    "Objects": "objects",
    "People & Body": "people",
    "Smileys & Emotion": "smileys",
    "Symbols": "symbols",
    "Travel & Places": "travel",
}

Icons = Mapping[str, Any]


def from_packages(payload: Path, made: Path) -> None:
    """VENDOR/CLASS/ICON.png, of the icons that every vendor draws."""
    icons = {vendor.name: _read(payload / vendor.name, "icons.json") for vendor in VENDORS}
    categories = _read(payload / VENDORS[0].name, "metadata.json")["categories"]
    for category, names in shared_icons(categories, icons=icons).items():
        for vendor, drawn in icons.items():
            folder = made / vendor / CLASSES[category]
            folder.mkdir(parents=True)
            for name in names:
                (folder / f"{name}.png").write_bytes(rasterise(svg(drawn, name), side=SIDE))


def shared_icons(
    categories: Mapping[str, list[str]], *, icons: Mapping[str, Icons]
) -> dict[str, list[str]]:
    """The icons of each class that all vendors show, in order.

    Args:
        categories: icon names by category.
        icons: the icon table of each vendor.
    """
    shown = [
        {name for name, icon in table["icons"].items() if not icon.get("hidden")}
        for table in icons.values()
    ]
    common = set.intersection(*shown)
    return {category: sorted(common.intersection(categories[category])) for category in CLASSES}


def svg(table: Icons, name: str) -> str:
    """One icon as a whole SVG document; its own frame wins over the table's."""
    icon = table["icons"][name]
    frame = [
        icon.get(key, table.get(key, default))
        for key, default in (("left", 0), ("top", 0), ("width", 16), ("height", 16))
    ]
    box = " ".join(str(value) for value in frame)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{box}" width="{SIDE}" height="{SIDE}">{icon["body"]}</svg>'
    )


def rasterise(document: str, *, side: int) -> bytes:
    """An SVG document as an RGB PNG of side x side, on white."""
    from PIL import Image

    resvg = optional("resvg_py", extra="emoji")
    drawn = resvg.svg_to_bytes(svg_string=document, width=side, height=side, skip_system_fonts=True)
    with Image.open(io.BytesIO(bytes(drawn))) as picture:
        clear = picture.convert("RGBA")
    white = Image.new("RGBA", (side, side), "white")
    white.alpha_composite(clear.crop((0, 0, side, side)))
    buffer = io.BytesIO()
    white.convert("RGB").save(buffer, format="PNG")
    return buffer.getvalue()


def _read(folder: Path, name: str) -> Any:
    return json.loads((folder / "package" / name).read_text(encoding="utf-8"))


ENTRIES = (
    DepotEntry(
        name="emoji",
        kind=Kind.DATA,
        summary="1161 emoji, 64x64 colour, 8 classes, each drawn by 4 vendors (domains)",
        licence="; ".join(f"{vendor.name}: {vendor.licence}" for vendor in VENDORS),
        origin="Google (Noto, old and new), Microsoft (Fluent), Twitter; SVG gathered by Iconify",
        megabytes=7.4,
        routes=(
            Route(
                carriers=tuple(
                    NpmPackage(
                        f"@iconify-json/{vendor.name}",
                        vendor.version,
                        vendor.sha256,
                        keep=("package/icons.json", "package/metadata.json"),
                        into=vendor.name,
                    )
                    for vendor in VENDORS
                ),
                payload={f"{vendor.name}/package/": vendor.payload for vendor in VENDORS},
                prepare=from_packages,
            ),
        ),
        extra=("resvg_py", "emoji"),
    ),
)
