"""Runs that learn from runs: taught, killed, taken up, loaded, refused."""

from __future__ import annotations

import copy
import shutil
from functools import partial

import numpy as np
import pytest
import torch

import netwright as nw
from netwright._errors import BadType, BadValue
from netwright.data.batch import Batch
from netwright.train.loop import Loop
from workflow_kit import TINY, blobs, pictures, weights

DATA = blobs(60)


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    return nw.fit(DATA, changes=TINY, seed=1, root=tmp_path_factory.mktemp("runs"), doctor=False)


def killed_in_step(number, monkeypatch, *, run):
    """Have `run` die as a process does, after so many steps."""
    step, seen = Loop._step, []

    class Killed(BaseException):
        pass

    def stepping(loop):
        step(loop)
        seen.append(1)
        if len(seen) == number:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Loop, "_step", stepping)
        with pytest.raises(Killed):
            run()


def test_a_pupil_is_loaded_without_its_teachers(taught, tmp_path):
    copied = shutil.copytree(taught.folder.path, tmp_path / "teacher")
    run = nw.fit(DATA, changes=TINY, teachers=[copied], root=tmp_path)
    assert run.recipe.method.name == "distillation"
    assert run.recipe.method.options["teachers"] == [str(copied)]
    plain = nw.fit(DATA, changes=TINY, root=tmp_path)
    assert weights(run) != weights(plain)
    shutil.rmtree(copied)
    again = nw.load(run.folder.path)
    raw = torch.from_numpy(DATA[0])
    assert torch.equal(again.predict(raw).probabilities, run.predict(raw).probabilities)
    assert set(again.method.state_dict()) == set(plain.method.state_dict())


def test_members_of_an_ensemble_are_teachers_each(taught, tmp_path):
    several = nw.fit(DATA, changes=[*TINY, "ensemble.members=2"], root=tmp_path)
    run = nw.fit(DATA, changes=TINY, teachers=[taught, several], root=tmp_path)
    assert len(run.method.teachers) == 3


def test_a_killed_pupil_finds_its_teachers_again(taught, tmp_path, monkeypatch):
    changes = [*TINY, "training.epochs=3", "training.snapshot_every=1"]
    whole = nw.fit(DATA, changes=changes, teachers=[taught], root=tmp_path, name="whole")
    again = lambda: nw.fit(DATA, changes=changes, teachers=[taught], root=tmp_path, name="killed")  # noqa: E731
    killed_in_step(5, monkeypatch, run=again)
    assert weights(nw.resume(tmp_path / "killed", data=DATA)) == weights(whole)


HINTED = [
    *TINY,
    "training.epochs=3",
    "training.snapshot_every=1",
    "method.hints={activation1: activation1}",
]


def test_a_killed_pupil_with_hints_goes_on_with_its_projections(taught, tmp_path, monkeypatch):
    learn = partial(nw.fit, DATA, changes=HINTED, teachers=[taught], root=tmp_path)
    whole = learn(name="whole")
    plain = [change for change in HINTED if "hints" not in change]
    assert weights(whole) != weights(nw.fit(DATA, changes=plain, teachers=[taught], root=tmp_path))
    killed_in_step(5, monkeypatch, run=lambda: learn(name="killed"))
    assert weights(nw.resume(tmp_path / "killed", data=DATA)) == weights(whole)
    again, raw = nw.load(whole.folder.path), torch.from_numpy(DATA[0])
    assert torch.equal(again.predict(raw).probabilities, whole.predict(raw).probabilities)
    assert not again.method.stateful


def test_a_copy_of_a_pupil_with_hints_hears_its_own_layers(taught, tmp_path):
    made = nw.fit(DATA, changes=HINTED, teachers=[taught], root=tmp_path).method
    other, given = copy.deepcopy(made), torch.from_numpy(DATA[0])
    batch = Batch(given, torch.from_numpy(DATA[1]), torch.arange(len(given)))
    torch.testing.assert_close(other.loss(batch).total, made.loss(batch).total)


def test_another_preprocessing_is_taken_back_where_that_is_exact(tmp_path):
    folder = pictures(tmp_path / "photos")
    named = lambda kind: [*TINY, f"preprocess={{name: {kind}}}", "augment=[]"]  # noqa: E731
    first = nw.fit(folder, changes=named("channel-mean-std"), root=tmp_path)
    run = nw.fit(folder, changes=named("none"), teachers=[first], root=tmp_path)
    raw = torch.randint(0, 256, (5, 1, 8, 8), dtype=torch.uint8)
    law = run.method.teachers[0].law(run.preprocess(raw))
    torch.testing.assert_close(law, first.predict(raw).probabilities, rtol=1e-4, atol=1e-5)


def test_columns_scaled_otherwise_are_refused(taught, tmp_path):
    x, y = DATA
    with pytest.raises(BadValue, match="teachers must be preprocessed as the pupil is"):
        nw.fit((x * 3 + 1, y), changes=TINY, teachers=[taught], root=tmp_path)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (blobs(60, classes=4), "teachers must be taught the same classes as the data have"),
        (blobs(60, features=5), r"teachers must be taught inputs of the pupil's shape \(5,\)"),
        ((DATA[0], DATA[0][:, 0].astype(np.float32)), "teachers must be taught real"),
    ],
)
def test_other_things_to_learn_are_refused(taught, tmp_path, data, said):
    with pytest.raises(BadValue, match=said):
        nw.fit(data, changes=TINY, teachers=[taught], root=tmp_path)
    assert not list(tmp_path.iterdir())


def test_no_teachers_and_no_runs_are_refused(tmp_path):
    with pytest.raises(BadValue, match=r"method.teachers must be at least one trained run"):
        nw.fit(DATA, method="distillation", changes=TINY, root=tmp_path)
    with pytest.raises(BadValue, match=r"method.teachers must be a list of finished runs"):
        nw.fit(DATA, method="distillation", changes=[*TINY, "method.teachers=[]"], root=tmp_path)
    with pytest.raises(BadType, match="teachers must be runs, or paths of runs"):
        nw.fit(DATA, changes=TINY, teachers=[3], root=tmp_path)
