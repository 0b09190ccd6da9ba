"""What is kept in memory, against what was counted by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from netwright.runs.recipe import Recipe
from netwright.workflow.timing import memory, time_step
from netwright.workflow.timing.memory import available_bytes, bytes_of

WIDE = 4 * 20 + 20 + 20 * 1 + 1  # parameters of the net below
FLOAT = 4


def measured(*changes, count=100):
    x = np.random.default_rng(0).normal(size=(count, 4)).astype(np.float32)
    y = x.sum(1) + 0.5
    recipe = Recipe.parse({"data": {"name": "given"}}).changed(
        ["optimizer={name: sgd, momentum: 0.9}", "preprocess={name: none}", *changes]
    )
    net = nn.Sequential(nn.Linear(4, 20), nn.Tanh(), nn.Linear(20, 1))
    return time_step(recipe, data=(x, y), model=net, steps=2).memory


def test_everything_is_counted():
    found = measured("training.batch_size=32")
    assert found.parameters == found.gradients == found.optimizer == WIDE * FLOAT
    assert found.average == 0
    assert found.data == 100 * 5 * FLOAT
    assert found.batch == 32 * (5 * FLOAT + 8)
    # of an example: inputs, target and place; the activations and its error
    assert found.an_example == (5 * FLOAT + 8) + 21 * FLOAT
    assert found.peak is None
    assert found.total == found.parameters * 3 + found.buffers + (
        found.activations + found.batch + found.data
    )


def test_activations_grow_with_the_batch_alone():
    small, large = measured("training.batch_size=16"), measured("training.batch_size=64")
    assert large.an_example == pytest.approx(small.an_example, rel=0.1)
    assert large.activations > 2 * small.activations
    pieces = measured("training.batch_size=64", "training.micro_batch_size=8")
    assert pieces.activations < 0.3 * large.activations


def test_a_storage_counts_once():
    values = torch.zeros(10)
    assert bytes_of([values, values[2:4], values.view(2, 5), torch.zeros(3)]) == 13 * FLOAT


def test_how_much_fits(monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda device: 5000)
    found = measured("training.batch_size=16")
    assert found.available == 5000
    assert found.fits == int(0.8 * 5000 / found.an_example / 2)
    monkeypatch.setattr(memory, "available_bytes", lambda device: 10**12)
    assert measured("training.batch_size=16").fits == 70  # there are no more to learn from
    monkeypatch.setattr(memory, "available_bytes", lambda device: None)
    assert measured("training.batch_size=16").fits is None


def test_a_device_that_counts_tells_how_much_a_step_takes(monkeypatch):
    found = replace(measured("training.batch_size=32"), available=5000)
    fixed = found.total - found.activations - found.batch
    four_times = replace(found, peak=fixed + 4 * (found.activations + found.batch))
    assert memory._fits(four_times, most=70) == int(0.8 * 5000 / found.an_example / 4)
    assert memory._fits(replace(found, peak=1), most=70) == int(0.8 * 5000 / found.an_example)


def test_what_is_left_in_the_machine(monkeypatch, tmp_path):
    cpu = torch.device("cpu")
    (tmp_path / "meminfo").write_text("MemTotal:  2000 kB\nMemAvailable:    1000 kB\nHuge: 0\n")
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "_LIMITS", tmp_path / "none")
    assert available_bytes(cpu) == 1000 * 1024
    (tmp_path / "none").mkdir()
    (tmp_path / "none/memory.max").write_text("max\n")
    (tmp_path / "none/memory.current").write_text("77\n")
    assert available_bytes(cpu) == 1000 * 1024
    (tmp_path / "none/memory.max").write_text("1000\n")
    assert available_bytes(cpu) == 923
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "gone")
    monkeypatch.setattr(memory, "_LIMITS", tmp_path / "gone")
    assert available_bytes(cpu) is None
    assert available_bytes(torch.device("meta")) is None
