"""Every field of the recipe, changed from its default, changes the run or is refused.

`test_keywords` asks the same of every function; here it is asked from end to end, because a recipe
passes through many hands and any of them could drop a field.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from keyword_cases.case import attempt, same
from netwright._errors import NetwrightError
from netwright.runs.events import history
from netwright.runs.recipe import Recipe

# One table with everything in it: groups, times, a row that can't be used.
ROWS = "".join(
    f"{place % 7},{(place * 5) % 11},{place % 13},{100 - place},{'ab'[place % 2]}\n"
    for place in range(60)
)
TABLE = f"height,width,clinic,day,kind\n{ROWS}"
DAMAGED = f"{TABLE}1,2\n"

BASE = [
    "training.epochs=2",
    "training.batch_size=16",
    "training.snapshot_every=1",
    "training.record_every=1",
    "model={name: mlp, hidden: [8]}",
    "split.seed=1",
]
STOPS_EARLY = [
    "training.epochs=6",
    "training.early_stopping={trigger: average-change, epochs: 1, least: 0.9}",
]
# Field → what to set.
CHANGES = {
    "data.name": ["data.name=iris"],
    "data.target": ["data.target=height"],
    "data.kind": ["data.kind=ordinal"],
    "data.image_size": ["data.image_size=8"],
    "data.channels": ["data.channels=1"],
    "data.group": ["data.group=clinic"],
    "data.time": ["data.time=day"],
    "data.cache": ["data.cache=memory"],
    "data.shuffle_labels": ["data.shuffle_labels=true"],
    "data.fingerprint": ["data.fingerprint=0000"],
    "split.kind": ["split.kind=shuffled"],
    "split.val": ["split.val=0.3"],
    "split.test": ["split.test=0.4"],
    "split.calibration": ["split.calibration=0.2"],
    "split.seed": ["split.seed=5"],
    "split.gap": ["split.gap=1.0"],
    "split.fold.number": ["split.fold={number: 2, of: 3}"],
    "preprocess": ["preprocess={name: none}"],
    "augment": ["augment=[{name: flip}]"],
    "model": ["model={name: mlp, hidden: [5]}"],
    "initialise": ["initialise={name: orthogonal}"],
    "method": ["method={name: supervised, label_smoothing: 0.3}"],
    "metrics": ["metrics=[f1]"],
    "training.select_by": ["training.select_by=log-loss"],
    "optimizer.name": ["optimizer={name: sgd}"],
    "optimizer.learning_rate": ["optimizer={name: adamw, learning_rate: 0.1}"],
    "optimizer.l1": ["optimizer={name: adamw, l1: 0.5}"],
    "optimizer.groups.match": [
        "optimizer={name: adamw, groups: [{match: 'linear1.weight', weight_decay: 0.9}]}"
    ],
    "optimizer.groups.learning_rate": [
        "optimizer={name: adamw, groups: [{match: '*', learning_rate: 0.5}]}"
    ],
    "optimizer.groups.learning_rate_scale": [
        "optimizer={name: adamw, groups: [{match: '*', learning_rate_scale: 7.0}]}"
    ],
    "schedule": ["schedule={name: constant}"],
    "training.epochs": ["training.epochs=3"],
    "training.batch_size": ["training.batch_size=8"],
    "training.micro_batch_size": ["training.micro_batch_size=1"],
    "training.precision": ["training.precision=bf16"],
    "training.clip_norm": ["training.clip_norm=0.001"],
    "training.clip_value": ["training.clip_value=0.001"],
    "training.gradient_noise.eta": ["training.gradient_noise={eta: 0.1}"],
    "training.gradient_noise.gamma": ["training.gradient_noise={gamma: 2.0}"],
    "training.restarts": ["training.restarts=2"],
    "training.ema_decay": ["training.ema_decay=0.5"],
    "training.swa_start": ["training.swa_start=0.2"],
    "training.early_stopping.trigger": ["training.early_stopping.trigger=steady-decrease"],
    "training.early_stopping.epochs": ["training.early_stopping.epochs=3"],
    "training.early_stopping.least": ["training.early_stopping.least=0.0"],
    "training.validate_every": ["training.validate_every=2"],
    "training.record_every": ["training.record_every=2"],
    "training.snapshot_every": ["training.snapshot_every=0"],
    "training.snapshot_steps": ["training.snapshot_steps=1"],
    "training.snapshots_kept": ["training.snapshots_kept=1"],
    "training.snapshot_budget": ["training.snapshot_budget=1 B"],
    "ensemble.kind": ["ensemble.kind=snapshots"],
    "ensemble.members": ["ensemble.members=2"],
    "seed": ["seed=3"],
    "device": ["device=no-such-device"],
}
ELSEWHERE = {
    "tensorboard.histogram_every": "changes no bit of the record: tests/workflow/test_tracking.py",
    "tensorboard.bins": "changes no bit of the record: tests/workflow/test_tracking.py",
    "costs": "changes what is judged, not what is learned: "
    "tests/workflow/test_workflow_calibration.py",
    "split.fold.of": "goes with the number: tests/data/test_folds.py",
    "split.fold.repeat": "goes with the number: tests/data/test_folds.py",
    "training.distribution": "of several processes: tests/workflow/test_several_processes.py",
    "training.sync_batch_norm": "of several processes: tests/workflow/test_several_processes.py",
    "training.process_timeout": "of several processes: tests/workflow/test_several_processes.py",
    "data.skip_bad": "needs a damaged table: test_bad_rows below",
    "training.restore_best": "needs a run that gets worse: the tests of the loop make one",
    "training.compile": "changes speed alone, by contract: tests/train/test_compiled.py holds it",
    "training.workers": "changes speed alone, by contract: the tests of streams hold it",
    "explain": "changes nothing but the pictures: tests/workflow/test_explaining_shown.py",
    "doctor": "changes no bit of a run, by contract: the tests of the doctor hold it",
}


def fields(model: type[BaseModel], lead: str = "") -> list[str]:
    """Dotted paths of every leaf field."""
    found: list[str] = []
    for name, field in model.model_fields.items():
        parts = [
            part
            for part in (field.annotation, *get_args(field.annotation))
            if isinstance(part, type) and issubclass(part, BaseModel) and part.model_fields
        ]
        named = [part for part in parts if part.__name__ == "Named"]
        if parts and not named:
            found += fields(parts[0], f"{lead}{name}.")
        else:
            found.append(f"{lead}{name}")
    return found


def carried_out(folder: Path, changes: list[str], *, table: str = TABLE) -> Any:
    """The weights and what was recorded, less the clock and the recipe itself."""
    from netwright.workflow.fit import fit

    folder.mkdir()
    (folder / "clinics.csv").write_text(table)
    run = attempt(
        fit, folder / "clinics.csv", changes=[*BASE, *changes], root=folder / "runs", device="cpu"
    )
    if isinstance(run, NetwrightError):
        return run
    events = [
        {name: value for name, value in event.items() if name != "clock"}
        for event in history(run.folder.path)
    ]
    kept = sorted(path.name for path in (run.folder.path / "snapshots").glob("*"))
    return dict(run.method.state_dict()), events, kept


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return carried_out(tmp_path_factory.mktemp("before") / "run", [])


def test_the_run_repeats_itself(before, tmp_path):
    assert not isinstance(before, NetwrightError), str(before)
    assert same(before, carried_out(tmp_path / "again", []))


@pytest.mark.parametrize("field", [field for field in CHANGES if "early_stopping." not in field])
def test_a_changed_field_changes_the_run_or_is_refused(field, before, tmp_path):
    after = carried_out(tmp_path / "run", CHANGES[field])
    assert not same(before, after), f"{field} is accepted and ignored"


@pytest.mark.parametrize("field", [field for field in CHANGES if "early_stopping." in field])
def test_a_changed_trigger_changes_when_a_run_stops(field, tmp_path):
    stopped = carried_out(tmp_path / "stopped", STOPS_EARLY)
    after = carried_out(tmp_path / "run", [*STOPS_EARLY, *CHANGES[field]])
    assert not same(stopped, after), f"{field} is accepted and ignored"


def test_bad_rows(tmp_path):
    refused = carried_out(tmp_path / "kept", [], table=DAMAGED)
    taken = carried_out(tmp_path / "left-out", ["data.skip_bad=true"], table=DAMAGED)
    assert isinstance(refused, NetwrightError)
    assert not isinstance(taken, NetwrightError)


def test_every_field_is_asked_about():
    assert sorted(fields(Recipe)) == sorted({**CHANGES, **ELSEWHERE})
