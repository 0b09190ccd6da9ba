"""IDX files, written here by the format's own words."""

import gzip
import struct

import numpy as np
import pytest
import torch

from netwright._errors import BadData
from netwright.data.dataset import InputKind, TargetKind
from netwright.data.open import open_data
from netwright.data.sources.idx import read_idx

CODES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}


def idx(values):
    header = bytes([0, 0, CODES[values.dtype.str[1:]], values.ndim])
    sizes = b"".join(struct.pack(">I", size) for size in values.shape)
    return header + sizes + values.astype(values.dtype.newbyteorder(">")).tobytes()


def put(path, values):
    path.write_bytes(gzip.compress(idx(values)) if path.suffix == ".gz" else idx(values))


def pair(folder, stem, count, *, ending="ubyte", shape=(4, 3), seed=0):
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (count, *shape), dtype=np.uint8)
    labels = (np.arange(count) % 3).astype(np.uint8)
    put(folder / f"{stem}-images-idx{images.ndim}-{ending}", images)
    put(folder / f"{stem}-labels-idx1-{ending}", labels)
    return images, labels


@pytest.mark.parametrize("kind", CODES)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_every_type_round_trips(tmp_path, kind, suffix):
    values = np.arange(24).astype(kind).reshape(2, 3, 4)
    put(tmp_path / f"x{suffix}", values)
    found = read_idx(tmp_path / f"x{suffix}")
    assert found.dtype == values.dtype
    np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize("ending", ["ubyte", "ubyte.gz"])
def test_a_folder_of_splits(tmp_path, ending):
    train, train_labels = pair(tmp_path, "train", 9, ending=ending)
    test, test_labels = pair(tmp_path, "t10k", 6, ending=ending, seed=1)
    data = open_data(tmp_path)
    assert data.input_kind is InputKind.IMAGE
    assert data.samples.values.dtype == torch.uint8
    assert tuple(data.samples.values.shape) == (15, 1, 4, 3)
    np.testing.assert_array_equal(data.samples.take(data.splits["train"])[:, 0].numpy(), train)
    np.testing.assert_array_equal(data.samples.take(data.splits["test"])[:, 0].numpy(), test)
    values = data.target.values.numpy()
    np.testing.assert_array_equal(values, np.concatenate([train_labels, test_labels]))
    assert data.labels[9] == "t10k-images[0]"


def test_colour_is_last_in_the_file_and_first_in_the_data(tmp_path):
    images, _ = pair(tmp_path, "train", 6, shape=(4, 5, 3))
    data = open_data(tmp_path / "train-images-idx4-ubyte")
    assert data.splits == {}
    assert data.name == "train"
    np.testing.assert_array_equal(data.samples.values.numpy(), images.transpose(0, 3, 1, 2))


def test_classes_are_named_by_a_file_beside(tmp_path):
    pair(tmp_path, "train", 9)
    (tmp_path / "classes.txt").write_text("cat\ndog\nemu\nfox\n")
    data = open_data(tmp_path)
    assert data.target.names == ("cat", "dog", "emu", "fox")
    assert data.target.values.tolist() == [0, 1, 2] * 3
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    with pytest.raises(BadData, match="2 names for labels 0 to 2"):
        open_data(tmp_path)


def test_without_labels(tmp_path):
    pair(tmp_path, "train", 9)
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(BadData, match=r"labels beside it.*train-labels-idx1-ubyte"):
        open_data(tmp_path)
    assert open_data(tmp_path, kind="none").target.kind is TargetKind.NONE


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content[:-1], "must be 124 bytes long"),
        (lambda content: content + b"x", "must be 124 bytes long"),
        (lambda content: content[:9], "bytes long"),
        (lambda content: b"\1" + content[1:], "must be an IDX file"),
        (lambda content: content[:2] + b"\7" + content[3:], "must be an IDX file"),
        (lambda content: b"", "must be an IDX file"),
        (lambda content: gzip.compress(content)[:-9], "must be a whole file"),
    ],
)
def test_damage(tmp_path, damage, message):
    pair(tmp_path, "train", 9)
    file = tmp_path / "train-images-idx3-ubyte"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(BadData, match=message) as caught:
        open_data(tmp_path)
    assert str(file) in str(caught.value)


def test_files_that_name_no_split(tmp_path):
    pair(tmp_path, "monday", 9)
    assert open_data(tmp_path).splits == {}
    pair(tmp_path, "tuesday", 9)
    with pytest.raises(BadData, match="must name its split"):
        open_data(tmp_path)


def test_wrong_length(tmp_path):
    pair(tmp_path, "train", 9)
    put(tmp_path / "train-labels-idx1-ubyte", np.zeros(8, dtype=np.uint8))
    with pytest.raises(BadData, match="8 targets for the 9 of train-images"):
        open_data(tmp_path)
