"""What a report shows of errors and prototypes; nothing of the training changes by it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import netwright as nw
from netwright.data.open import open_data
from netwright.explain import layer_features
from netwright.report.page import render
from netwright.workflow.explaining import prototypes
from netwright.workflow.explaining.deadline import Deadline
from workflow_kit import TINY, blobs, log_without_clock, pictures, weights

SMALL = ["model={name: small-resnet, width: 4}", "training.epochs=3", "training.batch_size=8"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pictures(tmp_path / "data", classes="abc", each=20)


def found(run):
    return run.folder.read_json("pictures/prototypes.json")


def answered_rightly(run):
    answers = run.folder.read_tensors("evaluation/test.safetensors")
    right = answers["outputs"] == answers["targets"]
    return {
        int(label): answers["index"][right & (answers["targets"] == label)].tolist()
        for label in answers["targets"][right].unique()
    }


def test_each_class_shows_what_is_nearest_to_the_mean_of_what_was_right(here):
    run = nw.fit("data", changes=SMALL)
    right, shown = answered_rightly(run), found(run)
    assert shown["split"] == "test"
    assert right
    assert {of["label"]: of["examined"] for of in shown["classes"]} == {
        label: len(index) for label, index in right.items()
    }
    data = open_data("data").samples
    for of in shown["classes"]:
        index = torch.tensor(right[of["label"]])
        rows = layer_features(run.method.model, run.preprocess(data.take(index)))
        order = (rows - rows.mean(0)).norm(dim=1).argsort().tolist()
        assert [one["index"] for one in of["examples"]] == [int(index[k]) for k in order[:3]]
        first = of["examples"][0]
        paths = [run.folder.path / "pictures" / first[key] for key in ("file", "map")]
        assert not np.array_equal(*(np.asarray(Image.open(p).convert("RGB")) for p in paths))
    assert render(run.folder).count('class="below') == sum(
        len(of["examples"]) for of in shown["classes"]
    )


def test_the_training_is_the_same_without_them(here):
    run = nw.fit("data", changes=SMALL, name="with")
    without = nw.fit("data", changes=[*SMALL, "explain=false"], name="without")
    assert weights(run) == weights(without)
    assert log_without_clock(run) == log_without_clock(without)
    assert "explain: true" in run.folder.read_text("recipe.yaml")
    assert not without.folder.has("pictures/prototypes.json")
    assert not any("maps" in row for row in without.folder.read_json("pictures/errors.json"))
    assert 'id="typical"' in render(run.folder)
    assert 'id="typical"' not in render(without.folder)


def test_of_many_classes_the_largest_are_shown(here, monkeypatch):
    monkeypatch.setattr(prototypes, "CLASSES", 1)
    run = nw.fit("data", changes=SMALL)
    right, shown = answered_rightly(run), found(run)
    assert [of["label"] for of in shown["classes"]] == [max(right, key=lambda k: len(right[k]))]
    assert shown["left_out"] == len(right) - 1
    assert shown["left_out"] + shown["nothing_right"] == 2


def test_no_more_of_a_class_are_looked_at_than_are_said(here, monkeypatch):
    monkeypatch.setattr(prototypes, "EXAMINED", 2)
    run = nw.fit("data", changes=SMALL)
    assert {of["examined"] for of in found(run)["classes"]} <= {1, 2}


def test_rows_have_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not nw.fit(blobs(), changes=TINY).folder.has("pictures/prototypes.json")


def test_a_part_begins_only_if_one_as_long_ends_in_time(monkeypatch):
    clock = iter([0.0, 0.0, 0.7, 1.3, 1.4])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    deadline = Deadline(training=10.0)  # two seconds, as 3 % are less
    assert deadline.allows()
    assert not deadline.allows(share=0.6)  # at 0.7 of 1.2, and one takes 0.7
    assert not deadline.allows()  # at 1.3 of 2.0: 0.7 may just not do
    assert deadline.allows() is False


def test_a_long_training_gives_more_time(monkeypatch):
    monkeypatch.setattr("time.perf_counter", iter([0.0, 29.0, 30.5]).__next__)
    deadline = Deadline(training=1000.0)
    assert deadline.allows()
    assert not deadline.allows()
