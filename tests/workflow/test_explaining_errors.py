"""Maps of the errors that a report shows; nothing of the training changes by them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import netwright as nw
from netwright.report.page import render
from netwright.workflow.explaining import deadline
from workflow_kit import TINY, blobs, pictures

HARD = ["model={name: small-resnet, width: 4}", "training.epochs=1", "training.batch_size=8"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return pictures(tmp_path / "data", classes="ab")


def maps(run):
    return [row.get("maps") for row in run.folder.read_json("pictures/errors.json")]


@pytest.mark.parametrize("classes", ["ab", "abc"])
def test_an_error_shows_why_and_what_spoke_for_the_truth(tmp_path, monkeypatch, classes):
    monkeypatch.chdir(tmp_path)
    pictures(tmp_path / "data", classes=classes)
    run = nw.fit("data", changes=HARD)
    found = maps(run)
    assert found
    assert all(one == {role: one[role] for role in ("predicted", "true")} for one in found)
    first = [np.asarray(Image.open(run.folder.path / "pictures" / found[0][r])) for r in found[0]]
    assert first[0].shape == (8, 8, 3)
    assert not np.array_equal(*first)
    assert render(run.folder).count('class="why"') == len(found)


def test_no_map_is_begun_when_the_time_is_up(folder, monkeypatch):
    monkeypatch.setattr(deadline, "LEAST", -1.0)
    monkeypatch.setattr(deadline, "SHARE", 0.0)
    run = nw.fit("data", changes=HARD)
    assert set(maps(run)) == {None}


def test_rows_have_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = nw.fit(blobs(), changes=TINY)
    assert all(one is None for one in maps(run))
