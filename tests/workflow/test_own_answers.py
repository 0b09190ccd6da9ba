"""Methods of one's own that answer lists, or masks, or nothing to be judged, from loaders."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import netwright as nw
from netwright._errors import BadData
from netwright.report.page import render
from netwright.train.loop import Loop
from own_answers import Cutter, Finder, Silent, Speaker, loader, objects_loader


def fitted(method, make, root, **options):
    loaders = {split: make() for split in ("train", "val", "test")}
    return nw.fit(loaders, method=method, epochs=2, root=root, **options)


def test_boxes_are_learned_and_judged(tmp_path):
    changes = ["schedule=constant", "optimizer={name: sgd, learning_rate: 0.03}"]
    run = nw.fit(
        {split: objects_loader() for split in ("train", "val", "test")},
        method=Finder(), changes=changes, epochs=40, root=tmp_path,
    )  # fmt: skip
    assert run.metrics["voc"] > 0.9
    record = run.folder.read_json("evaluation/test.json")
    assert record["n"] == 24
    assert record["metrics"]["voc"]["low"] is None  # objects can't be weighted
    assert not run.folder.has("evaluation/test.safetensors")
    assert "voc" in render(run.folder)
    again = nw.load(run.folder.path, method=Finder())
    assert again.predict(torch.zeros(2, 8)).outputs[1]["boxes"].shape == (1, 4)


def test_texts_are_judged_with_an_interval(tmp_path):
    run = fitted(Speaker(), lambda: loader("the cat sat on the mat"), tmp_path)
    figure = run.folder.read_json("evaluation/test.json")["metrics"]["bleu"]
    expected = 2.718281828459045 ** (1 - 6 / 4)
    assert figure["value"] == pytest.approx(expected)
    assert figure["low"] == pytest.approx(expected) == figure["high"]


def test_masks_are_judged(tmp_path):
    run = fitted(Cutter(), lambda: loader(torch.tensor([[0, 1]] * 8).reshape(4, 4)), tmp_path)
    figure = run.folder.read_json("evaluation/test.json")["metrics"]["iou"]
    assert figure["low"] <= figure["value"] <= figure["high"]
    assert run.folder.read_tensors("evaluation/test.safetensors")["outputs"].shape == (24, 4, 4)


def test_inputs_alone_are_learned_from_and_not_judged(tmp_path):
    run = fitted(Silent(), lambda: loader(None), tmp_path)
    assert not run.folder.has("evaluation/test.json")
    assert run.metrics == {}
    render(run.folder)


def test_a_method_of_the_catalogue_refuses_them(tmp_path):
    with pytest.raises(BadData, match=r"loader must be one that gives .* for supervised"):
        nw.fit(objects_loader(), model=nn.Linear(8, 4), epochs=1, root=tmp_path)


def test_a_run_of_a_loader_goes_on(tmp_path, monkeypatch):
    step, seen = Loop._step, []

    def stepping(loop):
        step(loop)
        seen.append(1)
        if len(seen) == 6:
            loop.request_stop()

    monkeypatch.setattr(Loop, "_step", stepping)
    run = fitted(Finder(), objects_loader, tmp_path)
    assert not run.folder.has("model.safetensors")
    again = nw.resume(run.folder.path, data={"train": objects_loader()}, method=Finder())
    assert again.folder.has("model.safetensors")


def test_members_learn_from_loaders(tmp_path):
    data = TensorDataset(torch.randn(30, 4), torch.arange(30) % 3)
    loaders = {split: DataLoader(data, batch_size=10) for split in ("train", "test")}
    made = nw.fit(
        loaders, model=nn.Linear(4, 3), epochs=1, changes=["ensemble.members=2"], root=tmp_path
    )
    assert len(made.method.members) == 2
    assert made.folder.read_json("members.json")["ambiguity"]["test"]["error"] > 0
