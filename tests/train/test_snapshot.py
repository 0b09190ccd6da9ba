"""Snapshots: whole or refused, plain or refused, and never executed."""

from __future__ import annotations

import errno
import hashlib
import os
import pickle
import random

import pytest
import torch

from netwright._errors import BadType, BadValue, DamagedRun
from netwright.train.snapshot import (
    Ring,
    SnapshotFolder,
    own_copy,
    read_snapshot,
    write_snapshot,
)


def state(number=0):
    torch.manual_seed(number)
    return {
        "counters": {"step": number, "epoch": 0},
        "method": {"weight": torch.randn(3, 4), "count": torch.tensor(number)},
        "half": torch.randn(5).to(torch.bfloat16),
        "places": [[1, 2], [3, 4]],
        "pair": (1.5, "text", None, True, b"bytes"),
        0: {"state": {0: {"exp_avg": torch.zeros(2)}}},
    }


def equal(one, other):
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[k], other[k]) for k in one)
    if isinstance(one, (list, tuple)):
        return type(one) is type(other) and all(map(equal, one, other))
    return one == other and type(one) is type(other)


def test_there_and_back(tmp_path):
    file = tmp_path / "one.snapshot"
    write_snapshot(file, state())
    assert equal(read_snapshot(file), state())
    assert [path.name for path in tmp_path.iterdir()] == ["one.snapshot"]


def test_a_view_does_not_bring_its_whole_storage(tmp_path):
    write_snapshot(tmp_path / "view", {"row": torch.zeros(1000, 1000)[0]})
    assert (tmp_path / "view").stat().st_size < 20_000


def test_every_damage_is_found(tmp_path):
    file = tmp_path / "one.snapshot"
    write_snapshot(file, state())
    good = file.read_bytes()
    chance = random.Random(0)
    head = list(range(64))
    places = head + [chance.randrange(len(good)) for _ in range(400)] + [len(good) - 1]
    damaged = [bytes([*good[:p], good[p] ^ (1 << chance.randrange(8)), *good[p + 1 :]])
               for p in places]  # fmt: skip
    cuts = [0, 1, 7, 8, 20, 39, 40, 41, len(good) - 1] + [
        chance.randrange(len(good)) for _ in range(50)
    ]
    damaged += [good[:cut] for cut in cuts] + [good + b"\0"]
    for content in damaged:
        file.write_bytes(content)
        with pytest.raises(DamagedRun, match=r"must be whole, got a wrong checksum in .*one"):
            read_snapshot(file)
    file.write_bytes(good)
    assert equal(read_snapshot(file), state())


def test_the_newest_that_is_whole_is_used(tmp_path):
    folder = SnapshotFolder(tmp_path, keep=3)
    for step in (5, 10, 15):
        folder.write(step, state(step))
    newest, older, _ = reversed(folder.files())
    newest.write_bytes(newest.read_bytes()[:-1])
    content = bytearray(older.read_bytes())
    content[100] ^= 1
    older.write_bytes(content)
    file, found, complaints = folder.newest()
    assert file.name == "step-000000005.snapshot"
    assert equal(found, state(5))
    assert len(complaints) == 2
    assert newest.name in complaints[0]
    file.write_bytes(b"")
    with pytest.raises(DamagedRun, match=r"got .*000015.*000010.*000005.*Start the run anew"):
        folder.newest()


def test_no_snapshot_at_all(tmp_path):
    with pytest.raises(DamagedRun, match="got none"):
        SnapshotFolder(tmp_path / "absent").newest()
    with pytest.raises(DamagedRun, match="No such file"):
        read_snapshot(tmp_path / "absent")


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("exploded",)


@pytest.mark.parametrize("zipped", [True, False])
def test_nothing_is_executed(tmp_path, monkeypatch, zipped):
    monkeypatch.chdir(tmp_path)
    torch.save({"method": Bomb()}, tmp_path / "payload", _use_new_zipfile_serialization=zipped)
    payload = (tmp_path / "payload").read_bytes()
    for content in (payload, pickle.dumps(Bomb(), protocol=2)):
        disguised = b"NWSNAP01" + hashlib.sha256(content).digest() + content
        (tmp_path / "bomb").write_bytes(disguised)
        with pytest.raises(DamagedRun, match="must hold plain tensors"):
            read_snapshot(tmp_path / "bomb")
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("content", [b"", b"rubbish", b"\x80\x02.", b"PK\x03\x04"])
def test_rubbish_with_a_right_checksum(tmp_path, content):
    file = tmp_path / "rubbish"
    file.write_bytes(b"NWSNAP01" + hashlib.sha256(content).digest() + content)
    with pytest.raises(DamagedRun, match="must hold plain tensors"):
        read_snapshot(file)


