"""The control knows nothing, and is the same each time."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from netwright import explain
from netwright._errors import BadValue
from netwright.explain.catalogue import CATALOGUE

MODEL = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 2))


def test_even_numbers_of_the_pictures_size():
    found = explain.random_map(MODEL, torch.rand(20, 3, 8, 8))
    assert found.shape == (20, 8, 8)
    assert abs(found.mean() - 0.5) < 0.05
    assert abs(found.var() - 1 / 12) < 0.01
    assert explain.random_map(nn.Linear(4, 2), torch.rand(3, 4)).shape == (3, 4)


def test_one_by_one_as_together_and_one_of_its_own_for_each_picture():
    pictures = torch.rand(4, 3, 8, 8)
    found = explain.random_map(MODEL, pictures)
    alone = torch.cat([explain.random_map(MODEL, one) for one in pictures.split(1)])
    assert torch.equal(found, alone)
    assert len({tuple(one.flatten().tolist()) for one in found}) == 4
    assert not torch.equal(found, explain.random_map(MODEL, pictures, seed=1))


@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.bfloat16])
def test_of_the_inputs_kind(kind):
    model = nn.Linear(4, 2).to(kind)
    assert explain.random_map(model, torch.rand(3, 4).to(kind)).dtype == kind


def test_a_class_that_there_is_not_is_refused():
    with pytest.raises(BadValue, match="from 0 to 1"):
        explain.random_map(MODEL, torch.rand(1, 3, 8, 8), target=2)


def test_it_is_in_the_catalogue():
    assert CATALOGUE.entry("random-map").facts["gives"] == "map"
