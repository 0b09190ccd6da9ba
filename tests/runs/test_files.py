from __future__ import annotations

import errno
import json
import math
import os

import numpy as np
import pytest

from netwright._errors import BadType, DamagedRun
from netwright.runs.files import decode, encode, sweep, write_bytes


def test_floats_come_back_exactly():
    random = np.random.default_rng(0)
    numbers = random.integers(0, 2**64, 2000, dtype=np.uint64).view(np.float64)
    finite = [float(n) for n in numbers if math.isfinite(n)] + [0.1, 5e-324, 1.7976931348623157e308]
    again = decode(encode(finite))
    assert [n.hex() for n in again] == [n.hex() for n in finite]
    assert math.copysign(1, decode(encode(-0.0))) == -1


@pytest.mark.parametrize("readable", [False, True])
def test_non_finite_floats_are_valid_json_and_come_back(readable):
    value = {"a": [math.nan, math.inf], "b": {"c": -math.inf, "d": "NaN"}, "e": (1, math.nan)}
    text = encode(value, readable=readable)
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    again = decode(text)
    assert math.isnan(again["a"][0])
    assert again["a"][1] == math.inf
    assert again["b"] == {"c": -math.inf, "d": "NaN"}
    assert math.isnan(again["e"][1])


def test_text_of_any_kind_comes_back():
    value = {"names": ["<script>", "é\u2028", "\ud800", '"\\', "\x00"], "$float": "NaN", "x": 1}
    assert decode(encode(value)) == value
    assert encode(value).isascii()
    assert "\n" not in encode({"line": "a\nb"})


def test_what_is_not_plain_is_refused_with_the_way_out():
    with pytest.raises(BadType, match=r"plain data .* tensor.item\(\)"):
        encode({"loss": np.float32(1)})


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing(tmp_path, monkeypatch):
    path = tmp_path / "recipe.yaml"
    write_bytes(path, b"old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DamagedRun) as caught:
        write_bytes(path, b"new")
    sentence = str(caught.value)
    assert str(path) in sentence
    assert "No space left on device" in sentence
    assert "Free space" in sentence
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["recipe.yaml"]


def test_an_interrupt_leaves_nothing_half_written(tmp_path, monkeypatch):
    def interrupted(old, new):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_bytes(tmp_path / "a", b"new")
    assert os.listdir(tmp_path) == []


def test_sweep_takes_only_temporary_files(tmp_path):
    (tmp_path / "pictures").mkdir()
    for name in (".model.safetensors.17.tmp", "pictures/.0.png.17.tmp", "keep.tmp", ".keep"):
        (tmp_path / name).touch()
    sweep(tmp_path)
    assert sorted(os.listdir(tmp_path)) == [".keep", "keep.tmp", "pictures"]
    assert os.listdir(tmp_path / "pictures") == []
