"""A folder too large for memory, from its files to a judged run."""

from __future__ import annotations

import pytest

import netwright as nw
from netwright._errors import BadValue
from netwright.data.sources import pictures as files
from netwright.data.sources import pixel_cache
from workflow_kit import log_without_clock, pictures, weights


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "FITS_IN_MEMORY", 0)
    monkeypatch.setattr(pixel_cache, "cache_folder", lambda: tmp_path / "cache")
    return pictures(tmp_path / "shades", side=20)


def trained(folder, **fields):
    changes = {"model": "{name: mlp, hidden: [8]}", "training.epochs": 2, "data.image_size": 12,
               "training.workers": 0, **fields}  # fmt: skip
    return nw.fit(folder, changes=[f"{path}={value}" for path, value in changes.items()])


def test_the_default_is_a_crop_of_the_whole_file(folder):
    run = trained(folder)
    (crop,) = run.recipe.augment
    assert crop.name == "random-resized-crop"
    assert run.recipe.data.cache == "none"


@pytest.mark.parametrize("field", ["training.workers", "data.cache"])
def test_neither_workers_nor_a_cache_change_a_bit(folder, field):
    augment = {"augment": "[{name: random-resized-crop}, flip, {name: shift}]"}
    expected = trained(folder, **augment)
    for value in {"training.workers": [2], "data.cache": ["memory", "disk", "disk"]}[field]:
        run = trained(folder, **augment, **{field: value})
        assert weights(run) == weights(expected)
        assert log_without_clock(run) == log_without_clock(expected)


def test_a_cache_is_refused_where_there_is_nothing_to_decode():
    with pytest.raises(BadValue, match=r"data\.cache must be none"):
        nw.fit("iris", changes=["data.cache=disk", "training.epochs=1"])
