"""Arrays and tensors: layouts, targets, splits, and what is refused."""

import numpy as np
import pytest
import torch

from netwright._errors import BadData, BadType, BadValue
from netwright.data.dataset import InputKind, TargetKind
from netwright.data.open import open_data

Y = np.arange(12) % 3


def numbers(*shape, dtype=np.float32):
    return (np.arange(np.prod(shape)).reshape(shape) % 200).astype(dtype)


@pytest.mark.parametrize(
    ("shape", "dtype", "kind", "expected"),
    [
        ((12, 5), np.float64, InputKind.TENSOR, (12, 5)),
        ((12,), np.int64, InputKind.TENSOR, (12, 1)),
        ((12, 6, 7), np.uint8, InputKind.IMAGE, (12, 1, 6, 7)),
        ((12, 6, 7), np.float16, InputKind.IMAGE, (12, 1, 6, 7)),
        ((12, 3, 6, 7), np.uint8, InputKind.IMAGE, (12, 3, 6, 7)),
        ((12, 6, 7, 3), np.uint8, InputKind.IMAGE, (12, 3, 6, 7)),
        ((12, 6, 7, 1), np.float32, InputKind.IMAGE, (12, 1, 6, 7)),
        ((12, 3, 6, 3), np.uint8, InputKind.IMAGE, (12, 3, 6, 3)),
        ((12, 2, 3, 4, 5), np.float32, InputKind.TENSOR, (12, 2, 3, 4, 5)),
    ],
)
@pytest.mark.parametrize("wrap", [np.asarray, torch.from_numpy])
def test_shapes_tell_what_an_example_is(shape, dtype, kind, expected, wrap):
    x = numbers(*shape, dtype=dtype)
    data = open_data((wrap(x), wrap(Y)))
    values = data.samples.values
    assert (data.input_kind, tuple(values.shape)) == (kind, expected)
    assert values.dtype == (torch.uint8 if dtype is np.uint8 else torch.float32)
    moved = np.moveaxis(x, -1, 1) if x.ndim == 4 and shape != expected else x
    np.testing.assert_array_equal(values.numpy(), moved.reshape(expected).astype(np.float32))
    assert data.target.values.tolist() == Y.tolist()
    assert data.labels[3] == "x[3]"


def test_pictures_in_a_wider_type_than_bytes():
    x = numbers(12, 6, 7, dtype=np.int64)
    assert open_data((x, Y)).samples.values.dtype == torch.uint8
    assert open_data((x + 100, Y)).samples.values.dtype == torch.float32


def test_inputs_alone():
    for spec in (numbers(12, 5), (numbers(12, 5),)):
        data = open_data(spec)
        assert data.target.kind is TargetKind.NONE
        assert data.target.values is None
    assert open_data((numbers(12, 5), Y), kind="none").target.kind is TargetKind.NONE


@pytest.mark.parametrize(
    ("y", "kind", "shape"),
    [
        (np.arange(12) % 2, "binary", (12,)),
        (np.arange(12) % 2 == 0, "binary", (12,)),
        (np.arange(12) / 5, "real", (12,)),
        (np.arange(12)[:, None] / 5, "real", (12,)),
        (np.arange(24).reshape(12, 2) / 5, "real", (12, 2)),
        (np.arange(24).reshape(12, 2) % 3 % 2, "multi-label", (12, 2)),
        (np.eye(3)[np.arange(12) % 3], "classes", (12,)),
        (np.eye(2, dtype=bool)[np.arange(12) % 2], "binary", (12,)),
        (["a", "b", "c"] * 4, "classes", (12,)),
        (np.array(["a", "b"] * 6), "binary", (12,)),
        (np.array(["a", "b"] * 6, dtype=object), "binary", (12,)),
        (np.array([1, 2] * 6, dtype=object), "binary", (12,)),
        (torch.arange(12) % 4, "classes", (12,)),
        (torch.linspace(0, 1, 12).bfloat16(), "real", (12,)),
    ],
)
def test_targets_by_their_values(y, kind, shape):
    target = open_data((numbers(12, 5), y)).target
    assert (target.kind, tuple(target.values.shape)) == (kind, shape)


def test_a_hundred_classes_are_classes_and_a_hundred_ages_are_not():
    labels = np.arange(1000) % 100
    assert open_data((numbers(1000, 2), labels)).target.kind is TargetKind.CLASSES
    assert open_data((numbers(1000, 2), labels + 1)).target.kind is TargetKind.REAL


def test_class_names_are_the_values():
    target = open_data((numbers(12, 5), Y * 5 + 7)).target
    assert (target.names, target.values.tolist()) == (("7", "12", "17"), Y.tolist())


def test_splits():
    data = open_data(
        {
            "valid": (numbers(3, 5), Y[:3]),
            "train": (numbers(12, 5), Y),
            "test": (numbers(6, 5), Y[:6]),
        }
    )
    assert {name: len(index) for name, index in data.splits.items()} == {
        "val": 3,
        "train": 12,
        "test": 6,
    }
    np.testing.assert_array_equal(data.samples.take(data.splits["test"]).numpy(), numbers(6, 5))
    assert data.labels[3] == "train x[0]"


