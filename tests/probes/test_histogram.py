"""Counts against numpy, and what is told beside them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from netwright._errors import BadValue
from netwright.probes.histogram import histogram, read_tallies, tally


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("bins", [1, 7, 64])
def test_counts_are_numpys_over_the_same_edges(dtype, bins):
    values = (torch.randn(50, 41) * 3 + 1).to(dtype)
    found = histogram(values, bins=bins)
    expected, _ = np.histogram(values.double().numpy(), bins=np.array(found.edges))
    assert list(found.counts) == expected.tolist()
    assert (found.edges[0], found.edges[-1]) == (values.min().item(), values.max().item())
    assert np.allclose(np.diff(found.edges), (found.largest - found.smallest) / bins, rtol=1e-4)
    assert (found.below, found.above, sum(found.counts), found.n) == (0, 0, 2050, 2050)


def test_given_edges_count_what_lies_outside():
    values = torch.tensor([-2.0, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 7.0])
    found = histogram(values, bins=[0.0, 1.0, 2.0])
    assert (found.below, found.counts, found.above) == (1, (2, 3), 2)


def test_moments_are_numpys_also_far_from_0():
    values = torch.randn(1000) + 4000
    found, expected = histogram(values), values.double().numpy()
    assert found.mean == pytest.approx(expected.mean(), rel=1e-12)
    assert found.deviation == pytest.approx(expected.std(), rel=1e-7)


def test_zeros_dead_units_and_what_is_not_finite():
    values = torch.tensor([[0.0, 0.0, 0.0], [0.0, 2.0, math.nan], [-math.inf, math.inf, 4.0]])
    found = histogram(values, bins=2, unit_axis=0)
    assert (found.zeros, found.non_finite, found.dead) == (4 / 9, 3 / 9, 1 / 3)
    assert (found.smallest, found.largest, found.mean) == (0.0, 4.0, 1.0)
    assert (found.counts, found.below, found.above) == ((4, 2), 0, 0)
    assert histogram(values, unit_axis=1).dead == 0
    assert histogram(values).dead is None


def test_one_number_over_and_over_and_none_that_is_finite():
    same = histogram(torch.full((5,), 3.0), bins=4)
    assert (same.edges[0], same.edges[-1], sum(same.counts)) == (2.5, 3.5, 5)
    none = histogram(torch.full((2,), math.nan), bins=3)
    assert (none.counts, none.non_finite) == ((0, 0, 0), 1.0)
    assert math.isnan(none.mean)


def test_the_widest_range_does_not_overflow():
    widest = torch.tensor([-3e38, 3e38, 0.0])
    assert histogram(widest, bins=3).counts == (1, 1, 1)
    narrow = torch.tensor([1.0, 1.0 + 2**-23])
    found = histogram(narrow, bins=64)
    assert sum(found.counts) == 2
    assert list(found.edges) == sorted(found.edges)


def test_several_are_read_as_one_by_one():
    values = {"a": torch.randn(9), "b": torch.randn(4, 5).double()}
    together = read_tallies({name: tally(one, bins=3) for name, one in values.items()})
    assert together == {name: histogram(one, bins=3) for name, one in values.items()}
    assert together["a"].to_json()["counts"] == list(together["a"].counts)


@pytest.mark.parametrize(
    ("values", "bins", "words"),
    [
        (torch.zeros(0), 4, "at least one number"),
        (torch.zeros(2), 0, "bins must be at least 1"),
        (torch.zeros(2), [1.0], "edges that grow"),
        (torch.zeros(2), [1.0, 1.0], "edges that grow"),
        (torch.zeros(2), [2.0, 1.0], "edges that grow"),
    ],
)
def test_what_cannot_be_counted_is_refused(values, bins, words):
    with pytest.raises(BadValue, match=words):
        histogram(values, bins=bins)