@pytest.mark.parametrize(
    ("bad", "place"),
    [
        ({"stateful": {"pool": {"kept": {1, 2}}}}, r"state\['stateful'\]\['pool'\]\['kept'\].*set"),
        ({"list": [0, Bomb()]}, r"state\['list'\]\[1\] must be a tensor.*Bomb"),
        ({torch.nn.Linear: 1}, "a key of state"),
    ],
)
def test_what_could_not_be_read_again_is_not_written(tmp_path, bad, place):
    write_snapshot(tmp_path / "one", state())
    with pytest.raises(BadType, match=place):
        write_snapshot(tmp_path / "one", bad)
    assert equal(read_snapshot(tmp_path / "one"), state())


@pytest.mark.parametrize("fails", ["fsync", "replace", "write"])
def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch, fails):
    folder = SnapshotFolder(tmp_path, keep=1)
    folder.write(1, state(1))

    def full(*arguments, **keywords):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        if fails == "fsync":
            patched.setattr(os, "fsync", full)
        elif fails == "replace":
            patched.setattr(os, "replace", full)
        else:
            patched.setattr("pathlib.Path.open", full)
        with pytest.raises(DamagedRun, match=r"No space left on device.*Free space"):
            folder.write(2, state(2))
        with pytest.raises(DamagedRun):
            folder.write(1, state(3))  # over the one that is there
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000001.snapshot"]
    assert equal(folder.newest()[1], state(1))


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DamagedRun, match="must be a place that can be written"):
        SnapshotFolder(tmp_path / "file").write(1, state())


def test_the_oldest_are_dropped(tmp_path):
    folder = SnapshotFolder(tmp_path, keep=2)
    for step in (1, 20, 300):
        folder.write(step, state(step))
    assert [path.name for path in folder.files()] == [
        "step-000000020.snapshot",
        "step-000000300.snapshot",
    ]


def test_a_run_that_went_back_leaves_its_old_course(tmp_path):
    folder = SnapshotFolder(tmp_path, keep=2)
    for step in (100, 200, 300):
        folder.write(step, state(step))
    folder.write(150, state(150))
    assert [path.name for path in folder.files()] == ["step-000000150.snapshot"]
    assert folder.newest()[1]["counters"]["step"] == 150


def test_the_ring_keeps_copies_and_forgets():
    ring, live = Ring(2), state(1)
    ring.add(1, live)
    live["method"]["weight"].zero_()
    assert equal(ring.latest(1), state(1))
    ring.latest(1)["method"]["weight"].zero_()
    assert equal(ring.latest(5), state(1))
    ring.add(2, state(2))
    ring.add(3, state(3))
    assert equal(ring.latest(2), state(2))
    with pytest.raises(BadValue, match=r"oldest snapshot in memory, of \[2, 3\], got step=1"):
        ring.latest(1)
    ring.forget_after(2)
    assert equal(ring.latest(9), state(2))


def test_own_copies_share_nothing():
    original = state()
    copied = own_copy(original)
    copied["method"]["weight"].zero_()
    copied["places"][0].append(5)
    assert equal(original, state())


def test_sizes_that_are_refused(tmp_path):
    with pytest.raises(BadValue, match="keep must be at least 1"):
        SnapshotFolder(tmp_path, keep=0)
    with pytest.raises(BadValue, match="size must be at least 1"):
        Ring(0)


def test_what_a_killed_process_left_is_swept_with_the_run(tmp_path, monkeypatch):
    from netwright.runs.events import Recorder

    def killed(*_):
        raise SystemExit  # no chance to tidy up: the file below stands for what it leaves

    folder = SnapshotFolder(tmp_path / "snapshots")
    names = []
    replace = os.replace
    monkeypatch.setattr(
        os, "replace", lambda one, other: (names.append(str(one)), replace(one, other))
    )
    folder.write(1, state())
    monkeypatch.undo()
    with open(names[0], "wb") as file:
        file.write(b"half")
    Recorder(tmp_path, 1).close()
    assert [path.name for path in folder.path.iterdir()] == ["step-000000001.snapshot"]
