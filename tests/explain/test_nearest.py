"""Exact nearest neighbours, beside scikit-learn and beside all differences."""

from __future__ import annotations

import sys

import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from netwright._errors import BadType, BadValue
from netwright.explain import nearest as nearest_file_or_function
from netwright.explain.nearest import nearest

ROWS, QUERIES = torch.randn(300, 24), torch.randn(40, 24)


def by_differences(features, queries, count):
    """Index and distance from every difference, the first of equally near rows first."""
    gaps = (features.double()[None] - queries.double()[:, None]).square().sum(2)
    found, index = gaps.sort(dim=1, stable=True)
    return index[:, :count], found[:, :count].sqrt()


def test_the_door_is_the_function():
    assert nearest_file_or_function is nearest


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("dtype", [torch.float, torch.double])
@pytest.mark.parametrize("count", [1, 7, 300])
def test_neighbours_are_scikit_learns(metric, dtype, count):
    features, queries = ROWS.to(dtype), QUERIES.to(dtype)
    found = nearest(features, queries, count=count, metric=metric)
    theirs = NearestNeighbors(n_neighbors=count, metric=metric, algorithm="brute")
    distance, index = theirs.fit(features.double().numpy()).kneighbors(queries.double().numpy())
    assert torch.equal(found.index, torch.from_numpy(index))
    assert torch.allclose(found.distance, torch.from_numpy(distance), atol=1e-12)


def test_the_metrics_differ_by_length():
    features = torch.tensor([[10.0, 0.0], [1.0, 1.0]])
    query = torch.tensor([[1.0, 0.0]])
    assert nearest(features, query, count=1).index.item() == 0
    assert nearest(features, query, count=1, metric="euclidean").index.item() == 1


@pytest.mark.parametrize("pairs", [1, 2000, 7000])
def test_blocks_change_nothing(monkeypatch, pairs):
    whole = nearest(ROWS, QUERIES, count=6)
    monkeypatch.setattr(sys.modules["netwright.explain.nearest"], "_PAIRS_AT_ONCE", pairs)
    parts = nearest(ROWS, QUERIES, count=6)
    assert torch.equal(whole.index, parts.index)
    assert torch.allclose(whole.distance, parts.distance, atol=1e-15)


def test_a_row_is_at_no_distance_from_itself():
    features = ROWS * 1e-3 + 1e4
    found = nearest(features, features, count=2, metric="euclidean")
    assert torch.equal(found.index[:, 0], torch.arange(300))
    assert bool((found.distance[:, 0] == 0).all())
    assert bool((found.distance[:, 1] > 0).all())


def test_far_from_the_origin_and_close_together():
    """Where |a|² − 2ab + |b|² alone has no correct digit left."""
    side = torch.tensor([1.0, -1.0], dtype=torch.double).repeat(100)[
        :, None
    ]  # no centre suits both
    features = torch.randn(200, 5, dtype=torch.double) * 1e-4 + side * torch.tensor(
        [1e7, -3e7, 0, 1, 2]
    )
    queries = features[:20] + torch.randn(20, 5, dtype=torch.double) * 1e-5
    found = nearest(features, queries, count=4, metric="euclidean")
    index, distance = by_differences(features, queries, 4)
    assert torch.equal(found.index, index)
    assert torch.allclose(found.distance, distance, rtol=1e-9)


@pytest.mark.parametrize("copies", [3, 40])
def test_equally_near_rows_come_in_their_order(copies):
    features = ROWS[:5].repeat(copies, 1)
    found = nearest(features, ROWS[:5], count=3, metric="euclidean")
    expected = torch.arange(5)[:, None] + torch.tensor([0, 5, 10])
    assert torch.equal(found.index, expected)


def test_many_bits_alike_are_in_their_order_too():
    features = (torch.rand(500, 6) > 0.5).float()
    found = nearest(features, features, count=9, metric="euclidean")
    index, distance = by_differences(features, features, 9)
    assert torch.equal(found.index, index)
    assert torch.allclose(found.distance, distance)


def test_a_row_of_zeros_has_no_direction():
    features = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    found = nearest(features, features, count=2)
    assert found.distance.tolist() == [[0.0, 0.5], [0.0, 0.5]]


@pytest.mark.parametrize(
    ("features", "queries", "keywords", "error", "words"),
    [
        (ROWS.long(), QUERIES, {}, BadType, "features must be a table"),
        (ROWS, QUERIES[0], {}, BadType, "queries must be a table"),
        (ROWS, QUERIES[:, :3], {}, BadValue, "of 24 columns"),
        (ROWS, QUERIES, {"count": 301}, BadValue, "from 1 to 300"),
        (ROWS, QUERIES, {"count": 0}, BadValue, "from 1 to 300"),
        (ROWS, QUERIES, {"metric": "cosin"}, BadValue, "Did you mean cosine"),
        (ROWS / 0, QUERIES, {}, BadValue, "infinity in rows 0, 1"),
        (ROWS, QUERIES * torch.nan, {}, BadValue, "queries must be finite"),
    ],
)
def test_what_has_no_neighbours_is_refused(features, queries, keywords, error, words):
    with pytest.raises(error, match=words):
        nearest(features, queries, **keywords)
