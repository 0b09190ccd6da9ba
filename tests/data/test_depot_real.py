"""The real things, as `netwright data get` left them in the cache (pytest -m data)."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from test_depot_sets import read_idx

from netwright.data import depot
from netwright.data.depot.verify import content_digest

pytestmark = pytest.mark.data


def fetched(name):
    folder = depot.prepared(name)
    if folder is None:
        pytest.skip(f"run: netwright data get {name}")
    return folder


def tally(folder, pattern="*"):
    return sum(path.is_file() for path in folder.glob(pattern))


@pytest.mark.parametrize("name", depot.names())
def test_files_have_their_checksums(name):
    folder, item = fetched(name), depot.entry(name)
    assert depot.changed_files(folder) == []
    for path, digest in item.contents.items():
        assert content_digest(folder / path) == digest


@pytest.mark.parametrize(
    ("name", "dimensions", "shape", "train", "per_class"),
    [
        ("mnist", 3, (28, 28), 60000, None),
        ("fashion-mnist", 3, (28, 28), 60000, 6000),
        ("cifar10", 4, (32, 32, 3), 50000, 5000),
    ],
)
def test_idx_sets(name, dimensions, shape, train, per_class):
    folder = fetched(name)
    for prefix, count in (("train", train), ("t10k", 10000)):
        pictures = read_idx(folder / f"{prefix}-images-idx{dimensions}-ubyte.gz")
        labels = read_idx(folder / f"{prefix}-labels-idx1-ubyte.gz")
        assert pictures.shape == (count, *shape)
        assert labels.shape == (count,)
        assert set(labels) == set(range(10))
        if per_class:
            assert set(np.bincount(labels)) == {per_class if prefix == "train" else 1000}
    assert len((folder / "classes.txt").read_text().splitlines()) == 10


def test_cifar10_has_the_published_means():
    pictures = read_idx(fetched("cifar10") / "train-images-idx4-ubyte.gz")
    means = pictures.reshape(-1, 3).mean(0, dtype=np.float64)
    np.testing.assert_allclose(means / 255, (0.4914, 0.4822, 0.4465), atol=5e-5)


def test_mnist_has_the_published_mean_and_deviation():
    pictures = read_idx(fetched("mnist") / "train-images-idx3-ubyte.gz") / 255
    assert pictures.mean() == pytest.approx(0.1307, abs=5e-5)
    assert pictures.std() == pytest.approx(0.3081, abs=5e-5)


def test_traffic_lights():
    folder = fetched("traffic-lights")
    counts = {
        (split, name): tally(folder / split / name, "*.jpg")
        for split in ("train", "test")
        for name in ("red", "green", "yellow")
    }
    assert list(counts.values()) == [723, 429, 35, 181, 107, 9]


def test_chest_x_ray():
    folder = fetched("chest-x-ray")
    assert [
        tally(folder / split / name, "*.jpeg")
        for split in ("train", "test")
        for name in ("normal", "pneumonia")
    ] == [1264, 1268, 319, 315]
    masks = sorted((folder / "masks" / "masks").iterdir())
    pictures = sorted((folder / "masks" / "images").iterdir())
    assert [path.stem for path in masks] == [path.stem for path in pictures]
    assert len(masks) == 299
    areas = []
    for path in masks[::30]:
        with Image.open(path) as mask:
            values = np.asarray(mask)
        assert values.shape == (224, 224)
        assert set(np.unique(values)) == {0, 255}
        areas.append((values > 0).mean())
    assert 0.1 < np.mean(areas) < 0.6


def test_elpv():
    folder = fetched("elpv")
    counts = {
        (make, name): tally(folder / make / name, "*.png")
        for make in ("mono", "poly")
        for name in ("functional", "defective")
    }
    assert counts["mono", "functional"] + counts["mono", "defective"] == 1074
    assert counts["poly", "functional"] + counts["poly", "defective"] == 1550
    rows = (folder / "labels.csv").read_text().splitlines()[1:]
    assert len(rows) == 2624
    assert {row.rsplit(",", 1)[1] for row in rows} == {"0.0000", "0.3333", "0.6667", "1.0000"}
    assert "NOT for commercial use" in json.loads((folder / "manifest.json").read_text())["licence"]


def test_emoji_domains_draw_the_same_icons():
    folder = fetched("emoji")
    icons = {
        vendor.name: sorted(path.relative_to(vendor).as_posix() for path in vendor.rglob("*.png"))
        for vendor in folder.iterdir()
        if vendor.is_dir()
    }
    assert len(icons) == 4
    assert len({tuple(names) for names in icons.values()}) == 1
    names = icons["noto"]
    assert len(names) == 1161
    assert len({name.split("/")[0] for name in names}) == 8
    for vendor in icons:
        with Image.open(folder / vendor / "animals" / "cat.png") as picture:
            assert (picture.size, picture.mode) == ((64, 64), "RGB")
            assert np.asarray(picture).std() > 20


def test_cells_have_a_mask_of_the_same_size():
    folder = fetched("cells")
    pictures = sorted(folder.glob("images/*/*.png"))
    assert len(pictures) == 35
    assert len({path.parent.name for path in pictures}) == 7
    for path in pictures:
        with (
            Image.open(path) as picture,
            Image.open(folder / "masks" / path.parent.name / path.name) as mask,
        ):
            assert picture.size == mask.size
            assert 5 < np.asarray(mask).max() < 1000


@pytest.mark.parametrize(("other", "count"), [("pt", 35543), ("la", 35764)])
def test_bible(other, count):
    lines = (fetched("bible") / f"en-{other}.tsv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == f"id\ten\t{other}"
    assert len(lines) == count + 1
    assert all(len(line.split("\t")) == 3 and all(line.split("\t")) for line in lines)
    assert lines[1].startswith("GEN.1.1\tIn the beginning God created heaven, and earth.\t")


def test_gutenberg():
    books = sorted(fetched("gutenberg").glob("*.txt"))
    assert len(books) == 18
    assert 11e6 < sum(len(path.read_text(encoding="utf-8")) for path in books) < 13e6


@pytest.mark.parametrize(
    "name", [name for name in depot.names() if depot.entry(name).kind is depot.Kind.WEIGHTS]
)
def test_weights_fit_their_network_and_are_finite(name):
    folder = fetched(name)
    card = json.loads((folder / "weights.json").read_text())
    tensors = load_file(folder / "model.safetensors")
    assert all(torch.isfinite(tensor).all() for tensor in tensors.values())
    library, architecture = card["architecture"].split(":")
    if library == "transformers":
        return
    if library == "timm":
        model = pytest.importorskip("timm").create_model(architecture)
    else:
        import torchvision.models

        model = getattr(torchvision.models, architecture)()
    if card["part"] != "all":
        model = torch.nn.ModuleDict({card["part"]: model.get_submodule(card["part"])})
    model.load_state_dict(tensors, strict=True)
    names = (folder / "classes.txt").read_text().splitlines() if card["classes"] else []
    assert len(names) == card["classes"]
