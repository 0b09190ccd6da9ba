"""The most typical examples of each class, as the page shows them."""

from __future__ import annotations

from typing import Any

from netwright.report.contents import Contents
from netwright.report.numbers import count, split_in_words
from netwright.report.pictures import Album

__all__ = ["typical"]

BYTES = 600_000  # of pictures


def typical(contents: Contents) -> dict[str, Any] | None:
    """The classes with their prototypes and what is to be known of them; None without any."""
    album = Album(contents.folder, budget=BYTES)
    classes = [
        {
            "name": str(of.get("name", "")),
            "examined": count(of.get("examined", 0)),
            "examples": [
                {
                    "picture": picture,
                    "map": album.add(one.get("map")),
                    "label": str(one.get("label", "")),
                }
                for one in of.get("examples") or []
                if (picture := album.add(one.get("file")))
            ],
        }
        for of in contents.prototypes.get("classes") or []
    ]
    shown = [of for of in classes if of["examples"]]
    return {"classes": shown, "said": _said(contents.prototypes, shown)} if shown else None


def _said(found: dict[str, Any], shown: list[dict[str, Any]]) -> str:
    has_maps = any(one["map"] for of in shown for one in of["examples"])
    split = split_in_words(str(found.get("split", "")))
    told = [
        f"Of each class the {split} examples nearest to the mean of its features, among those that "
        "were answered rightly"
        + ("; below, where each speaks for its class." if has_maps else "."),
    ]
    others = (
        ("left_out", "more classes are not shown."),
        ("nothing_right", "classes have no right answer and so no prototype."),
    )
    told += [f"{count(found[key])} {words}" for key, words in others if found.get(key)]
    return " ".join(told)
