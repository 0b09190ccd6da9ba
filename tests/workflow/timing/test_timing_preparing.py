"""Augmentation, preprocessing and reading, each of a known length."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
import torch
from torch import nn

from netwright.data.augment.compose import Augment
from netwright.runs.recipe import Recipe
from netwright.workflow.prepare import Prepared
from netwright.workflow.session import Given, open_session
from netwright.workflow.timing.preparing import BatchCosts, batch_costs
from workflow_kit import Pairs, blobs

CPU = torch.device("cpu")
MS = 1e-3
ABOUT = 0.1 * MS  # some looks at the clock


class Slow(nn.Module):
    def forward(self, raw):
        time.sleep(10 * MS)
        return raw.float()


class SlowAugment(Augment):
    def apart(self, batch, *, epoch):
        time.sleep(6 * MS)
        return batch


def opened(data, monkeypatch):
    recipe = Recipe.parse({"data": {"name": "given"}}).changed(
        ["training.batch_size=10", "training.workers=0", "model={name: mlp, hidden: [4]}"]
    )
    session = open_session(recipe, Given(data=data))

    monkeypatch.setattr(Prepared, "augmentation", lambda self, recipe: SlowAugment([], seed=0))
    return replace(session.prepared, preprocess=Slow()), session.recipe


def test_in_memory(monkeypatch):
    found = batch_costs(*opened(blobs(), monkeypatch), device=CPU)
    batches = 5  # 42 examples, ten at a time: augmented in one go, preprocessed one by one
    assert found.augment == pytest.approx(6 * MS / batches, abs=ABOUT)
    assert found.preprocess == pytest.approx(10 * MS, abs=ABOUT)
    assert found.whole == pytest.approx(10 * MS + 6 * MS / batches, abs=ABOUT)
    assert found.reading is None


def test_without_augmentation_it_takes_no_time():
    recipe = Recipe.parse({"data": {"name": "given"}}).changed(["model={name: mlp, hidden: [4]}"])
    session = open_session(recipe, Given(data=blobs()))
    found = batch_costs(session.prepared, session.recipe, device=CPU)
    assert found.augment == 0 < found.whole


def test_read_one_by_one(monkeypatch):
    class Items(Pairs):
        def __getitem__(self, place):
            time.sleep(2 * MS)
            return super().__getitem__(place)

    found = batch_costs(*opened(Items(*blobs()), monkeypatch), device=CPU)
    assert found.reading == pytest.approx(8 * 2 * MS, abs=ABOUT)  # 42 examples in five batches
    assert found.augment == pytest.approx(6 * MS, abs=ABOUT)


def test_what_a_loader_does_is_its_own():
    assert batch_costs(object(), Recipe.parse({"data": {"name": "x"}}), device=CPU) == BatchCosts()
