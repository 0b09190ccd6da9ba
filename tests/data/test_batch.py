"""Nested tensors: what is mapped, and what is left alone."""

from __future__ import annotations

from collections import namedtuple

import torch

from netwright.data.batch import map_tensors

Pair = namedtuple("Pair", ["first", "second"])


def test_every_form_is_mapped_and_kept():
    value = {"list": [torch.ones(2), 3], "pair": Pair(torch.ones(1), "text"), "tuple": (None,)}
    mapped = map_tensors(value, lambda tensor: tensor + 1)
    assert mapped["list"][0].tolist() == [2, 2]
    assert mapped["list"][1] == 3
    assert isinstance(mapped["pair"], Pair)
    assert mapped["pair"].first.tolist() == [2]
    assert mapped["tuple"] == (None,)


def test_a_shape_is_no_record_of_fields():
    mapped = map_tensors({"shape": torch.Size([2, 3])}, torch.clone)
    assert mapped == {"shape": torch.Size([2, 3])}
    assert type(mapped["shape"]) is torch.Size
