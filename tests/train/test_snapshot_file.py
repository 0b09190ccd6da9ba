"""The file of a snapshot: the same state again, every damage found, nothing executed."""

from __future__ import annotations

import hashlib
import json
import math
import os
import pickle
import random

import pytest
import torch
from torch import nn

from netwright._errors import BadType, DamagedRun
from netwright.train.snapshot_file import read_snapshot, write_snapshot
from snapshot_kit import equal, state

HEAD = 40


def disguised(content: bytes) -> bytes:
    """Any content under a right checksum, as a stranger may make it."""
    return b"NWSNAP02" + hashlib.sha256(content).digest() + content


def saying(index: object, rest: bytes = b"") -> bytes:
    words = json.dumps(index).encode()
    head = len(words).to_bytes(8, "little") + words
    return disguised(head + bytes(-len(head) % 64) + rest)


def test_there_and_back(tmp_path):
    file = tmp_path / "one.snapshot"
    write_snapshot(file, state())
    assert equal(read_snapshot(file), state())
    assert [path.name for path in tmp_path.iterdir()] == ["one.snapshot"]


TENSORS = {
    **{
        str(dtype): torch.arange(6).to(dtype).reshape(2, 3)
        for dtype in (
            *(torch.bool, torch.uint8, torch.int16, torch.int64, torch.float16, torch.bfloat16),
            *(torch.float32, torch.float64, torch.complex64, torch.float8_e4m3fn),
        )
    },
    "scalar": torch.tensor(2.5),
    "empty": torch.empty(0, 3),
    "channels last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
    "transposed": torch.randn(3, 4).T,
    "expanded": torch.ones(1, 3).expand(4, 3),
    "every other": torch.arange(10)[::2],
    "conjugated": torch.randn(3, dtype=torch.complex64).conj(),
    "negated": torch.randn(3, dtype=torch.complex64).conj().imag,
    "parameter": nn.Parameter(torch.randn(2)),
    "not finite": torch.tensor([math.nan, math.inf, -0.0]),
}


@pytest.mark.parametrize("name", TENSORS)
def test_tensors_of_any_form(tmp_path, name):
    tensor = TENSORS[name].detach()
    write_snapshot(tmp_path / "one", {"tensor": tensor})
    found = read_snapshot(tmp_path / "one")["tensor"]
    wanted = tensor.resolve_conj().resolve_neg().contiguous()
    assert (found.dtype, found.shape) == (tensor.dtype, tensor.shape)
    bits = [one.contiguous().reshape(-1).view(torch.uint8) for one in (found, wanted)]
    assert torch.equal(*bits)
    if name in ("channels last", "transposed"):
        assert found.stride() == tensor.stride()


def test_a_sparse_tensor(tmp_path):
    adjacency = torch.eye(3).to_sparse()
    write_snapshot(tmp_path / "one", {"adjacency": adjacency})
    assert torch.equal(read_snapshot(tmp_path / "one")["adjacency"].to_dense(), torch.eye(3))


def test_numbers_and_the_rest(tmp_path):
    plain = {
        "floats": [0.1, -0.0, math.inf, -math.inf, 1e-310, 2.0],
        "whole": [2**80, -1, True, False, None],
        (1, "two"): torch.Size([3, 4]),
        "kind": [torch.bfloat16, torch.device("cuda:1"), b"\x00\xff"],
        "words": "é\ud800\n",
        "nested": ({}, [], ()),
    }
    write_snapshot(tmp_path / "one", plain)
    found = read_snapshot(tmp_path / "one")
    assert equal(found, plain)
    assert math.copysign(1, found["floats"][1]) == -1
    write_snapshot(tmp_path / "nan", {"nan": math.nan})
    assert math.isnan(read_snapshot(tmp_path / "nan")["nan"])


def test_a_view_does_not_bring_its_whole_storage(tmp_path):
    write_snapshot(tmp_path / "view", {"row": torch.zeros(1000, 1000)[0]})
    assert (tmp_path / "view").stat().st_size < 20_000


def test_a_large_tensor_is_written_in_pieces(tmp_path):
    large = {"large": torch.arange(3_000_001), "small": torch.ones(3)}
    write_snapshot(tmp_path / "one", large)
    assert equal(read_snapshot(tmp_path / "one"), large)


