"""Snapshots are written beside the training, whole, and what goes wrong there is said."""

from __future__ import annotations

import errno
import os
import threading

import pytest
import torch
from torch import nn

from contract_kit import batch, loop_of
from netwright._errors import BadType, DamagedRun
from netwright.methods.base import Loss, Method, Phase
from netwright.train import snapshot_file
from netwright.train.snapshot import SnapshotFolder
from netwright.train.snapshot_writer import HostMemory, SnapshotWriter
from snapshot_kit import equal, state

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class Gate:
    """Holds every write back until it is opened."""

    def __init__(self, monkeypatch):
        self.reached, self.open = threading.Event(), threading.Event()
        inner = snapshot_file._write

        def write(descriptor, piece):
            self.reached.set()
            assert self.open.wait(20)
            inner(descriptor, piece)

        monkeypatch.setattr(snapshot_file, "_write", write)


def test_what_is_written_is_what_was_there_when_it_was_taken(tmp_path, monkeypatch):
    gate, live = Gate(monkeypatch), state(1)
    folder = SnapshotFolder(tmp_path)
    with SnapshotWriter(folder) as writer:
        writer.take(1, live)
        assert gate.reached.wait(20)
        live["method"]["weight"].zero_()  # the training goes on meanwhile
        live["places"][0].append(9)
        assert folder.files() == []
        gate.open.set()
    assert equal(folder.newest()[1], state(1))


def test_the_next_waits_for_the_last(tmp_path, monkeypatch):
    gate, folder = Gate(monkeypatch), SnapshotFolder(tmp_path, keep=5)
    threading.Timer(0.2, gate.open.set).start()
    with SnapshotWriter(folder) as writer:
        for number in range(4):
            writer.take(number, state(number))
    for number, file in enumerate(folder.files()):
        assert equal(snapshot_file.read_snapshot(file), state(number))
    assert len(folder.files()) == 4


@pytest.mark.parametrize("asks", ["check", "wait", "take", "exit"])
def test_a_full_disk_is_said_once_and_the_last_snapshot_is_there(tmp_path, monkeypatch, asks):
    folder = SnapshotFolder(tmp_path)
    folder.write(1, state(1))
    writer = SnapshotWriter(folder)

    def full(*_):
        raise FULL

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        writer.take(2, state(2))
        writer._thread.join()
    act = {
        "check": writer.check,
        "wait": writer.wait,
        "take": lambda: writer.take(3, state(3)),
        "exit": lambda: writer.__exit__(None, None, None),
    }[asks]
    with pytest.raises(DamagedRun, match="No space left on device"):
        act()
    writer.check()
    assert [file.name for file in tmp_path.iterdir()] == ["step-000000001.snapshot"]
    assert equal(folder.newest()[1], state(1))


def taking_what_cannot_be_kept(folder, error=None):
    with SnapshotWriter(SnapshotFolder(folder)) as writer:
        writer.take(1, {"bad": {1, 2}})
        if error is not None:
            raise error


def test_the_block_waits_and_leaves_the_first_error_its_place(tmp_path):
    with pytest.raises(BadType, match="a tensor, number"):
        taking_what_cannot_be_kept(tmp_path)
    with pytest.raises(KeyError, match="first"):
        taking_what_cannot_be_kept(tmp_path, KeyError("first"))


def test_memory_is_used_again_where_forms_agree():
    memory = HostMemory()
    first = memory.copy({"a": torch.ones(5), "b": torch.ones(5), "c": torch.ones(2, 3).T})
    places = {tensor.data_ptr() for tensor in first.values()}
    values = {"x": torch.zeros(5), "c": torch.rand(2, 3).T, "new": torch.ones(7)}
    second = memory.copy({**values, "sparse": torch.eye(2).to_sparse()})
    assert {second["x"].data_ptr(), second["c"].data_ptr()} <= places
    assert second["c"].stride() == (1, 3)
    assert all(torch.equal(second[name], value) for name, value in values.items())
    values["x"].fill_(5)
    assert second["x"].sum() == 0


class Line(Method):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Linear(3, 1)

    def phases(self, stage):
        return (Phase(name="fit", optimizers=("main",), loss=self.cost),)

    def cost(self, batch):
        return Loss(total=self.net(batch.inputs).square().sum(), count=len(batch))

    def predict(self, inputs):
        raise AssertionError


def run(folder, *, steps=12, **settings):
    torch.manual_seed(1)
    loop = loop_of(
        Line(),
        [batch(torch.randn(4, 3)) for _ in range(steps)],
        optimizer={"name": "adam", "learning_rate": 0.1},
        loop={"snapshots": folder},
        **settings,
    )
    loop.run()
    return loop


def test_a_full_disk_stops_the_run_with_the_last_snapshot_intact(tmp_path, monkeypatch):
    folder = SnapshotFolder(tmp_path)
    inner, written = os.write, []

    def write(descriptor, content):
        written.append(len(content))
        if sum(written) > 100_000:
            raise FULL
        return inner(descriptor, content)

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(DamagedRun, match=r"No space left on device.*Free space.*resume the run"):
        run(folder, steps=500, snapshot_steps=2)
    file, found, complaints = folder.newest()
    assert complaints == []
    assert file.name == folder.file(found["counters"]["step"]).name
    assert found["counters"]["step"] < 499


def test_snapshots_by_step_change_nothing_and_come_once_at_an_epochs_end(tmp_path):
    taken = []

    class Noted(SnapshotFolder):
        def write(self, step, state):
            taken.append(step)
            return super().write(step, state)

    with_them = run(Noted(tmp_path), epochs=2, snapshot_steps=4)
    without = run(None, epochs=2)
    assert torch.equal(with_them.method.net.weight, without.method.net.weight)
    assert taken == [4, 8, 12, 16, 20, 24]
    taken.clear()
    run(Noted(tmp_path), epochs=2, snapshot_every=0, snapshot_steps=7)
    assert taken == [7, 14, 21]
