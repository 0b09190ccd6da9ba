"""A search from end to end: what is trained, judged, written, and gone on with."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner

from netwright._errors import BadValue, DamagedRun, NonFinite
from netwright.cli.main import app
from netwright.runs.recipe import Recipe
from netwright.tune.trials import Outcome
from netwright.workflow.fit import run_recipe
from netwright.workflow.searching import finalists, trial
from netwright.workflow.searching import search as searching
from netwright.workflow.searching.search import go_on, search

MUTANTS = {"name": "evolution", "population": 2, "tournament": 2}
CHANGES = ["training.batch_size=16", "doctor=false", "explain=false", "split.val=0.3"]


def pictures_of(count=48):
    """The bright half says which class it is."""
    draw = torch.Generator().manual_seed(0)
    x, y = torch.rand(count, 1, 6, 6, generator=draw), torch.arange(count) % 2
    x[y == 1, :, :3] += 0.5
    return x, y


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(
        "netwright.report.write_report", lambda folder: folder.write_text("report.html", "")
    )


def searched(root, **keyword):
    usual = {"budget": 4, "seeds": 2, "epochs": 1, "nodes": 3, "changes": CHANGES}
    quiet = Console(file=io.StringIO())
    return search(pictures_of(), root=root, console=quiet, **{**usual, **keyword})


def plain(found):
    """Without what a clock says."""
    content = found.to_json()
    del content["path"]
    for one in content["found"].values():
        del one["seconds"]
    return content


def test_what_a_search_leaves(tmp_path):
    found = searched(tmp_path, by=MUTANTS)
    folder = found.path
    assert folder.name == "arrays-search-1"
    rows = list(csv.DictReader((folder / "trials.csv").read_text(encoding="utf-8").splitlines()))
    for name, one in found.found.items():
        trained = [row for row in rows if row["search"] == name and not row["repeats"]]
        assert len(trained) == one.trained == 4
        assert max(float(row["validation"]) for row in trained) == one.validation
        assert len(one.judged) == len(one.runs) == 2
        for run, figure in zip(one.runs, one.judged, strict=True):
            record = json.loads((folder / run / "evaluation" / "test.json").read_text())
            assert record["metrics"]["accuracy"]["value"] == figure
    best = Recipe.read(folder / "best.yaml")
    assert best.model.options["cell"] == found.best.cell
    assert json.loads((folder / "summary.json").read_text())["metric"] == "accuracy"
    seeds = [Recipe.read(folder / run / "recipe.yaml").seed for run in found.best.runs]
    assert seeds == [1, 2]
    assert not (folder / "events.jsonl").exists()  # it is no run


def test_the_winners_recipe_trains(tmp_path):
    found = searched(tmp_path, by="random", budget=2, seeds=1)
    recipe = Recipe.read(found.path / "best.yaml").with_fields({"seed": 1})
    run = run_recipe(recipe, data=pictures_of(), root=tmp_path, console=Console(file=io.StringIO()))
    assert run.metrics["accuracy"] == found.best.judged[0]  # seed 1 was its first judge
    assert list(found.found) == ["random"]


def test_no_trial_looks_at_the_test_split(tmp_path, monkeypatch):
    """What a trial is told is the same whatever the test split holds."""
    x, y = pictures_of()
    seen = []

    def trained(session, cell):
        outcome = trial.train_trial(session, cell)
        test = session.prepared.splits["test"]
        session.prepared.data.target.values[test] = 1 - session.prepared.data.target.values[test]
        seen.append((outcome.score, trial.train_trial(session, cell).score))
        return outcome

    monkeypatch.setattr(searching, "train_trial", trained)
    search((x, y), budget=2, seeds=1, alone=True, epochs=1, changes=CHANGES, root=tmp_path,
           console=Console(file=io.StringIO()))  # fmt: skip
    assert len(seen) == 2
    assert all(one == two for one, two in seen)


def test_random_search_does_not_train_again_what_is_known(tmp_path, monkeypatch):
    cells = []

    def trained(session, cell):
        cells.append(cell)
        return trial.train_trial(session, cell)

    monkeypatch.setattr(searching, "train_trial", trained)
    found = searched(tmp_path, by={"name": "evolution", "population": 4}, seeds=1)
    assert len(cells) == 4  # evolution's first members are random search's first draws
    assert found.found["random"].trained == 4
    assert any("same cell" in note for note in found.notes)


class Killed(BaseException):
    """As a signal has it."""


def test_a_killed_search_ends_as_if_it_had_not_been(tmp_path, monkeypatch):
    whole = searched(tmp_path / "whole", by=MUTANTS, seeds=1)
    calls = 0

    def dying(session, cell):
        nonlocal calls
        calls += 1
        if calls in (3, 5):
            raise Killed
        return trial.train_trial(session, cell)

    monkeypatch.setattr(searching, "train_trial", dying)
    with pytest.raises(Killed):
        searched(tmp_path / "killed", by=MUTANTS, seeds=1, name="one")
    quiet = Console(file=io.StringIO())
    while True:
        try:
            found = go_on(tmp_path / "killed" / "one", data=pictures_of(), console=quiet)
        except Killed:
            continue
        break
    assert plain(found) == plain(whole)
    assert plain(go_on(found.path, data=pictures_of(), console=quiet)) == plain(whole)


def test_a_trial_that_breaks_is_told_and_kept(tmp_path, monkeypatch):
    real = trial.Loop.run
    calls = 0

    def breaking(loop):
        nonlocal calls
        calls += 1
        if calls == 2:
            raise NonFinite("loss must be finite, got loss=nan.")
        return real(loop)

    monkeypatch.setattr(trial.Loop, "run", breaking)
    found = searched(tmp_path, by="random", seeds=1)
    assert (found.best.trained, found.best.broken) == (4, 1)
    assert "loss must be finite" in (found.path / "trials.csv").read_text()


def test_where_all_break_it_says_so(tmp_path, monkeypatch):
    def breaking(loop):
        raise NonFinite("loss must be finite, got loss=nan.")

    monkeypatch.setattr(trial.Loop, "run", breaking)
    with pytest.raises(BadValue, match="all broke"):
        searched(tmp_path, by="random")


@pytest.mark.parametrize(
    ("keyword", "words"),
    [
        ({"by": "evolve"}, "evolution"),
        ({"by": {"name": "evolution", "size": 3}}, "size"),
        ({"budget": 0}, "budget"),
        ({"seeds": 0}, "seeds"),
        ({"nodes": 1}, "nodes"),
        ({"operations": ["skip", "conv"]}, "conv-1x1"),
        ({"changes": ["model={name: mlp}"]}, "model must be cell-network"),
        ({"changes": ["model={name: cell-network, cell: [skip]}"]}, "model.cell must be left out"),
        ({"changes": ["split.val=0"]}, "split.val must be above 0"),
        ({"changes": ["ensemble={members: 3}"]}, "ensemble must be left out"),
        ({"changes": ["model={name: cell-network, widht: 3}"]}, "widht"),
    ],
)
def test_what_can_not_be_is_refused_before_anything_is_written(keyword, words, tmp_path):
    with pytest.raises(BadValue, match=words):
        searched(tmp_path / "runs", **keyword)
    assert not list(tmp_path.glob("runs/*"))


def test_rows_of_a_table_have_no_cells(tmp_path):
    with pytest.raises(BadValue, match="pictures"):
        search("iris", budget=1, root=tmp_path, console=Console(file=io.StringIO()))


def test_a_folder_that_is_none_is_refused(tmp_path):
    with pytest.raises(DamagedRun, match="folder of a search"):
        go_on(tmp_path)


def test_the_command_and_its_resume(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["search", "digits", "--by", "{name: evolution, population: 2, tournament: 1}"]
    words += ["--budget", "2", "--epochs", "1", "--seeds", "1", "--nodes", "3", "--alone"]
    words += ["--operations", "skip, conv-3x3", "--name", "mine", "--set", "model.width=2"]
    for change in CHANGES:
        words += ["--set", change]
    ran = CliRunner().invoke(app, [*words, "--set", "model.name=cell-network"])
    assert ran.exit_code == 0, ran.output
    assert "runs/mine/best.yaml" in ran.output
    assert "promises too much" in ran.output
    assert Recipe.read(tmp_path / "runs/mine/best.yaml").model.options["width"] == 2
    again = CliRunner().invoke(app, ["resume", "mine"])
    assert again.exit_code == 0, again.output
    assert again.output.splitlines()[-1] == ran.output.splitlines()[-1]


def test_an_interrupted_judge_is_no_judge(tmp_path, monkeypatch):
    """Training ends with what it has: such a figure would stand beside whole ones."""

    def interrupted(folder, recipe, **_):
        folder.path.mkdir()
        return SimpleNamespace(folder=folder, name="half", metrics={"accuracy": 0.5})

    monkeypatch.setattr(searching, "train_trial", lambda *_: Outcome(score=0.5, seconds=1.0))
    monkeypatch.setattr(finalists, "carried_on", interrupted)
    with pytest.raises(KeyboardInterrupt):
        searched(tmp_path, by="random", name="one")
    assert not (tmp_path / "one" / "summary.json").exists()


def test_of_an_error_less_is_better(tmp_path, monkeypatch):
    """A score is minus the error; what is said of it is the error, and a gain is less of it."""

    def judge(found, **_):
        figures = {"controller": (0.1, 0.12, 0.09), "random": (0.3, 0.31, 0.33)}
        return "test", {name: replace(one, judged=figures[name]) for name, one in found.items()}

    def scored(_, cell):
        return Outcome(score=-1.0 - cell.count("skip"), seconds=1.0)

    monkeypatch.setattr(searching, "train_trial", scored)
    monkeypatch.setattr(searching, "judged", judge)
    found = search(
        (pictures_of()[0], torch.rand(48)), by="controller", budget=3, changes=CHANGES,
        root=tmp_path, console=Console(file=io.StringIO()),
    )  # fmt: skip
    for name, one in found.found.items():
        assert one.validation == 1.0 + one.cell.count("skip")
        assert (tmp_path / found.path.name / name).is_dir()
    assert found.gain.value == pytest.approx((0.2 + 0.19 + 0.24) / 3)
    assert found.gain.low > 0
    assert any("a better cell" in note for note in found.notes)
