"""Deletion, beside a loop that takes pixels away one after another."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from netwright import explain
from netwright._errors import BadType, BadValue


def network():
    return nn.Sequential(
        nn.ReLU(inplace=True), nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.ReLU(),
        nn.Flatten(), nn.Linear(4 * 4 * 5, 3),
    ).double()  # fmt: skip


def written_out(model, picture, own, *, fill, steps, target):
    """Each step from scratch: sort all pixels, replace the first of them, soften the scores."""
    count = own.numel()
    at = sorted(range(count), key=lambda place: -own.flatten()[place].item())
    found = []
    for step in range(steps + 1):
        left = picture.clone()
        for place in at[: round(count * step / steps)]:
            left[:, place // own.shape[1], place % own.shape[1]] = fill
        with torch.no_grad():
            scores = model(left[None])[0].numpy()
        found.append(np.exp(scores[target]) / np.exp(scores).sum())
    area = sum((a + b) / 2 for a, b in pairwise(found)) / steps
    return found, area


@pytest.mark.parametrize("batch_size", [1, 4, 5, 100])
def test_each_curve_is_the_written_out_one(batch_size):
    model, pictures, maps = network(), torch.randn(3, 3, 6, 7).double(), torch.randn(3, 6, 7)
    curve = explain.deletion(
        model, pictures, maps=maps, steps=7, fill=0.25, target=[2, 0, 1], batch_size=batch_size
    )
    model.eval()
    for row, target in enumerate((2, 0, 1)):
        values, area = written_out(
            model, pictures[row], maps[row], fill=0.25, steps=7, target=target
        )
        assert np.allclose(curve.values[row], values, atol=1e-12)
        assert curve.areas[row].item() == pytest.approx(area, abs=1e-7)
    assert torch.allclose(curve.shares, torch.arange(8).double() / 7)


def test_the_class_is_the_predicted_one_of_the_whole_picture():
    model, pictures, maps = network().eval(), torch.randn(4, 3, 6, 7).double(), torch.rand(4, 6, 7)
    with torch.no_grad():
        predicted = model(pictures.clone()).argmax(1)
    own = explain.deletion(model, pictures, maps=maps, steps=3)
    given = explain.deletion(model, pictures, maps=maps, steps=3, target=predicted)
    assert torch.equal(own.values, given.values)
    assert (own.values[:, 0] >= 1 / 3).all()


def test_an_additive_model_falls_by_what_goes():
    """f = Σ x: removal in the order of x itself is the lowest curve that any order has."""
    rows = torch.rand(6, 20)
    best, other = (
        explain.deletion(
            nn.Identity(), rows, maps=maps, fill=0.0, steps=20, target=lambda out: out.sum(1)
        )
        for maps in (rows, torch.rand(6, 20))
    )
    gone = rows.sort(1, descending=True).values.cumsum(1)
    assert torch.allclose(best.values[:, 1:], rows.sum(1, keepdim=True) - gone, atol=1e-5)
    assert (best.values <= other.values + 1e-5).all()
    assert torch.allclose(best.values[:, -1], torch.zeros(6), atol=1e-5)


def test_uneven_steps_are_as_even_as_pixels_allow():
    rows = torch.rand(1, 10)
    curve = explain.deletion(
        nn.Identity(), rows, maps=rows, fill=0.0, steps=4, target=lambda out: (out > 0).sum(1) / 10
    )
    assert torch.allclose(curve.shares, 1 - curve.values[0])
    assert curve.shares.tolist() == pytest.approx([0, 0.2, 0.5, 0.8, 1])


def test_more_steps_than_pixels_have_the_same_area():
    rows = torch.rand(1, 4)
    areas = [
        explain.deletion(
            nn.Identity(), rows, maps=rows, fill=0.0, steps=steps, target=lambda out: out.sum(1)
        ).areas
        for steps in (4, 12)
    ]
    assert torch.allclose(*areas)


def test_maps_with_colours_count_by_their_sum():
    model, pictures, maps = network(), torch.randn(2, 3, 6, 7).double(), torch.randn(2, 3, 6, 7)
    full, summed = (explain.deletion(model, pictures, maps=m) for m in (maps, maps.sum(1)))
    assert torch.equal(full.values, summed.values)


def test_a_single_score_counts_by_its_sigmoid():
    model, rows = nn.Linear(4, 1), torch.randn(3, 4)
    curve = explain.deletion(model, rows, maps=rows, fill=0.0, steps=1)
    assert torch.allclose(curve.values[:, 0], model(rows).sigmoid()[:, 0])
    assert torch.allclose(curve.values[:, 1], model.bias.sigmoid().expand(3))


def test_outputs_that_are_no_scores_are_counted_by_a_function():
    class Pair(nn.Module):
        def forward(self, x):
            return {"out": x * 2}

    rows = torch.rand(3, 4)
    curve = explain.deletion(
        Pair(), rows, maps=rows, fill=0.0, steps=2, target=lambda output: output["out"].sum(1)
    )
    assert torch.allclose(curve.values[:, 0], 2 * rows.sum(1))
    with pytest.raises(BadType, match="target=lambda"):
        explain.deletion(Pair(), rows, maps=rows, fill=0.0)


def test_model_and_inputs_are_left_alone():
    model, pictures = network().train(), torch.randn(2, 3, 6, 7).double()
    before = pictures.clone(), {k: v.clone() for k, v in model.state_dict().items()}
    explain.deletion(model, pictures, maps=pictures)
    assert model.training
    assert torch.equal(pictures, before[0])
    assert all(torch.equal(value, before[1][key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize(
    ("keywords", "error", "words"),
    [
        ({"steps": 0}, BadValue, "from 1 to 32767"),
        ({"steps": 40_000}, BadValue, "from 1 to 32767"),
        ({"batch_size": 0}, BadValue, "at least 1"),
        ({"maps": None}, BadType, "real numbers"),
        ({"target": 3}, BadValue, "from 0 to 2"),
    ],
)
def test_what_makes_no_sense_is_refused(keywords, error, words):
    pictures = torch.randn(2, 3, 6, 7).double()
    with pytest.raises(error, match=words):
        explain.deletion(network(), pictures, **({"maps": pictures} | keywords))
