"""Keywords of searches: what they ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from keyword_cases.case import Case
from netwright.tune.budget import Budget
from netwright.tune.cell_space import CellSpace
from netwright.tune.controller import Controller
from netwright.tune.evolution import Evolution
from netwright.tune.policy import RecurrentPolicy
from netwright.tune.random_search import RandomSearch
from netwright.tune.study import conduct
from netwright.tune.trials import Outcome, Trial
from netwright.workflow.searching.result import mean_interval
from netwright.workflow.searching.search import search

SPACE = CellSpace()


def asked(make: Any) -> Any:
    """What it asks for while it learns."""

    def call(_: Path, **keyword: Any) -> list[Any]:
        made, found = make(SPACE, **keyword), []
        for _ in range(30):
            found.append(made.ask())
            made.tell(found[-1], float(found[-1].count("skip")))
        return found

    return call


def studied(folder: Path, **keyword: Any) -> tuple[list[Trial], list[int]]:
    told: list[int] = []
    say = keyword.pop("say", None)
    if say is not None:
        keyword["say"] = lambda trial: told.append(trial.number)
    trials = conduct(
        RandomSearch(SPACE),
        SPACE,
        evaluate=lambda cell: Outcome(score=1.0, seconds=1.0),
        budget=Budget(trials=2),
        folder=folder / "trials",
        **keyword,
    )
    return trials, told


def scored(_: Any, cell: Sequence[str]) -> Outcome:
    """In place of a training, which tests/workflow/test_workflow_search.py carries out."""
    return Outcome(score=cell.count("skip") / 10, seconds=1.0)


def judged(found: Any, *, seeds: int, **_: Any) -> Any:
    return "test", {name: replace(one, judged=(0.5,) * seeds) for name, one in found.items()}


def searched(_: Path, **keyword: Any) -> Any:
    """What is asked for, counted, written and handed to those that train."""
    x = torch.rand(40, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    changes = ["doctor=false", "split.val=0.3"]
    usual = {"budget": 2, "seeds": 1, "alone": True, "epochs": 1, "changes": changes, "nodes": 3}
    with (
        patch(f"{search.__module__}.train_trial", scored),
        patch(f"{search.__module__}.judged", judged),
    ):
        found = search((x, torch.arange(40) % 2), **{**usual, **keyword})
    return found.to_json() | {"recipe": (found.path / "best.yaml").read_text(encoding="utf-8")}


CASES = {
    "netwright.tune.cell_space:CellSpace": Case(
        lambda _, **keyword: sorted(CellSpace(**keyword)),
        {"nodes": 3, "operations": ["zero", "skip"]},
    ),
    "netwright.tune.random_search:RandomSearch": Case(asked(RandomSearch), {"seed": 1}),
    "netwright.tune.evolution:Evolution": Case(
        asked(Evolution), {"seed": 1, "population": 6, "tournament": 6}
    ),
    "netwright.tune.controller:Controller": Case(
        asked(Controller),
        {"seed": 1, "learning_rate": 0.2, "baseline_decay": 0.0, "hidden": 8},
    ),
    "netwright.tune.policy:RecurrentPolicy": Case(
        lambda _, **keyword: RecurrentPolicy([2], generator=torch.Generator(), **keyword),
        {"hidden": 8},
    ),
    "netwright.tune.study:conduct": Case(
        studied,
        {
            "say": True,
            "known": {
                SPACE.key(RandomSearch(SPACE).ask()): Outcome(score=2.0, seconds=3.0),
            },
        },
    ),
    "netwright.workflow.searching.result:mean_interval": Case(
        lambda _, **keyword: mean_interval([0.0, 1.0, 3.0], **keyword), {"level": 0.5}
    ),
    "netwright.workflow.searching.search:search": Case(
        searched,
        {
            "by": "controller",
            "budget": 1,
            "seconds": 1e-6,
            "seeds": 2,
            "alone": False,
            "nodes": 2,
            "operations": ["skip", "conv-1x1"],
            "epochs": 2,
            "seed": 1,
            "device": "nowhere",
            "changes": ["model={name: mlp}"],
            "name": "mine",
            "root": "elsewhere",
        },
    ),
}
EXEMPT = {
    "netwright.workflow.searching.search:search(console)": "only draws progress there",
    "netwright.workflow.searching.search:search_recipe": "search hands it all that it is given",
    "netwright.workflow.searching.search:go_on": "tests/workflow/test_workflow_search.py goes on",
}
