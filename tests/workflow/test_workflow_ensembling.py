"""Ensembles as runs: trained, killed, taken up, loaded, put together."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import netwright as nw
from netwright._errors import BadData, BadValue, DamagedRun
from netwright.methods.ensemble import Ensemble
from netwright.report.page import render
from netwright.runs.clean import clean
from netwright.runs.events import events
from netwright.runs.members import member_figures
from netwright.train.loop import Loop
from netwright.workflow.described import subject
from own_answers import Finder, objects_loader
from workflow_kit import TINY, blobs, pictures, table

THREE = [*TINY, "ensemble.members=3"]


def test_members_are_the_runs_of_the_next_seeds(tmp_path):
    data = blobs(90)
    together = nw.fit(data, changes=THREE, seed=4, root=tmp_path)
    each = [nw.fit(data, changes=TINY, seed=seed, root=tmp_path) for seed in (4, 5, 6)]
    raw = torch.from_numpy(data[0])
    expected = torch.stack([run.predict(raw).probabilities for run in each]).mean(0)
    torch.testing.assert_close(together.predict(raw).probabilities, expected)
    alone = [run.metrics["accuracy"] for run in each]
    found = member_figures(together.folder, "test")
    assert [one.value for one in found] == pytest.approx(alone)
    assert [one.name for one in found] == ["members/1", "members/2", "members/3"]


def test_it_is_loaded_without_its_members(tmp_path):
    data = blobs(60)
    made = nw.fit(data, changes=THREE, root=tmp_path)
    raw = torch.from_numpy(data[0])
    made.folder.path.joinpath("members").rename(tmp_path / "elsewhere")
    loaded = nw.load(made.folder.path)
    assert isinstance(loaded.model, Ensemble)
    assert torch.equal(loaded.predict(raw).probabilities, made.predict(raw).probabilities)
    assert loaded.metrics == made.metrics


def test_a_given_module_stays_as_it_was(tmp_path):
    data, module = blobs(60), nn.Linear(4, 3)
    before = copy.deepcopy(module.state_dict())
    made = nw.fit(data, model=module, changes=[*TINY[1:], "ensemble.members=2"], root=tmp_path)
    assert all(torch.equal(module.state_dict()[name], before[name]) for name in before)
    again = nw.load(made.folder.path, model=nn.Linear(4, 3))
    raw = torch.from_numpy(data[0])
    assert torch.equal(again.predict(raw).probabilities, made.predict(raw).probabilities)


@pytest.mark.parametrize("kind", ["independent", "snapshots"])
def test_killed_and_taken_up_is_uninterrupted(kind, tmp_path, monkeypatch):
    data = blobs(90)
    changes = [*TINY, "training.epochs=6", f"ensemble={{kind: {kind}, members: 3}}"]
    whole = nw.fit(data, changes=changes, root=tmp_path / "whole", name="r")

    class Killed(BaseException):
        pass

    step, seen = Loop._step, []

    def stepping(loop):
        step(loop)
        seen.append(1)
        if len(seen) == 14:  # in the third epoch; of independent ones in the first member's
            raise Killed

    monkeypatch.setattr(Loop, "_step", stepping)
    with pytest.raises(Killed):
        nw.fit(data, changes=changes, root=tmp_path / "cut", name="r")
    monkeypatch.setattr(Loop, "_step", step)
    again = nw.resume("r", data=data, root=tmp_path / "cut")
    one, other = whole.method.state_dict(), again.method.state_dict()
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert whole.metrics == again.metrics
    with pytest.raises(DamagedRun, match="run must be unfinished"):
        nw.resume("r", data=data, root=tmp_path / "cut")


def test_snapshots_are_the_weights_at_the_ends_of_equal_parts(tmp_path, monkeypatch):
    held, step = {}, Loop._step

    def stepping(loop):
        step(loop)
        if loop.counters.step in (5, 10, 15):
            held[loop.counters.step] = copy.deepcopy(loop.method.model.state_dict())

    monkeypatch.setattr(Loop, "_step", stepping)
    run = nw.fit(
        blobs(60),
        changes=[*TINY, "training.epochs=5", "ensemble={kind: snapshots, members: 3}"],
        root=tmp_path,
    )
    members = [member.method.model.state_dict() for member in run.method.members]
    assert len(held) == len(members) == 3
    for expected, found in zip(held.values(), members, strict=True):
        assert all(torch.equal(expected[name], found[name]) for name in expected)
    assert not (run.folder.path / "cycles").exists()
    again = nw.load(run.folder.path)
    assert all(
        torch.equal(value, again.method.state_dict()[name])
        for name, value in run.method.state_dict().items()
    )


def test_a_run_that_stops_early_answers_with_its_last_weights_too(tmp_path):
    stop = "training.early_stopping={trigger: average-change, epochs: 1, least: 0.9}"
    run = nw.fit(
        blobs(60),
        changes=[*TINY, "training.epochs=30", stop, "ensemble={kind: snapshots, members: 2}"],
        root=tmp_path,
    )
    assert len(run.method.members) == 1


def test_runs_of_different_models_are_put_together(tmp_path):
    folder = pictures(tmp_path / "shades")
    runs = [
        nw.fit(folder, epochs=1, root=tmp_path / "runs", changes=["preprocess={name: none}"]),
        nw.fit(folder, epochs=1, model="mlp", root=tmp_path / "runs"),
    ]
    made = nw.ensemble(runs, root=tmp_path / "runs")
    assert made.name == "shades-ensemble-1"
    raw = torch.randint(0, 256, (4, 1, 8, 8), dtype=torch.uint8)
    expected = torch.stack([run.predict(raw).probabilities for run in runs]).mean(0)
    loaded = nw.load(made.folder.path)
    torch.testing.assert_close(loaded.predict(raw).probabilities, expected)
    answers = nw.predict(loaded, folder)
    assert len(answers) == 24
    assert sum(answers[0].probabilities.values()) == pytest.approx(1)


def test_a_table_is_answered_for(tmp_path):
    file = table(tmp_path / "pets.csv")
    made = nw.fit(file, changes=THREE, root=tmp_path / "runs")
    loaded = nw.load(made.folder.path)
    assert nw.predict(loaded, file)[0].probabilities.keys() == {"cat", "dog"}


def test_runs_of_other_splits_are_refused(tmp_path):
    data = blobs(60)
    runs = [nw.fit(data, changes=[*TINY, f"split.seed={s}"], root=tmp_path) for s in (1, 2)]
    with pytest.raises(BadData, match=r"runs must be of the same data and splits.*differ in split"):
        nw.ensemble(runs, data=data, root=tmp_path)
    with pytest.raises(BadValue, match="runs must be at least 2"):
        nw.ensemble(runs[:1], data=data, root=tmp_path)


def test_what_was_put_together_can_t_be_trained(tmp_path):
    with pytest.raises(BadValue, match=r"ensemble\.kind must be independent or snapshots"):
        nw.fit(blobs(60), changes=[*TINY, "ensemble.kind=given"], root=tmp_path)
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_of_a_false_start(tmp_path):
    with pytest.raises(BadValue):
        nw.fit(blobs(60), changes=[*THREE, "optimizer={name: sgd, unknown: 3}"], root=tmp_path)
    assert not list(tmp_path.glob("*"))


def test_snapshots_of_members_are_cleaned_with_their_ensemble(tmp_path):
    made = nw.fit(blobs(60), changes=THREE, root=tmp_path)
    (said,) = clean([made.folder])
    assert said.files >= 3
    assert not list(made.folder.path.rglob("*.snapshot"))
    assert nw.load(made.folder.path).metrics


def test_the_record_ends(tmp_path):
    made = nw.fit(blobs(60), changes=THREE, root=tmp_path)
    (ended,) = events(made.folder.path, "ended")
    assert ended["reason"] == "finished"
    page = render(made.folder)
    assert "Members of the ensemble" in page
    assert "members/3" in page
    assert "3 trained networks answer together." in page


def test_numbers_are_averaged(tmp_path):
    x, _ = blobs(90)
    y = x.sum(1) * 10 + 5
    made = nw.fit((x, y), changes=THREE, root=tmp_path)
    each = [nw.load(made.folder.path / "members" / str(n)) for n in (1, 2, 3)]
    raw = torch.from_numpy(x)
    expected = torch.stack([run.predict(raw).outputs for run in each]).mean(0)
    torch.testing.assert_close(made.predict(raw).outputs, expected)
    spread = made.folder.read_json("members.json")["ambiguity"]["test"]
    assert spread["error"] == pytest.approx(spread["members"] - spread["ambiguity"])
    assert spread["error"] == pytest.approx(made.metrics["root_mean_squared_error"] ** 2, rel=1e-4)


@pytest.mark.parametrize("unit", ["binary-hinge", "quantiles"])
def test_members_that_give_no_law(unit, tmp_path):
    x, _ = blobs(60)
    target = (x[:, 0] > 0).astype("int64") if unit == "binary-hinge" else x.sum(1) * 10 + 5
    changes = [*TINY, "ensemble.members=2", f"method.unit={unit}"]
    made = nw.fit((x, target), changes=changes, root=tmp_path)
    assert set(made.metrics) >= ({"roc_auc"} if unit == "binary-hinge" else {"pinball"})
    assert not made.folder.read_json("members.json")["ambiguity"]


@pytest.mark.parametrize("kind", ["independent", "snapshots"])
def test_one_of_several_is_described(kind, tmp_path):
    part = f"ensemble={{kind: {kind}, members: 2}}"
    made = nw.fit(blobs(60), changes=[*TINY, part], root=tmp_path)
    with pytest.raises(BadValue, match="run must be of one network to be described") as caught:
        subject(str(made.folder.path))
    if kind == "independent":
        named = str(caught.value).rpartition(" ")[2]
        assert isinstance(subject(named).model, nn.Module)


def test_lists_have_no_mean(tmp_path):
    loaders = {split: objects_loader() for split in ("train", "test")}
    with pytest.raises(BadValue, match="members must be methods whose answers are tensors"):
        nw.fit(loaders, method=Finder(), changes=["ensemble.members=2"], epochs=1, root=tmp_path)
