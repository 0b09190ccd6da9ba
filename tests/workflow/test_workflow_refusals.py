"""What can't be carried out is refused in one sentence and leaves nothing behind."""

from __future__ import annotations

import errno
import os
import subprocess

import pytest
from torch import nn

import netwright as nw
from netwright._errors import DamagedRun, NetwrightError
from netwright.runs.store import RunFolder
from netwright.train.snapshot import SnapshotFolder
from workflow_kit import TINY, blobs, table

WRONG = {
    "optimizer": (["optimizer.name=adamm"], "Did you mean adam"),
    "optimizer option": (["optimizer={name: sgd, momentun: 0.9}"], "momentum"),
    "schedule": (["schedule.name=one-cicle"], "one-cycle"),
    "schedule option": (["schedule={name: cosine, wormup: 3}"], "wormup"),
    "model": (["model.name=mlpp"], "mlp"),
    "model option": (["model={name: mlp, hiden: [3]}"], "hid"),
    "method": (["method.name=supervized"], "supervised"),
    "method option": (["method={name: supervised, label_smothing: 0.1}"], "label_smoothing"),
    "preprocessing": (["preprocess.name=standardize"], "standardise"),
    "augmentation of rows": (["augment=[{name: flip}]"], "flip|picture"),
    "device": (["device=cudda"], "device"),
    "precision": (["training.precision=bf32"], "precision"),
    "batch size": (["training.batch_size=0"], "batch_size"),
    "target kind": (["data.kind=clases"], "classes"),
    "method file": (["method.name=nowhere.py:Mine"], "existing Python file"),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("doctor", [True, False])
def test_a_wrong_wish_names_itself_and_leaves_no_folder(case, doctor, tmp_path):
    changes, said = WRONG[case]
    with pytest.raises(NetwrightError, match=said) as refusal:
        nw.fit("iris", doctor=doctor, changes=[*TINY, *changes])
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "runs").exists() or list((tmp_path / "runs").iterdir()) == []


@pytest.mark.parametrize("doctor", [True, False])
def test_a_model_of_another_width_is_refused(doctor, tmp_path):
    with pytest.raises(NetwrightError, match=r"gives 3 scores.*got 2"):
        nw.fit("iris", model=nn.Linear(4, 2), doctor=doctor)
    assert not (tmp_path / "runs").exists()


def test_bad_data_are_refused_before_anything_is_written(tmp_path):
    x, y = blobs()
    x[3, 1] = float("nan")
    with pytest.raises(NetwrightError, match=r"x\[3\]"):
        nw.fit((x, y))
    assert not (tmp_path / "runs").exists()


def test_a_taken_name_leaves_the_run_that_has_it(tmp_path):
    nw.fit("iris", changes=TINY, name="mine")
    before = (tmp_path / "runs/mine/model.safetensors").read_bytes()
    with pytest.raises(NetwrightError, match="not taken"):
        nw.fit("iris", changes=TINY, name="mine")
    assert (tmp_path / "runs/mine/model.safetensors").read_bytes() == before


@pytest.mark.parametrize("name", ["", "a/b", ".hidden"])
def test_a_name_that_is_no_folder_is_refused(name):
    with pytest.raises(NetwrightError, match="name must be a folder's name"):
        nw.fit("iris", changes=TINY, name=name)


def test_a_root_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(DamagedRun, match="runs must be a place that can be created"):
        nw.fit("iris", changes=TINY)


def test_a_root_that_can_only_be_read_is_refused(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    with pytest.raises(DamagedRun, match="on another one"):
        nw.fit("iris", changes=TINY, root=tmp_path / "locked")


# --- a full disk --------------------------------------------------------------------------------


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_disk_full_before_the_first_step_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(
        RunFolder, "write_json", lambda *_: (_ for _ in ()).throw(DamagedRun("full"))
    )
    with pytest.raises(DamagedRun):
        nw.fit("iris", changes=TINY)
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_disk_full_later_keeps_what_was_recorded_and_goes_on_afterwards(tmp_path, monkeypatch):
    whole = nw.fit("iris", changes=TINY, name="whole")
    write = SnapshotFolder.write

    def second_fails(self, step, state):
        if self.files():
            raise DamagedRun("snapshot must be written, got No space left on device.")
        return write(self, step, state)

    monkeypatch.setattr(SnapshotFolder, "write", second_fails)
    with pytest.raises(DamagedRun, match="No space"):
        nw.fit("iris", changes=TINY, name="full")
    monkeypatch.setattr(SnapshotFolder, "write", write)
    resumed = nw.resume("full")
    assert (resumed.folder.path / "model.safetensors").read_bytes() == (
        whole.folder.path / "model.safetensors"
    ).read_bytes()


@pytest.fixture
def tiny_disk(tmp_path):
    """A disk of half a megabyte, where the system lets us have one."""
    place = tmp_path / "disk"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(place)]
    try:
        made = subprocess.run(words, capture_output=True, check=False).returncode == 0
    except OSError:
        made = False
    if not made:
        pytest.skip("no right to mount a small disk")
    yield place
    subprocess.run(["umount", str(place)], check=False)


def test_a_disk_that_is_really_full(tiny_disk, tmp_path):
    table(tmp_path / "pets.csv")
    with pytest.raises(
        DamagedRun, match=r"No space left on device.*(Free space|make room)"
    ) as refusal:
        nw.fit(
            "pets.csv",
            root=tiny_disk,
            changes=["model={name: mlp, hidden: [512, 512]}", "training.epochs=2"],
        )
    assert "\n" not in str(refusal.value)
    half_written = [path for path in tiny_disk.rglob("*") if path.suffix in (".tmp", ".part")]
    assert half_written == []
