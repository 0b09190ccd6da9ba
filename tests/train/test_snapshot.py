"""Which snapshots are kept, in memory and on disk, and which one is gone on from."""

from __future__ import annotations

import errno
import os

import pytest

from netwright._errors import BadValue, DamagedRun
from netwright.train.snapshot import Ring, SnapshotFolder, own_copy, read_snapshot
from snapshot_kit import equal, state


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
            patched.setattr(os, "write", full)
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


def test_a_budget_is_kept_but_for_the_newest(tmp_path):
    one = SnapshotFolder(tmp_path / "one").write(1, state()).stat().st_size
    for budget, kept in ((0, 1), (one, 1), (3 * one - 1, 2), (3 * one, 3), (99 * one, 5)):
        folder = SnapshotFolder(tmp_path / str(budget), keep=5, budget=budget)
        for step in range(10, 20):
            folder.write(step, state())
        assert [path.name[-11:-9] for path in folder.files()] == [
            str(step) for step in range(20 - kept, 20)
        ]
        assert equal(read_snapshot(folder.files()[-1]), state())
    with pytest.raises(BadValue, match="budget must be at least 0 bytes"):
        SnapshotFolder(tmp_path, budget=-1)


def test_what_a_snapshot_relies_on_comes_first(tmp_path):
    there = []
    folder = SnapshotFolder(tmp_path, beforehand=lambda: there.append(folder.files()))
    folder.write(1, state())
    assert there == [[]]