def test_the_inputs_are_not_copied():
    x = numbers(12, 5)
    assert open_data((x, Y)).samples.values.data_ptr() == x.ctypes.data


def test_read_only_and_turned_arrays():
    x = numbers(12, 5)
    x.flags.writeable = False
    assert open_data((x, Y)).samples.values.shape == (12, 5)
    np.testing.assert_array_equal(open_data((x[::-1], Y)).samples.values.numpy(), x[::-1])
    big_endian = x.astype(">f4")
    np.testing.assert_array_equal(open_data((big_endian, Y)).samples.values.numpy(), x)


def test_groups_and_times_follow_what_is_left_out():
    x = numbers(12, 5)
    x[4, 2] = np.nan
    data = open_data((x, Y), group=list("aabbccddeeff"), time=range(12), skip_bad=True)
    assert data.groups.tolist() == [0, 0, 1, 1, 2, 3, 3, 4, 4, 5, 5]
    assert data.times.tolist() == [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11]
    with pytest.raises(BadData, match="group must be one value for each example, got 3"):
        open_data((numbers(12, 5), Y), group=[1, 2, 3])
    with pytest.raises(BadType, match="time must be one value for each"):
        open_data((numbers(12, 5), Y), time="when")


def test_nan_and_infinity_are_named_or_left_out():
    x, y = numbers(12, 5), np.arange(12) / 5
    x[3, 1], x[7, 0], y[9] = np.nan, np.inf, np.nan
    with pytest.raises(BadData, match=r"x\[3\].*x\[7\].*x\[9\] \(missing"):
        open_data((x, y))
    data = open_data((x, y), skip_bad=True)
    assert [fault.what for fault in data.skipped] == ["x[3]", "x[7]", "x[9]"]
    assert len(data) == 9
    assert data.samples.values.isfinite().all()
    np.testing.assert_allclose(data.target.values, np.delete(y, [3, 7, 9]), rtol=1e-6)


def test_skipping_keeps_the_splits_in_place():
    x = numbers(12, 5)
    x[0, 0] = np.nan
    data = open_data({"train": (x, Y), "test": (numbers(6, 5), Y[:6])}, skip_bad=True)
    assert data.splits["train"].tolist() == list(range(11))
    assert data.splits["test"].tolist() == list(range(11, 17))
    assert data.labels[data.splits["test"][0]] == "test x[0]"


def test_missing_words():
    y = np.array(["a", None, "b", "a"] * 3, dtype=object)
    with pytest.raises(BadData, match=r"x\[1\] \(missing.*x\[5\].*x\[9\]"):
        open_data((numbers(12, 5), y))
    assert open_data((numbers(12, 5), y), skip_bad=True).target.names == ("a", "b")


@pytest.mark.parametrize(
    ("spec", "error", "match"),
    [
        ((numbers(12, 5), Y[:4]), BadData, "wrong length.*4 targets for the 12 of x"),
        (numbers(0, 5), BadData, "at least one example"),
        ((numbers(12, 0), Y), BadData, r"at least one number.*\(12, 0\)"),
        ((numbers(12, 5), np.zeros(12, dtype=int)), BadData, "one class only: 0"),
        ((numbers(12, 5), ["a"] * 12), BadData, "one class only: a"),
        ((numbers(12, 5), np.zeros((12, 2, 2))), BadData, r"got shape \(12, 2, 2\)"),
        (np.array(["a", "b"]), BadType, "x must be numbers"),
        ((numbers(2, 2), Y, Y), BadType, "pair .* got tuple of 3"),
        ([1, 2], BadType, "got list of 2"),
        (7, BadType, "got int"),
        ({"trian": (numbers(12, 5), Y)}, BadValue, "Did you mean train"),
        ({"val": numbers(2, 5), "valid": numbers(2, 5)}, BadData, "once each"),
        ({}, BadData, "once each"),
        ({"train": numbers(2, 5), "test": numbers(2, 4)}, BadData, r"one shape .*\(4,\), \(5,\)"),
        ({"train": (numbers(12, 5), Y), "test": numbers(2, 5)}, BadData, "none for test x"),
        (np.full((3, 2), np.nan), BadData, r"x\[0\].*x\[1\].*x\[2\]"),
    ],
)
def test_bad_arrays(spec, error, match):
    with pytest.raises(error, match=match):
        open_data(spec)


def test_nothing_usable():
    with pytest.raises(BadData, match="none of 3"):
        open_data(np.full((3, 2), np.nan), skip_bad=True)


def test_size_and_channels_of_pictures_in_memory():
    x = numbers(12, 6, 6, 3, dtype=np.uint8)
    assert tuple(open_data((x, Y), image_size=4, channels=1).samples.values.shape) == (12, 1, 4, 4)
    assert tuple(open_data((x, Y), image_size=(4, 5)).samples.values.shape) == (12, 3, 4, 5)
    with pytest.raises(BadValue, match="image_size must be left out for inputs that are no pictur"):
        open_data((numbers(12, 5), Y), image_size=4)
    with pytest.raises(BadData, match="pictures of 2 channels"):
        open_data((numbers(12, 2, 6, 6), Y), channels=3)
