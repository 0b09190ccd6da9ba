"""Matches of pictures with known displacements, and beside all pairs of places."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from netwright import explain
from netwright._errors import BadValue
from netwright.explain.drawing.matches import drawn_matches

DOWN, ACROSS = 12, 8  # of the crop, in pixels


def network():
    """Strides of 4 in all; its places stand at 5.5, 9.5, …: 4 p + (1 + 4 + 4 ⋅ 2 − 2) / 2."""
    return nn.Sequential(
        nn.Conv2d(3, 12, 2, stride=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Sequential(nn.Conv2d(12, 24, 3), nn.ReLU(inplace=True)),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(24, 2),
    )


@pytest.fixture
def picture():
    return torch.rand(1, 3, 60, 72, generator=torch.Generator().manual_seed(5))


def test_a_picture_matches_itself_place_by_place(picture):
    (found,) = explain.feature_matching(network(), picture, other=picture, layer="3")
    assert len(found.first) == 13 * 16
    assert torch.equal(found.first, found.second)
    assert found.distance.max().item() < 1e-3
    assert sorted(set(found.first[:, 0].tolist())) == [5.5 + 4 * step for step in range(16)]
    assert sorted(set(found.first[:, 1].tolist())) == [5.5 + 4 * step for step in range(13)]


def test_a_crop_matches_at_its_true_displacement(picture):
    crop = picture[:, :, DOWN:, ACROSS:]
    (found,) = explain.feature_matching(network(), picture, other=crop, layer="3", ratio=0.5)
    assert len(found.first) == 10 * 14
    moved = found.first - found.second
    assert torch.equal(moved, torch.tensor([[ACROSS, DOWN]]).double().expand_as(moved))


def test_a_padded_network_matches_a_crop_within(picture):
    model = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 16, 3, 2, padding=1))
    crop = picture[:, :, DOWN:, ACROSS:]
    (found,) = explain.feature_matching(model, picture, other=crop, layer="1", ratio=0.3)
    moved = found.first - found.second
    assert len(moved) > 400
    assert torch.equal(moved, torch.tensor([[ACROSS, DOWN]]).double().expand_as(moved))


def by_all_pairs(first, second, ratio):
    """The places of two maps (d, h, w) that match, written out."""
    (h, w), (h2, w2) = first.shape[1:], second.shape[1:]
    here, there = (one / one.norm(dim=0) for one in (first, second))
    gaps = torch.tensor(
        [
            [(here[:, i, j] - there[:, k, m]).norm() for k in range(h2) for m in range(w2)]
            for i in range(h)
            for j in range(w)
        ]
    )
    found = []
    for place in range(h * w):
        best = int(gaps[place].argmin())
        row, column = divmod(best, w2)
        apart = [
            float(gaps[place, k * w2 + m])
            for k in range(h2)
            for m in range(w2)
            if max(abs(k - row), abs(m - column)) > 1
        ]
        back = int(gaps[:, best].argmin()) == place
        if back and float(gaps[place, best]) < ratio * min(apart):
            found.append((place, best))
    return set(found)


@pytest.mark.parametrize("ratio", [0.7, 0.95, 1.0])
@pytest.mark.parametrize("pairs", [1, 4_000_000])
def test_matches_are_those_of_all_pairs(monkeypatch, ratio, pairs):
    import sys

    module = sys.modules["netwright.explain.feature_matching"]
    monkeypatch.setattr(module, "_PAIRS_AT_ONCE", pairs)
    first = torch.randn(1, 4, 5, 7, dtype=torch.double)
    second = torch.randn(1, 4, 6, 5, dtype=torch.double)
    second[0, :, 1:6, 0:5] += 0.6 * first[0, :, :, 1:6]
    model = nn.Sequential(nn.Conv2d(4, 4, 1, bias=False)).double()
    model[0].weight.data = torch.eye(4).double()[:, :, None, None]
    (found,) = explain.feature_matching(model, first, other=second, layer="0", ratio=ratio)
    places = {
        (int(y) * 7 + int(x), int(y2) * 5 + int(x2))
        for (x, y), (x2, y2) in zip(found.first.tolist(), found.second.tolist(), strict=True)
    }
    assert places == by_all_pairs(first[0], second[0], ratio)
    assert bool((found.distance.diff() >= 0).all())


def test_pairs_together_are_pairs_one_by_one(picture):
    model = network()
    inputs = torch.rand(3, 3, 40, 40)
    other = inputs.roll(8, 3) + 0.01 * torch.rand(3, 3, 40, 40)
    together = explain.feature_matching(model, inputs, other=other, layer=model[3])
    for number, found in enumerate(together):
        (alone,) = explain.feature_matching(
            model, inputs[number : number + 1], other=other[number : number + 1], layer="3"
        )
        assert torch.equal(found.first, alone.first)
        assert torch.equal(found.second, alone.second)


def test_even_pictures_match_nowhere():
    even = torch.ones(1, 3, 40, 40)
    (found,) = explain.feature_matching(network(), even, other=even, layer="3", ratio=1)
    assert len(found.first) == 0


def test_the_model_is_left_as_it_was(picture):
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout()).train()
    before = copy.deepcopy(model.state_dict())
    explain.feature_matching(model, picture, other=picture, layer="1")
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(module.training and not module._forward_hooks for module in model.modules())


def test_lines_join_the_places(picture):
    other = picture[:, :, DOWN:, ACROSS:]
    (found,) = explain.feature_matching(network(), picture, other=other, layer="3")
    dark = [torch.zeros_like(one[0]) for one in (picture, other)]
    drawn = drawn_matches(found, first=dark[0], second=dark[1], most=1)
    assert drawn.size == (72 + 64, 60)
    (x, y), (x2, y2) = found.first[0].tolist(), found.second[0].tolist()
    middle = (round((x + x2 + 72) / 2), round((y + y2) / 2))
    lit = [drawn.getpixel((middle[0], middle[1] + step)) for step in (-1, 0, 1)]
    assert any(sum(colour) > 200 for colour in lit)
    assert sum(drawn.getpixel((0, 0))) == 0
    with pytest.raises(BadValue, match="at least 1"):
        drawn_matches(found, first=dark[0], second=dark[1], most=0)


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"layer": "9"}, "a known layer"),
        ({"layer": "5"}, r"layer must be one with maps"),
        ({"layer": "4"}, "places stand evenly"),
        ({"layer": "3", "ratio": 0}, "above 0"),
        ({"layer": "3", "other": torch.rand(2, 3, 60, 72)}, "one for each input"),
    ],
)
def test_what_can_not_be_matched_is_refused(picture, keywords, words):
    with pytest.raises(BadValue, match=words):
        explain.feature_matching(network(), picture, **{"other": picture, **keywords})
