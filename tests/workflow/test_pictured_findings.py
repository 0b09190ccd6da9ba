"""A finding that points at pictures shows one of them."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

import netwright as nw
from netwright.report.page import render
from workflow_kit import TINY, blobs, pictures


def doubles(run):
    return next(f for f in run.findings if f.symptom == "duplicates-across-splits")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_doubles_show_the_picture(here):
    folder = pictures(here / "data", classes="ab", each=6) / "a"
    for number in range(12):
        shutil.copy(folder / "3.png", folder / f"again-{number}.png")
    run = nw.fit("data", changes=TINY)
    picture = run.folder.path / "pictures" / doubles(run).picture
    with Image.open(picture) as shown, Image.open(folder / "3.png") as real:
        assert np.array_equal(np.asarray(shown), np.asarray(real))
    assert render(run.folder).count('class="shown') == 1


def test_doubles_of_rows_have_none(here):
    x, y = blobs()
    x[10:40] = x[10]
    run = nw.fit((x, y), changes=TINY)
    assert doubles(run).picture is None
    assert 'class="shown' not in render(run.folder)


def test_a_picture_that_is_gone_is_left_out(here):
    folder = pictures(here / "data", classes="ab", each=6) / "a"
    for number in range(12):
        shutil.copy(folder / "3.png", folder / f"again-{number}.png")
    run = nw.fit("data", changes=TINY)
    (run.folder.path / "pictures" / doubles(run).picture).unlink()
    assert 'class="shown' not in render(run.folder)
