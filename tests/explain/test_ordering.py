"""The order of a map's pixels."""

from __future__ import annotations

import pytest
import torch

from netwright._errors import BadType, BadValue
from netwright.explain.trials.ordering import ordered, places


def test_from_the_highest_to_the_lowest():
    assert ordered(torch.tensor([0.1, 5.0, -3.0, 2.0])).tolist() == [1, 3, 0, 2]


def test_equal_pixels_are_drawn_and_not_taken_from_the_top():
    flat = torch.zeros(1000)
    first = ordered(flat, seed=1)
    assert torch.equal(first, ordered(flat, seed=1))
    assert not torch.equal(first, ordered(flat, seed=2))
    assert sorted(first.tolist()) == list(range(1000))
    assert abs(first[:500].double().mean() - 500) < 60


def test_colours_are_summed_and_maps_and_rows_taken_as_they_are():
    pictures, rows = torch.randn(2, 3, 4, 5), torch.randn(2, 7)
    assert torch.equal(places(pictures, pictures), pictures.sum(1).flatten(1))
    assert torch.equal(places(pictures[:, 0], pictures), pictures[:, 0].flatten(1))
    assert torch.equal(places(rows, rows), rows)


@pytest.mark.parametrize(
    ("maps", "error", "words"),
    [
        (torch.zeros(2, 2, 2), BadValue, r"or \(2, 4, 5\), got .*interpolate enlarges"),
        (torch.full((2, 4, 5), torch.nan), BadValue, "infinity in picture 0"),
        (torch.zeros(2, 4, 5, dtype=torch.long), BadType, "real numbers"),
        ([1.0], BadType, "real numbers"),
    ],
)
def test_maps_that_do_not_fit_are_refused(maps, error, words):
    with pytest.raises(error, match=words):
        places(maps, torch.zeros(2, 3, 4, 5))
