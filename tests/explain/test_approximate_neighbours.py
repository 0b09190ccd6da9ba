"""Approximate neighbours beside all differences; their recall is what they say."""

from __future__ import annotations

import sys

import pytest
import torch

from netwright import explain
from netwright._errors import BadType, BadValue, MissingExtra
from netwright.explain.approximate_neighbours import ApproximateNeighbours

ROWS, QUERIES = torch.randn(3000, 16), torch.randn(250, 16)


def exactly(features, queries, count, metric):
    if metric == "cosine":
        features, queries = (torch.nn.functional.normalize(x.double()) for x in (features, queries))
    gaps = torch.cdist(
        queries.double(), features.double(), compute_mode="donot_use_mm_for_euclid_dist"
    )
    found, index = gaps.topk(count, largest=False)
    return index, found.square() / 2 if metric == "cosine" else found


def share_found(found, index):
    hits = [len(set(a) & set(b)) for a, b in zip(found.index.tolist(), index.tolist(), strict=True)]
    return sum(hits) / index.numel()


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_the_recall_asked_for_is_reached_on_all_queries(metric):
    index, _ = exactly(ROWS, QUERIES, 8, metric)
    known = ApproximateNeighbours(ROWS, metric=metric, links=8)
    shares, efforts = [], []
    for recall in (0.5, 0.9, 0.99):
        found = known.nearest(QUERIES, count=8, recall=recall)
        assert found.recall.value >= recall
        shares.append(share_found(found, index))
        efforts.append(found.effort)
        assert found.recall.low <= shares[-1] <= found.recall.high
    assert shares == sorted(shares)
    assert efforts == sorted(efforts)
    assert shares[0] < 0.95
    assert efforts[0] < efforts[-1]


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_distances_are_those_of_the_rows_found(metric):
    known = explain.ApproximateNeighbours(ROWS, metric=metric)
    found = known.nearest(QUERIES, count=5, recall=1)
    index, distance = exactly(ROWS, QUERIES, 5, metric)
    agree = (found.index == index).all(1)
    assert agree.double().mean().item() > 0.95
    assert torch.allclose(found.distance[agree], distance[agree])
    assert bool((found.distance[:, 1:] >= found.distance[:, :-1]).all())
    assert found.recall.value == 1 > found.recall.low


def test_equal_rows_are_all_right():
    found = ApproximateNeighbours(ROWS[:3].repeat(50, 1)).nearest(ROWS[:3], count=4, recall=1)
    assert found.recall.value == 1
    assert torch.allclose(found.distance, torch.zeros(3, 4, dtype=torch.double), atol=1e-12)


def test_the_whole_table_may_be_asked_for():
    found = ApproximateNeighbours(ROWS[:40], links=2).nearest(QUERIES[:2], count=40)
    assert found.index.sort().values.tolist() == [list(range(40))] * 2


def test_a_recall_that_is_not_reached_is_refused(monkeypatch):
    known = ApproximateNeighbours(ROWS, links=4)
    lost = torch.arange(5).expand(250, 5).numpy()
    monkeypatch.setattr(known, "_index", Blind(lost))
    with pytest.raises(BadValue, match=r"recall must be at most 0\.\d+, what is reached"):
        known.nearest(QUERIES)


class Blind:
    """Finds the same rows whatever is asked."""

    def __init__(self, rows):
        self.rows, self.hnsw = rows, type("Settings", (), {"efSearch": 0})()

    def search(self, asked, count):
        return None, self.rows[: len(asked), :count].copy()


def test_without_faiss_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingExtra, match=r"netwright\[neighbours\]"):
        ApproximateNeighbours(ROWS)


@pytest.mark.parametrize(
    ("ask", "error", "words"),
    [
        (lambda: ApproximateNeighbours(ROWS.long()), BadType, "a table of real numbers"),
        (lambda: ApproximateNeighbours(ROWS, metric="l1"), BadValue, "known metric"),
        (lambda: ApproximateNeighbours(ROWS, links=1), BadValue, "at least 2"),
        (lambda: ApproximateNeighbours(ROWS).nearest(QUERIES, recall=0), BadValue, "above 0"),
        (lambda: ApproximateNeighbours(ROWS).nearest(QUERIES[:, :2]), BadValue, "16 columns"),
        (lambda: ApproximateNeighbours(ROWS[:3]).nearest(QUERIES), BadValue, "from 1 to 3"),
    ],
)
def test_what_can_not_be_answered_is_refused(ask, error, words):
    with pytest.raises(error, match=words):
        ask()
