"""The one door: built-in sets, names, paths, and arguments that don't fit."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sklearn.datasets
import torch
from PIL import Image

from netwright._errors import BadType, BadValue
from netwright.data.dataset import InputKind, TargetKind
from netwright.data.open import open_data
from netwright.data.sources.table import TableEncoder


def test_digits_are_scikit_learns():
    data = open_data("digits")
    raw = sklearn.datasets.load_digits()
    assert data.input_kind is InputKind.IMAGE
    assert data.samples.values.dtype == torch.uint8
    pictures = data.samples.values[:, 0].numpy()
    np.testing.assert_array_equal(np.round(pictures.astype(float) * 16 / 255), raw.images)
    assert pictures.max() == 255
    np.testing.assert_array_equal(data.target.values.numpy(), raw.target)
    assert data.target.names == tuple("0123456789")


def test_digits_are_the_same_where_their_file_is_not_found(monkeypatch):
    directly = open_data("digits")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    through_the_library = open_data("digits")
    assert torch.equal(directly.samples.values, through_the_library.samples.values)
    assert torch.equal(directly.target.values, through_the_library.target.values)


@pytest.mark.parametrize(
    ("name", "loader", "kind"),
    [
        ("iris", "load_iris", "classes"),
        ("wine", "load_wine", "classes"),
        ("breast-cancer", "load_breast_cancer", "binary"),
        ("diabetes", "load_diabetes", "real"),
    ],
)
def test_tables_are_scikit_learns(name, loader, kind):
    options = {"scaled": False} if name == "diabetes" else {}
    raw = getattr(sklearn.datasets, loader)(**options)
    data = open_data(name)
    assert (data.name, data.input_kind, data.target.kind) == (name, InputKind.TABLE, kind)
    assert list(data.samples.names) == list(raw.feature_names)
    encoder = TableEncoder.fit(data.samples, torch.arange(len(data)))
    np.testing.assert_allclose(encoder.encode(data.samples).numpy(), raw.data, rtol=1e-6)
    if kind == "real":
        np.testing.assert_array_equal(data.target.values.numpy(), raw.target)
    else:
        words = np.array(data.target.names)[data.target.values.numpy()]
        np.testing.assert_array_equal(words, np.asarray(raw.target_names)[raw.target])
    assert data.licence
    assert data.origin


def test_another_column_of_a_built_in_table():
    data = open_data("iris", target="petal width (cm)")
    assert data.target.kind is TargetKind.REAL
    assert "class" in data.samples.names


def test_options_change_digits():
    data = open_data("digits", image_size=16, channels=3, name="big", kind="ordinal")
    assert tuple(data.samples.values.shape) == (1797, 3, 16, 16)
    assert (data.name, data.target.kind) == ("big", TargetKind.ORDINAL)
    with pytest.raises(BadValue, match="target must be left out for digits"):
        open_data("digits", target="x")


def test_home_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "t.csv").write_text("x,y\n1,a\n2,b\n")
    assert open_data("~/t.csv").name == "t"
    assert len(open_data(Path("~/t.csv"))) == 2


def test_what_is_not_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures").mkdir()
    with pytest.raises(BadValue, match=r"got data='digts'\. Did you mean digits"):
        open_data("digts")
    with pytest.raises(BadValue, match=rf"Did you mean pictures\? There is nothing at {tmp_path}"):
        open_data("picture")
    with pytest.raises(BadValue, match="built in are digits, iris"):
        open_data("zzz/qqq.csv")
    (tmp_path / "notes.doc").write_text("x")
    with pytest.raises(BadValue, match="a CSV or Parquet file"):
        open_data("notes.doc")


def test_a_set_that_was_not_fetched(monkeypatch):
    from netwright.data import depot

    monkeypatch.setattr(depot, "prepared", lambda name: None)
    with pytest.raises(BadValue, match="Run: netwright data get mnist"):
        open_data("mnist")


def test_a_fetched_set_is_opened_by_its_layout(tmp_path, monkeypatch):
    from netwright.data import depot

    for part in ("mono/a", "mono/b", "poly/a", "poly/b"):
        (tmp_path / part).mkdir(parents=True)
        Image.new("L", (4, 4), 9).save(tmp_path / part / "x.png")
    monkeypatch.setattr(depot, "prepared", lambda name: tmp_path)
    data = open_data("elpv")
    assert (data.name, data.domain_names) == ("elpv", ("mono", "poly"))
    assert data.licence == depot.entry("elpv").licence
    with pytest.raises(BadValue, match=r"examples with classes .*got data='cells'"):
        open_data("cells")


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"kind": "clases"}, BadValue, "Did you mean classes"),
        ({"image_size": 0}, BadValue, "image_size must be a side of at least 1"),
        ({"image_size": (3, 4, 5)}, BadValue, r"image_size must be"),
        ({"image_size": 2.5}, BadValue, "image_size must be"),
        ({"channels": 2}, BadValue, "channels must be 1"),
        ({"group": ["a"]}, BadValue, "group must be a function"),
        ({"time": "when"}, BadValue, "time must be a function"),
    ],
)
def test_options_that_do_not_fit(options, error, match):
    with pytest.raises(error, match=match):
        open_data("digits", **options)


def test_columns_are_named_for_tables():
    with pytest.raises(BadType, match="group must be the name of a column"):
        open_data("iris", group=[1, 2])


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "count", "classes", "shape"),
    [
        ("mnist", 70000, 10, (1, 28, 28)),
        ("fashion-mnist", 70000, 10, (1, 28, 28)),
        ("cifar10", 60000, 10, (3, 32, 32)),
        ("traffic-lights", 1484, 3, (3, 30, 30)),
        ("chest-x-ray", 3166, 2, (1, 224, 224)),
        ("elpv", 2624, 2, (1, 224, 224)),
        ("emoji", 4644, 8, (3, 64, 64)),
    ],
)
def test_fetched_sets(name, count, classes, shape):
    from netwright.data.depot import prepared

    if prepared(name) is None:
        pytest.skip(f"netwright data get {name}")
    data = open_data(name)
    assert (len(data), len(data.target.names)) == (count, classes)
    assert tuple(data.samples.take(torch.tensor([0])).shape[1:]) == shape


def test_the_door_costs_no_import():
    code = (
        "import sys, netwright.data.open;"
        "heavy = ('sklearn', 'pandas', 'torchvision', 'PIL', 'pyarrow');"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
