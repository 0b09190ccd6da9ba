"""Insertion, beside a loop that reveals pixels one after another."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from netwright import explain
from netwright._errors import BadType


def test_each_curve_is_the_written_out_one():
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 42, 8), nn.Tanh(), nn.Linear(8, 4)).double()
    pictures, maps = torch.randn(2, 3, 6, 7).double(), torch.randn(2, 6, 7)
    curve = explain.insertion(model, pictures, maps=maps, steps=6, fill=-1.0, target=3)
    for row in range(2):
        order = sorted(range(42), key=lambda place: -maps[row].flatten()[place].item())
        for step in range(7):
            seen = torch.full_like(pictures[row], -1.0)
            for place in order[: 7 * step]:
                seen[:, place // 7, place % 7] = pictures[row, :, place // 7, place % 7]
            scores = model(seen[None])[0].detach().numpy()
            expected = np.exp(scores[3]) / np.exp(scores).sum()
            assert curve.values[row, step].item() == pytest.approx(expected, abs=1e-12)
    heights = curve.values.numpy()
    area = ((heights[:, 1:] + heights[:, :-1]) / 2).sum(1) / 6
    assert np.allclose(curve.areas, area, atol=1e-7)


def test_it_begins_with_a_blur_and_ends_with_the_picture():
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 5))
    pictures = torch.randn(2, 1, 8, 8)
    curve = explain.insertion(model, pictures, maps=pictures, steps=4, target=1)
    assert torch.allclose(curve.values[:, 0], model(explain.blurred(pictures)).softmax(1)[:, 1])
    assert torch.allclose(curve.values[:, -1], model(pictures).softmax(1)[:, 1])
    assert curve.shares.tolist() == [0, 0.25, 0.5, 0.75, 1]


def test_an_additive_model_rises_by_what_comes():
    rows = torch.rand(6, 20)
    best, other = (
        explain.insertion(
            nn.Identity(), rows, maps=maps, fill=0.0, steps=20, target=lambda out: out.sum(1)
        )
        for maps in (rows, torch.rand(6, 20))
    )
    come = rows.sort(1, descending=True).values.cumsum(1)
    assert torch.allclose(best.values[:, 1:], come, atol=1e-5)
    assert (best.areas > other.areas).all()


def test_maps_that_are_none_are_refused():
    with pytest.raises(BadType, match="real numbers"):
        explain.insertion(nn.Linear(2, 2), torch.ones(1, 2), maps=[1.0, 2.0], fill=0.0)
