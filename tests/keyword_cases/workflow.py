"""Keywords of the assembly; the recipe's own fields are in test_recipe_fields."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from PIL import Image
from torch import nn

from keyword_cases.case import Case
from keyword_cases.train import Regression
from netwright._errors import NetwrightError
from netwright.methods.supervised import Task
from netwright.runs.recipe import Recipe
from netwright.workflow.answer import evaluate, predict
from netwright.workflow.build import build_method
from netwright.workflow.cross_validation import cross_validate
from netwright.workflow.ensembling.put_together import ensemble
from netwright.workflow.fit import fit, run_recipe
from netwright.workflow.layers import which_layers
from netwright.workflow.range_test import range_test
from netwright.workflow.run import Run, load
from netwright.workflow.timing import time_step

CLASSES = torch.arange(40) % 2
TABLE = "height,width,kind\n" + "".join(
    f"{place % 7},{place % 11},{'ab'[place % 2]}\n" for place in range(40)
)
SHORT = ["training.epochs=1", "model={name: mlp, hidden: [4]}", "training.batch_size=16"]


def outcome(run: Run) -> Any:
    """The weights, and where the run lies."""
    return dict(run.method.state_dict()), run.folder.path.as_posix()


def fitted(folder: Path, **keyword: Any) -> Any:
    (folder / "some.csv").write_text(TABLE)
    usual = {"epochs": 1, "batch_size": 16, "changes": ["model={name: mlp, hidden: [4]}"]}
    return outcome(fit("some.csv", **{**usual, **keyword}))


def trained(folder: Path, **keyword: Any) -> Any:
    (folder / "some.csv").write_text(TABLE)
    recipe = Recipe.parse({"data": {"name": "some.csv"}}).changed(SHORT)
    return outcome(run_recipe(recipe, **keyword))


def loaded(folder: Path, **keyword: Any) -> Any:
    """A run by name, of which there is another under another root."""
    (folder / "some.csv").write_text(TABLE)
    for seed, root in enumerate(("runs", "elsewhere")):
        fit("some.csv", changes=SHORT, name="first", seed=seed, root=root)
    return outcome(load("first", **keyword))


def pictures_run(folder: Path) -> Run:
    for place in range(24):
        kind = folder / "pictures" / "ab"[place % 2]
        kind.mkdir(parents=True, exist_ok=True)
        pixels = np.full((8, 8), 40 + 9 * place, np.uint8)
        Image.fromarray(pixels).save(kind / f"{place}.png")
    return fit("pictures", changes=SHORT, root=folder / "runs")


def predicted(folder: Path, **keyword: Any) -> Any:
    """What a run says of pictures of which one can't be read."""
    run = pictures_run(folder)
    (folder / "pictures" / "a" / "broken.png").write_bytes(b"no picture")
    try:
        return predict(run, "pictures", **keyword)
    except NetwrightError as error:
        return str(error)


def evaluated(folder: Path, **keyword: Any) -> Any:
    return evaluate(pictures_run(folder), "pictures", **keyword)


def put_together(folder: Path, **keyword: Any) -> Any:
    """Two runs of the same data, which lie beside the ensemble by default."""
    (folder / "some.csv").write_text(TABLE)
    runs = [fit("some.csv", changes=SHORT, seed=seed) for seed in (1, 2)]
    return outcome(ensemble(runs, **keyword))


def built(_: Path, **keyword: Any) -> Any:
    recipe = Recipe.parse({"data": {"name": "iris"}, "model": {"name": "mlp"}})
    task = Task(kind="binary", names=("a", "b"), targets=CLASSES)
    return build_method(recipe, task=task, input_shape=(4,), **keyword)


class Narrow(Regression):
    """Takes the two columns of the table."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Linear(2, 1))


def timed(folder: Path, **keyword: Any) -> Any:
    """What does not depend on the clock: how much was measured, of what, and what it keeps."""
    (folder / "some.csv").write_text(TABLE)
    recipe = Recipe.parse({"data": {"name": "some.csv"}}).changed(SHORT)
    found = time_step(recipe, **{"steps": 2, **keyword})
    kept = (found.memory.parameters, found.memory.optimizer, found.memory.data)
    return found.data, found.model, [stage.measured for stage in found.stages], kept


def cross_validated(folder: Path, **keyword: Any) -> Any:
    (folder / "some.csv").write_text(TABLE)
    usual = {"folds": 2, "changes": SHORT, "epochs": None}
    # a page for each fold would take most of the time
    with patch("netwright.report.write_report", lambda run: run.write_text("report.html", "")):
        return cross_validate("some.csv", **{**usual, **keyword}).to_json()


def swept(_: Path, **keyword: Any) -> Any:
    data = (torch.randn(40, 2, generator=torch.Generator().manual_seed(1)), torch.arange(40) % 2)
    asked = Recipe.parse({"data": {"name": "given"}, "optimizer": {"name": "sgd"}})
    return range_test(asked, **{"data": data, "steps": 12, **keyword})


def small(seed: int) -> nn.Module:
    """A network of two blocks that the seed draws."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 2))


def probed(_: Path, **keyword: Any) -> object:
    """The curve of a small network that is given, on rows of two classes."""
    draw = torch.Generator().manual_seed(1)
    rows = torch.randn(600, 2, generator=draw)
    options = {"data": (rows, (rows.prod(dim=1) > 0).long()), "model": small(0), **keyword}
    options = {"untrained": small(1), **options}
    return which_layers(Recipe.parse({"data": {"name": "given"}}), **options).to_json()


