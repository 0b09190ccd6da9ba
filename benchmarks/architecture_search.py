"""Do a controller and evolution find better cells than random search at equal cost?

Every cell of a small space is trained once (`_cell_table.py`), and the searches are replayed on the
scores, as often as their seeds say: a trial is a look into the table, what was tried before costs
nothing, for any of them. The cell that a search ends with is trained anew with other seeds and
judged on the 10,000 test pictures, as the score that chose it is the best of many.

    python benchmarks/architecture_search.py     # ten minutes of one core
"""

from __future__ import annotations

import random
import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from _cell_table import SPACE, fill, read_table, session_for
from _rows import bootstrap, surroundings, write_rows
from netwright.tune.budget import Budget
from netwright.tune.catalogue import create
from netwright.tune.study import conduct
from netwright.tune.trials import Outcome, Trial
from netwright.workflow.searching.trial import train_trial

SEARCHES = {
    "random": ("random", {}),
    "evolution": ("evolution", {}),
    "controller": ("controller", {}),
    "controller, learning rate 0.05": ("controller", {"learning_rate": 0.05}),
}
SEEDS, BUDGETS, JUDGED = 30, (5, 10, 20, 40, 80), 40
FRESH = (1, 2)  # seeds of the weights that judge; the table has 0
Curve = dict[int, tuple[float, str]]  # trainings → best score so far, and key of its cell


def main() -> None:
    torch.set_num_threads(1)
    fill()
    scores = {
        key: row["score"]
        for key, row in read_table().items()
        if key in {SPACE.key(cell) for cell in SPACE}
    }
    curves = {
        name: [replayed(*search, seed=seed, scores=scores) for seed in range(SEEDS)]
        for name, search in SEARCHES.items()
    }
    tests = judged({curve[JUDGED][1] for one in curves.values() for curve in one[:SEEDS]})
    rows = [
        *(row(name, budget, curves, tests) for budget in BUDGETS for name in SEARCHES),
        mean_cell(scores),
    ]
    for one in rows:
        print({key: one[key] for key in list(one)[:10]})
    write_rows("architecture_search", rows)


def replayed(name: str, options: dict[str, float], *, seed: int, scores: dict[str, float]) -> Curve:
    """The best so far, by the number of trainings, of one search."""
    with tempfile.TemporaryDirectory() as folder:
        trials = conduct(
            create(name, SPACE, seed=seed, **options),
            SPACE,
            evaluate=lambda cell: Outcome(score=scores[SPACE.key(cell)], seconds=1.0),
            budget=Budget(trials=max(BUDGETS)),
            folder=Path(folder),
        )
    trained = [trial for trial in trials if trial.repeats is None]
    return {budget: best(trained[:budget]) for budget in BUDGETS}


def best(trials: Sequence[Trial]) -> tuple[float, str]:
    """Score and key of the best; a search that ended early keeps its last."""
    one = max(trials, key=lambda trial: trial.outcome.score)
    return one.outcome.score, SPACE.key(one.candidate)


def judged(keys: set[str]) -> dict[str, float]:
    """Test accuracy of each cell, the mean over fresh seeds."""
    cells = {SPACE.key(cell): cell for cell in SPACE}
    found: dict[str, list[float]] = {key: [] for key in sorted(keys)}
    for seed in FRESH:
        session = session_for(seed=seed, judged_on="test")
        for key, values in found.items():
            values.append(train_trial(session, cells[key]).score)
    return {key: statistics.fmean(values) for key, values in found.items()}


def row(
    name: str, budget: int, curves: dict[str, list[Curve]], tests: dict[str, float]
) -> dict[str, object]:
    """One search at one budget; its seeds are those of random search, seed by seed."""
    mine = [curve[budget] for curve in curves[name]]
    rival = [curve[budget] for curve in curves["random"]]
    pairs = [(one[0], two[0]) for one, two in zip(mine, rival, strict=True)]
    found = {"search": name, "trainings": budget, **interval("validation", pairs, first)}
    found |= interval("validation_gain", pairs, gain)
    on_test = [
        (tests[one[1]], tests[two[1]])
        for one, two in zip(mine, rival, strict=True)
        if budget == JUDGED
    ]
    found |= interval("test", on_test, first) | interval("test_gain", on_test, gain)
    return found | _about()


def mean_cell(scores: dict[str, float]) -> dict[str, object]:
    """What a cell drawn from the different ones scores, and the best there is."""
    values = [(score, max(scores.values())) for score in scores.values()]
    drawn = random.Random(0).sample(sorted(scores), 8)
    tests = [(value, 0.0) for value in judged(set(drawn)).values()]
    found = {"search": "mean cell", "trainings": 1, **interval("validation", values, first)}
    found |= interval("validation_gain", values, gain)
    found |= interval("test", tests, first) | interval("test_gain", [], gain)
    return found | _about()


def first(pairs: Sequence[tuple[float, float]]) -> float:
    return statistics.fmean(one for one, _ in pairs)


def gain(pairs: Sequence[tuple[float, float]]) -> float:
    return statistics.fmean(one - two for one, two in pairs)


def interval(
    name: str,
    pairs: Sequence[tuple[float, float]],
    figure: Callable[[Sequence[tuple[float, float]]], float],
) -> dict[str, str]:
    """A mean with its bootstrap interval over the seeds; empty where nothing was judged."""
    names = (name, f"{name}_low", f"{name}_high")
    values = bootstrap(figure, pairs, resamples=2000) if pairs else ("", "", "")
    return {
        one: f"{value:.4f}" if value != "" else "" for one, value in zip(names, values, strict=True)
    }


def _about() -> dict[str, object]:
    return {
        "seeds": SEEDS,
        "cells": len({SPACE.key(cell) for cell in SPACE}),
        "judges": len(FRESH),
        "data": "fashion-mnist, 2000 of 14 pixels",
        **surroundings("torch", "netwright"),
    }


if __name__ == "__main__":
    main()