def damages(good: bytes) -> list[bytes]:
    """Every byte altered in turn, every length it may be cut to, ranges blanked or doubled."""
    chance = random.Random(0)
    made = [good[:cut] for cut in range(len(good))] + [good + b"\0"]
    for place in range(len(good)):
        altered = bytearray(good)
        altered[place] ^= 1 << chance.randrange(8)
        made.append(bytes(altered))
    for _ in range(2000):
        start, end = sorted(chance.sample(range(len(good) + 1), 2))
        made.append(good[:start] + good[end:])
        made.append(good[:start] + chance.randbytes(end - start) + good[end:])
        made.append(good[:end] + good[start:])
        blank = good[:start] + bytes(end - start) + good[end:]
        if blank != good:
            made.append(blank)
    return made


def test_every_damage_is_found(tmp_path, monkeypatch):
    file = tmp_path / "one.snapshot"
    write_snapshot(file, state())
    good = file.read_bytes()
    for content in damages(good):
        monkeypatch.setattr("pathlib.Path.read_bytes", lambda self, found=content: found)
        with pytest.raises(DamagedRun, match=r"must be whole, got a wrong checksum in .*one"):
            read_snapshot(file)
    monkeypatch.undo()
    assert equal(read_snapshot(file), state())


def test_an_older_file_is_refused_before_it_is_looked_into(tmp_path):
    file = tmp_path / "old"
    payload = pickle.dumps(Bomb())
    file.write_bytes(b"NWSNAP01" + hashlib.sha256(payload).digest() + payload)
    with pytest.raises(DamagedRun, match="must be whole"):
        read_snapshot(file)


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("exploded",)


@pytest.mark.parametrize("zipped", [True, False])
def test_nothing_is_executed(tmp_path, monkeypatch, zipped):
    monkeypatch.chdir(tmp_path)
    torch.save({"method": Bomb()}, tmp_path / "payload", _use_new_zipfile_serialization=zipped)
    payload = (tmp_path / "payload").read_bytes()
    for content in (payload, pickle.dumps(Bomb(), protocol=2)):
        archive = ["map", [["method", ["archive", 0, len(content)]]]]
        for bomb in (disguised(content), saying(archive, content)):
            (tmp_path / "bomb").write_bytes(bomb)
            with pytest.raises(DamagedRun, match="must hold plain tensors"):
                read_snapshot(tmp_path / "bomb")
    assert not (tmp_path / "exploded").exists()


DEEP = json.loads("[" * 900 + "]" * 900)


@pytest.mark.parametrize(
    "content",
    [
        *(disguised(content) for content in (b"", b"rubbish", b"\x80\x02.", b"PK\x03\x04")),
        disguised((2**63).to_bytes(8, "little") + b"{}"),
        disguised((30000).to_bytes(8, "little") + b"[" * 30000),
        *(
            saying(index, bytes(64))
            for index in (
                5,
                [],
                ["list", []],
                ["bomb", 3],
                ["map", [[["list", []], 1]]],
                ["map", [["a", ["dtype", "nn"]]]],
                ["map", [["a", ["dtype", "save"]]]],
                ["map", [["a", ["device", "moon"]]]],
                ["map", [["a", DEEP]]],
                *(
                    ["map", [["a", ["tensor", *tensor]]]]
                    for tensor in (
                        [0, 8, "float32", [2], [2]],
                        [0, 8, "float32", [2], [-1]],
                        [0, 8, "float32", [-2], [1]],
                        [0, 8, "float32", [3], [1]],
                        [0, 8, "float32", [2, 10**12], [0, 0]],
                        [-8, 8, "float32", [2], [1]],
                        [60, 8, "float32", [2], [1]],
                        [0, 2**70, "float32", [2**68], [1]],
                        [0, 0, "float32", [0, 2**70], [1, 1]],
                        [0, 8, "load", [2], [1]],
                    )
                ),
            )
        ),
    ],
)
def test_rubbish_with_a_right_checksum(tmp_path, content):
    file = tmp_path / "rubbish"
    file.write_bytes(content)
    with pytest.raises(DamagedRun, match="must hold plain tensors"):
        read_snapshot(file)


@pytest.mark.parametrize(
    ("bad", "place"),
    [
        ({"stateful": {"pool": {"kept": {1, 2}}}}, r"state\['stateful'\]\['pool'\]\['kept'\].*set"),
        ({"list": [0, Bomb()]}, r"state\['list'\]\[1\] must be a tensor.*Bomb"),
        ({torch.nn.Linear: 1}, "a key of state"),
    ],
)
def test_what_could_not_be_read_again_is_not_written(tmp_path, bad, place):
    write_snapshot(tmp_path / "one", state())
    with pytest.raises(BadType, match=place):
        write_snapshot(tmp_path / "one", bad)
    assert equal(read_snapshot(tmp_path / "one"), state())
