"""What a search leaves in its folder for people: its trials as a table, its winner as a recipe."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

from netwright._errors import must_be
from netwright.runs.recipe import Recipe
from netwright.runs.store import RunFolder
from netwright.tune.trials import Trial
from netwright.workflow.searching.result import Found
from netwright.workflow.searching.trial import recipe_of

__all__ = ["BEST", "TABLE", "write_best", "write_trials"]

BEST, TABLE = "best.yaml", "trials.csv"
COLUMNS = ("search", "trial", "cell", "validation", "repeats", "seconds", "parameters", "broken")


def write_trials(folder: RunFolder, trials: Mapping[str, list[Trial]], *, sign: float) -> None:
    """Every trial of every search as a row; `sign` turns a score back into the metric."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for name, listed in trials.items():
        for one in listed:
            outcome = one.outcome
            score = "" if outcome.broken else sign * outcome.score
            writer.writerow(
                [name, one.number, " ".join(one.candidate), score, one.repeats or "",
                 f"{outcome.seconds:.3f}", outcome.facts.get("parameters", ""), outcome.broken]
            )  # fmt: skip
    folder.write_text(TABLE, text.getvalue())


def write_best(folder: RunFolder, recipe: Recipe, *, found: Mapping[str, Found]) -> None:
    """The recipe of the winner, as `netwright train --recipe` takes it."""
    best = next(iter(found.values()))
    if best.cell is None:
        raise must_be(
            "trials",
            "of which one at least could be trained",
            f"{best.trained} that all broke",
            f"Why stands in {folder.path / TABLE}.",
        )
    folder.write_text(BEST, recipe_of(recipe, best.cell).to_yaml())
