"""Prototypes on the page: what is said, what is left out, and how large it may get."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from netwright.report.contents import Contents
from netwright.report.prototypes import BYTES, typical
from netwright.runs.store import RunFolder


@pytest.fixture
def run(tmp_path):
    return RunFolder.create(tmp_path, "run")


def noise(run, name, *, side=300):
    written = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(written, format="PNG")
    run.write_bytes(f"pictures/{name}", written.getvalue())
    return name


def listed(run, *, classes=1, map=None, **about):
    example = {"file": noise(run, "a.png"), "label": "a.png", "index": 0, "distance": 0.5}
    example |= {} if map is None else {"map": map}
    row = {"label": 0, "name": "<cat>", "examined": 1200, "examples": [example] * 3}
    found = {"split": "val", "left_out": 0, "nothing_right": 0, **about}
    run.write_json("pictures/prototypes.json", found | {"classes": [row] * classes})
    return typical(Contents(run))


def test_a_run_without_them_shows_nothing(run):
    assert typical(Contents(run)) is None


def test_what_is_left_out_is_said(run):
    shown = listed(run, left_out=3, nothing_right=2)
    assert "validation examples" in shown["said"]
    assert "3 more classes are not shown." in shown["said"]
    assert "2 classes have no right answer" in shown["said"]
    assert "speaks for" not in shown["said"]
    assert shown["classes"][0]["examined"] == "1\u202f200"


def test_maps_are_told_of_where_there_are_some(run):
    assert "where each speaks for its class" in listed(run, map=noise(run, "b.png"))["said"]


def test_however_many_there_are_they_keep_to_their_share_of_the_page(run):
    shown = listed(run, classes=200)
    size = sum(len(one["picture"]["address"]) for of in shown["classes"] for one in of["examples"])
    assert 0.5 * BYTES < size <= BYTES
