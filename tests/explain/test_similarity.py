"""Ranks, overlaps and structural similarity, beside scipy and written-out sums."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from netwright.explain.trials.similarity import spearman, structural_similarity, top_overlap


def test_ranks_with_ties_are_scipys():
    first = torch.randint(0, 4, (5, 40)).double()
    second = torch.randint(0, 7, (5, 40)).double()
    expected = [
        stats.spearmanr(a, b).statistic for a, b in zip(first.numpy(), second.numpy(), strict=True)
    ]
    assert torch.allclose(spearman(first, second), torch.tensor(expected), atol=1e-12)


def test_a_constant_map_agrees_with_itself_alone():
    flat, other = torch.ones(1, 6), torch.arange(6.0)[None]
    assert spearman(flat, flat).item() == 1
    assert spearman(flat, other).item() == spearman(other, flat).item() == 0


def test_the_highest_in_common():
    first = torch.arange(100.0)[None]
    second = torch.where(torch.arange(100) % 2 == 0, first + 1000, first)
    assert top_overlap(first, second, share=0.1).item() == 0.5
    assert top_overlap(first, -first, share=0.02).item() == 0
    assert top_overlap(first, first, share=1e-9).item() == 1


@pytest.mark.parametrize("size", [(9, 11), (5, 8)])
def test_structural_similarity_is_the_papers_over_every_window(size):
    first, second = torch.randn(2, 3, *size).double().unbind(0)
    wide = min(7, *size)
    for row in range(3):
        one, other = (
            (v - v.min()) / (v.max() - v.min()) for v in (first[row].numpy(), second[row].numpy())
        )
        found = []
        for top in range(size[0] - wide + 1):
            for left in range(size[1] - wide + 1):
                a = one[top : top + wide, left : left + wide].ravel()
                b = other[top : top + wide, left : left + wide].ravel()
                shared = ((a - a.mean()) * (b - b.mean())).mean()
                light = (2 * a.mean() * b.mean() + 1e-4) / (a.mean() ** 2 + b.mean() ** 2 + 1e-4)
                found.append(light * (2 * shared + 9e-4) / (a.var() + b.var() + 9e-4))
        value = structural_similarity(first[row : row + 1], second[row : row + 1])
        assert value.item() == pytest.approx(np.mean(found), abs=1e-12)
