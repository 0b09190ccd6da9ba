"""Only tensors and arrays come out of a pickle; anything else is refused before it is called."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict

import numpy as np
import pytest
import torch

from netwright.data.depot.entry import NotFetched
from netwright.data.depot.unpickle import arrays, tensors, unpickle


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("admitted", ["numpy", "tensors"])
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_malicious_pickle_is_refused_and_does_nothing(tmp_path, admitted, protocol):
    victim = tmp_path / "victim"
    file = tmp_path / "evil.pkl"
    file.write_bytes(pickle.dumps({"weights": Malicious(victim)}, protocol=protocol))
    with pytest.raises(NotFetched, match=r"evil.pkl can't be read safely: it names posix.mkdir"):
        unpickle(file, admitted=arrays() if admitted == "numpy" else tensors())
    assert not victim.exists()
    pickle.loads(file.read_bytes())  # the same file does act when read carelessly
    assert victim.exists()


def test_a_malicious_pickle_inside_a_tensor_storage_is_refused(tmp_path):
    """A storage carries a pickle of its own; torch's plain loader of it would run anything."""
    victim = tmp_path / "victim"
    inner = tmp_path / "inner.pt"
    torch.save(Malicious(victim), inner, _use_new_zipfile_serialization=False)

    class Storage:
        def __reduce__(self):
            return torch.storage._load_from_bytes, (inner.read_bytes(),)

    file = tmp_path / "evil.pkl"
    file.write_bytes(pickle.dumps(Storage()))
    with pytest.raises(NotFetched, match="can't be read safely"):
        unpickle(file, admitted=tensors())
    assert not victim.exists()


def test_a_pickled_state_dict_is_read(tmp_path):
    state = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)).state_dict()
    (tmp_path / "state.pkl").write_bytes(pickle.dumps(OrderedDict(state)))
    read = unpickle(tmp_path / "state.pkl", admitted=tensors())
    assert list(read) == list(state)
    for name, tensor in state.items():
        torch.testing.assert_close(read[name], tensor, rtol=0, atol=0)


def test_pickled_arrays_are_read(tmp_path):
    values = {"a": {"kernel": np.arange(12.0, dtype=np.float32).reshape(3, 4)}, "labels": [1, 2]}
    (tmp_path / "arrays.pkl").write_bytes(pickle.dumps(values, protocol=4))
    read = unpickle(tmp_path / "arrays.pkl", admitted=arrays())
    np.testing.assert_array_equal(read["a"]["kernel"], values["a"]["kernel"])
    assert read["labels"] == [1, 2]


@pytest.mark.parametrize("content", [b"", b"garbage", pickle.dumps([1, 2])[:-3]])
def test_what_is_no_pickle_is_refused(tmp_path, content):
    (tmp_path / "bad.pkl").write_bytes(content)
    with pytest.raises(NotFetched, match=r"bad.pkl can't be read safely"):
        unpickle(tmp_path / "bad.pkl", admitted=arrays())
