"""Event files, read back by TensorBoard: of runs, resumed runs and finished ones."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn

from netwright._errors import BadValue, MissingExtra
from netwright.probes.histogram import histogram
from netwright.runs.events import Recorder, events
from netwright.runs.store import RunFolder
from netwright.runs.trackers.tensorboard import EventFiles, Mirror
from netwright.workflow.fit import fit, resume
from netwright.workflow.tracking import export_tensorboard
from workflow_kit import blobs, log_without_clock

TRACKED = ["tensorboard.histogram_every=3", "tensorboard.bins=5"]
SETTINGS = [
    "training.epochs=2", "training.batch_size=8", "training.record_every=1",
    "training.snapshot_steps=2", "split.val=0.2", "split.test=0.2", "device=cpu",
]  # fmt: skip


def network(*, fails_at=None):
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), Fuse(fails_at),
        nn.Linear(8, 3),
    )  # fmt: skip


class Fuse(nn.Module):
    """Breaks the run off at its n-th training pass."""

    def __init__(self, at):
        super().__init__()
        self.left = at

    def forward(self, x):
        if self.training and self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise RuntimeError("blown")
        return x


def trained(root, *changes, model=None, name="run"):
    return fit(
        blobs(), model=model or network(), changes=[*SETTINGS, *changes], root=root, name=name
    )


def seen(folder):
    found = EventAccumulator(str(folder), size_guidance={"scalars": 0, "histograms": 0})
    found.Reload()
    return found


def curve(found, name):
    return [(one.step, one.value) for one in found.Scalars(name)]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def tracked(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("tracked"), *TRACKED)


def test_no_bit_of_the_run_is_changed(plain, tracked):
    before, after = plain.method.state_dict(), tracked.method.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert log_without_clock(plain) == log_without_clock(tracked)
    assert plain.recipe.tensorboard is None
    assert not (plain.folder.path / "tensorboard").exists()


def test_curves_are_those_of_the_record(tracked):
    found = seen(tracked.folder.path / "tensorboard")
    steps = events(tracked.folder.path, "step")
    assert curve(found, "step/loss") == [(one["step"], pytest.approx(one["loss"])) for one in steps]
    assert curve(found, "learning rate/main") == [
        (one["step"], pytest.approx(one["learning_rate"]["main"])) for one in steps
    ]
    epochs = events(tracked.folder.path, "epoch")
    assert curve(found, "epoch/loss") == [
        (one["step"], pytest.approx(one["loss"])) for one in epochs
    ]
    judged = events(tracked.folder.path, "validation")
    assert curve(found, "val/accuracy") == [
        (one["step"], pytest.approx(one["metrics"]["accuracy"])) for one in judged
    ]


def test_histograms_come_on_schedule_and_are_those_of_the_step(tracked):
    found = seen(tracked.folder.path / "tensorboard")
    steps = len(events(tracked.folder.path, "step"))
    for kind in ("weights", "gradients"):
        drawn = found.Histograms(f"{kind}/model.0.weight")
        assert [one.step for one in drawn] == list(range(0, steps, 3))
        assert {one.histogram_value.num for one in drawn} == {32}
    drawn = found.Histograms("activations/model.2")
    assert [one.step for one in drawn] == list(range(0, steps, 3))
    # of a batch that trains, 7 or 8 examples, not of a validation
    assert {one.histogram_value.num for one in drawn} <= {7 * 8, 8 * 8}
    first = drawn[0].histogram_value
    assert first.min == 0
    assert first.bucket_limit[0] == 0
    assert len(first.bucket_limit) == 6
    assert sum(first.bucket) == first.num
    assert [step for step, _ in curve(found, "dead units/model.2")] == list(range(0, steps, 3))


def test_gradients_are_those_whose_norm_was_recorded(tracked):
    found = seen(tracked.folder.path / "tensorboard")
    names = [name for name in found.Tags()["histograms"] if name.startswith("gradients/")]
    assert len(names) == 6
    for event in events(tracked.folder.path, "step")[::3]:
        of_step = [
            one.histogram_value.sum_squares
            for name in names
            for one in found.Histograms(name)
            if one.step == event["step"]
        ]
        assert sum(of_step) ** 0.5 == pytest.approx(event["gradient_norm"], rel=1e-5)


def test_a_histogram_is_told_whole(tmp_path):
    values = torch.tensor([-3.0, 0.0, 0.5, 1.0, 1.5, 9.0])
    with EventFiles(tmp_path) as files:
        files.histogram("h", histogram(values, bins=[0.0, 1.0, 2.0]).to_json(), step=7)
        files.histogram("none", histogram(torch.tensor([float("nan")])).to_json(), step=7)
    found = seen(tmp_path)
    assert found.Tags()["histograms"] == ["h"]
    (one,) = found.Histograms("h")
    told = one.histogram_value
    assert one.step == 7
    assert (told.min, told.max, told.num) == (-3, 9, 6)
    assert told.sum == pytest.approx(9)
    assert told.sum_squares == pytest.approx(values.square().sum().item())
    assert list(told.bucket_limit) == [0, 1, 2, 9]
    assert list(told.bucket) == [1, 2, 2, 1]


def test_a_run_that_broke_off_and_goes_on_shows_each_step_once(plain, tmp_path):
    with pytest.raises(RuntimeError, match="blown"):
        trained(tmp_path, *TRACKED, model=network(fails_at=7))
    place = tmp_path / "run"
    assert not (place / "model.safetensors").exists()
    again = resume("run", data=blobs(), model=network(), root=tmp_path)
    assert max(event["attempt"] for event in events(place)) == 2
    before, after = plain.method.state_dict(), again.method.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    found = seen(place / "tensorboard")
    expected = [(one["step"], pytest.approx(one["loss"])) for one in events(place, "step")]
    assert curve(found, "step/loss") == expected
    assert [step for step, _ in expected] == list(range(len(expected)))
    drawn = [one.step for one in found.Histograms("weights/model.0.weight")]
    assert drawn == list(range(0, len(expected), 3))


def test_a_step_that_is_gone_back_over_is_shown_as_it_was_done_last(tmp_path):
    run, shown = tmp_path / "run", tmp_path / "shown"
    run.mkdir()
    with Recorder(run, attempt=1) as recorder, EventFiles(shown) as files:
        mirror = Mirror(run, files)
        recorder.begin(step=0)
        for attempt, steps in enumerate([range(4), range(2, 5)], start=1):
            if attempt > 1:
                recorder.begin(step=2)
            for step in steps:
                recorder.record("epoch", step=step, loss=10.0 * attempt + step, skipped_updates=0)
            mirror.follow()
    assert curve(seen(shown), "epoch/loss") == [(0, 10), (1, 11), (2, 22), (3, 23), (4, 24)]


def test_a_finished_run_is_written_afterwards(plain, tmp_path):
    place = export_tensorboard(plain.folder, into=tmp_path / "shown")
    found = seen(place)
    steps = events(plain.folder.path, "step")
    assert curve(found, "step/loss") == [(one["step"], pytest.approx(one["loss"])) for one in steps]
    last = steps[-1]["step"]
    assert curve(found, "judged/test accuracy") == [
        (last, pytest.approx(plain.metrics["accuracy"]))
    ]
    (drawn,) = found.Histograms("weights/model.0.weight")
    weight = plain.model[0].weight.detach()
    assert drawn.step == last
    assert drawn.histogram_value.max == pytest.approx(weight.max().item())
    with pytest.raises(BadValue, match=r"without event files.*tensorboard --logdir"):
        export_tensorboard(plain.folder, into=place)


def test_it_is_written_into_the_run_without_another_place(plain):
    place = export_tensorboard(plain.folder.name, root=plain.folder.path.parent)
    assert place == plain.folder.path / "tensorboard"
    found = seen(place)
    for path in place.iterdir():
        path.unlink()
    place.rmdir()
    assert found.Tags()["scalars"]


def test_without_the_package_the_extra_is_named_and_nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(MissingExtra, match=r"netwright\[tensorboard\]"):
        trained(tmp_path, "tensorboard=true")
    assert list(tmp_path.iterdir()) == []


def test_pieces_of_parameters_are_not_counted(tmp_path):
    with pytest.raises(BadValue, match="histogram_every must be 0 with fsdp"):
        trained(tmp_path, "tensorboard=true", "training.distribution=fsdp")


def test_the_recipe_says_it_by_one_word():
    from netwright.runs.recipe import Recipe

    recipe = Recipe.parse({"data": {"name": "digits"}, "tensorboard": True})
    assert (recipe.tensorboard.histogram_every, recipe.tensorboard.bins) == (100, 64)
    assert Recipe.parse({"data": {"name": "digits"}, "tensorboard": False}).tensorboard is None


def test_the_command_says_where_to_look(plain, tmp_path, capsys, monkeypatch):
    from netwright.cli import main

    place = tmp_path / "shown"
    words = ["netwright", "tensorboard", str(plain.folder.path), "-o", str(place)]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit, match="0"):
        main()
    assert f"tensorboard --logdir {place}" in capsys.readouterr().out
    assert RunFolder.open(plain.folder.path)
    assert list(Path(place).glob("events.out.tfevents.*"))