CASES = {
    "netwright.workflow.layers:which_layers": Case(
        probed,
        {
            "data": (torch.randn(80, 2), torch.arange(80) % 2),
            "model": small(2),
            "untrained": small(3),
            "examples": 10,
        },
    ),
    "netwright.workflow.range_test:range_test": Case(
        swept,
        {
            "data": (torch.randn(44, 2), torch.arange(44) % 2),
            "model": nn.Linear(2, 1),
            "method": Narrow(),
            "low": 1e-4,
            "high": 0.1,
            "steps": 15,
        },
    ),
    "netwright.workflow.cross_validation:cross_validate": Case(
        cross_validated,
        {
            "folds": 3,
            "repeats": 2,
            "hold_back": 0.2,
            "name": "mine",
            "device": "no-such-device",
        },
    ),
    "netwright.workflow.timing.measure:time_step": Case(
        timed,
        {
            "data": (torch.randn(44, 2), torch.arange(44) % 2),
            "model": nn.Linear(2, 1),
            "method": Narrow(),
            "steps": 6,
        },
    ),
    "netwright.workflow.fit:fit": Case(
        fitted,
        {
            "model": nn.Linear(2, 1),
            "method": "no-such-method",
            "teachers": ["no-such-run"],
            "epochs": 2,
            "batch_size": 4,
            "optimizer": "sgd",
            "learning_rate": 0.5,
            "schedule": "constant",
            "target": "height",
            "seed": 3,
            "device": "no-such-device",
            "precision": "bf16",
            "name": "another",
            "changes": ["model={name: mlp, hidden: [5]}"],
            "root": "elsewhere",
        },
    ),
    "netwright.workflow.fit:run_recipe": Case(
        trained,
        {
            "data": (torch.randn(40, 2), CLASSES),
            "model": nn.Linear(2, 1),
            "method": "no-such-method",
            "name": "another",
            "root": "elsewhere",
        },
    ),
    "netwright.workflow.ensembling.put_together:ensemble": Case(
        put_together,
        {
            "data": (torch.randn(40, 2), CLASSES),
            "name": "another",
            "root": "elsewhere",
        },
    ),
    "netwright.workflow.run:load": Case(
        loaded, {"model": nn.Linear(2, 1), "method": Regression(), "root": "elsewhere"}
    ),
    "netwright.workflow.answer:predict": Case(predicted, {"skip_bad": True}),
    "netwright.workflow.answer:evaluate": Case(evaluated, {"split": "train"}),
    "netwright.workflow.build:build_method": Case(
        built, {"model": nn.Linear(4, 1), "method": Regression()}
    ),
}
EXEMPT = {
    "netwright.workflow.kept_features:held_out_of(share)": "handed on to Prepared.held_out",
    "netwright.workflow.session:open_session(begun)": "tests/workflow/test_starting_weights.py",
    "netwright.workflow.session:opened_and_prepared(begun)": "handed on by open_session",
    "netwright.workflow.in_words:in_words(parts)": "tests/workflow/test_workflow_multi_task.py has "
    "answers of several tasks in words",
    "netwright.workflow.tracking:export_tensorboard(into)": "tests/workflow/test_tracking.py",
    "netwright.workflow.tracking:export_tensorboard(root)": "tests/workflow/test_tracking.py",
    "netwright.workflow.pretrained:pretrained(cache)": "tests/workflow/test_pretrained.py",
    "netwright.workflow.one_of_several:carried_on": "hands both on to run_recipe and resume",
    **{
        f"netwright.workflow.{name}": "tests/workflow/test_workflow_calibration.py holds what each "
        "of them does"
        for name in (
            "calibration:calibrate",
            "fit:fit(costs)",
            "judging:evaluation_record(costs)",
            "judging:write_evaluation(costs)",
            "judging:judge_split",
            "answer:predict(costs)",
            "answer:predict(abstain)",
            "answer:evaluate(costs)",
        )
    },
    "netwright.workflow.ensembling.described:rebuilt": "model and method go to build_method; "
    "tests/workflow/test_workflow_ensembling.py loads an ensemble of a given module",
    "netwright.workflow.ensembling.loaded:load_ensemble": "hands both on to rebuilt",
    "netwright.workflow.cross_validation:cross_validate(console)": "only draws progress there",
    **{
        f"netwright.workflow.cross_validation:cross_validate({name})": "goes to the same place as "
        "that of fit, by way of wished"
        for name in ("model", "method", "epochs", "seed", "changes", "root")
    },
    "netwright.workflow.cross_validation:cross_validate_recipe": "cross_validate hands it all that "
    "it was given",
    "netwright.workflow.cross_validation:go_on": "tests/workflow/test_workflow_cross_validation.py "
    "goes on with the same and with other data; the rest goes to resume and load",
    "netwright.workflow.interrupt:stops_on_interrupt(settling)": "tests/workflow/test_several_"
    "processes.py holds what it does",
    "netwright.workflow.answer:evaluate(skip_bad)": "goes the same way as that of predict",
    "netwright.workflow.fit:fit(doctor)": "changes no bit of a run, by contract: the tests of the "
    "doctor hold it",
    "netwright.workflow.fit:fit(compile)": "changes speed alone, by contract: "
    "tests/train/test_compiled.py holds it",
    "netwright.workflow.fit:fit(console)": "only draws progress on the terminal",
    "netwright.workflow.fit:run_recipe(console)": "only draws progress on the terminal",
    "netwright.workflow.run:load(trust)": "needs a recipe that names a file: "
    "tests/workflow/test_workflow_stranger.py",
    "netwright.workflow.fit:resume": "the same three go to the same places as those of train; the "
    "tests of the workflow resume a run",
}
