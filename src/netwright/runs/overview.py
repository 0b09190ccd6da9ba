"""One line on a run: what it is and what came out."""

from __future__ import annotations

from typing import Any

from netwright._errors import NetwrightError
from netwright.runs.recipe import Recipe
from netwright.runs.store import RunFolder, events

__all__ = ["overview"]


def overview(folder: RunFolder) -> dict[str, Any]:
    """Name, state, data, model and first figure of a run, as plain data.

    The state is `finished`, another reason to have ended, `unfinished` where a run goes on or was
    killed, or `damaged` where its recipe or record can't be read.
    """
    row: dict[str, Any] = {
        "name": folder.name,
        "path": str(folder.path),
        "state": "unfinished",
        "data": "",
        "model": "",
        "split": None,
        "metric": None,
        "figure": None,
    }
    try:
        recipe = Recipe.read(folder.path / "recipe.yaml")
        row["data"] = recipe.data.name
        row["model"] = recipe.model.name if recipe.model else recipe.method.name
        if recipe.ensemble is not None:
            row["model"] += f" × {recipe.ensemble.members}"
        ended = events(folder.path, "ended")
        if ended:
            row["state"] = ended[-1]["reason"]
        return row | _first_figure(folder)
    except NetwrightError:
        return row | {"state": "damaged"}


def _first_figure(folder: RunFolder) -> dict[str, Any]:
    for split in ("test", "val"):
        if folder.has(f"evaluation/{split}.json"):
            metrics = folder.read_json(f"evaluation/{split}.json")["metrics"]
            for metric, estimate in metrics.items():
                return {"split": split, "metric": metric, "figure": estimate["value"]}
    return {}
