"""Pictures of what was learned: every tile in its place, with its own grey."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from netwright import explain
from netwright._errors import BadValue
from netwright.explain.drawing.histograms import draw_histograms
from netwright.explain.drawing.pictures import (
    draw_activation_maximisation,
    draw_feature_maps,
    draw_filters,
    draw_weights,
    tiles,
)


def pixels(image):
    return np.asarray(image)


def test_tiles_stand_in_rows_and_keep_their_values():
    pictures = torch.tensor([0.0, 0.2, 0.4, 0.6, 0.8]).reshape(5, 1, 1, 1).expand(5, 1, 2, 3)
    drawn = pixels(tiles(pictures, columns=3, smallest=6))
    assert drawn.shape == (2 + 2 * (4 + 2), 2 + 3 * (6 + 2), 3)
    for place, value in enumerate([0, 51, 102, 153, 204]):
        top, left = 2 + (place // 3) * 6, 2 + (place % 3) * 8
        assert (drawn[top : top + 4, left : left + 6] == value).all()
    assert (drawn[:2] == 255).all()
    assert (drawn[8:, 2 + 2 * 8 :] == 255).all()


def test_colours_and_directions_are_kept():
    picture = torch.zeros(1, 3, 1, 2)
    picture[0, 0, 0, 1] = 1.0
    drawn = pixels(tiles(picture, smallest=1))
    assert drawn[2, 3].tolist() == [255, 0, 0]
    assert drawn[2, 2].tolist() == [0, 0, 0]


def test_filters_weights_and_maps_are_the_tiles_of_their_methods():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(36 * 4, 2))
    inputs = torch.randn(2, 3, 8, 8)
    assert draw_filters(model).tobytes() == tiles(explain.filters(model)).tobytes()
    shape = {"shape": (1, 12, 12)}
    assert (
        draw_weights(model, **shape).tobytes() == tiles(explain.weights(model, **shape)).tobytes()
    )
    drawn = pixels(draw_feature_maps(model, inputs, most=3))
    assert drawn.shape == (2 + 2 * 50, 2 + 3 * 50, 3)
    strongest = explain.feature_maps(model, inputs).maps[1, 0].detach()
    grey = (strongest - strongest.min()) / (strongest.max() - strongest.min())
    assert (drawn[52:100:8, 2:50:8, 0] == (grey * 255).round().byte().numpy()).all()


@pytest.mark.parametrize("limits", [None, explain.value_range(mean=[0.5], std=[0.5])])
def test_maximising_pictures_are_shown_as_what_they_stand_for(limits):
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    options = {"target": [0, 2], "steps": 9, "limits": limits}
    drawn = pixels(draw_activation_maximisation(model, (2, 1, 8, 8), columns=1, **options))
    found = explain.activation_maximisation(model, (2, 1, 8, 8), **options)[1, 0]
    if limits is None:
        shown = (found - found.min()) / (found.max() - found.min())
    else:
        shown = (found + 1) / 2
    assert drawn.shape == (2 + 2 * 50, 52, 3)
    assert (drawn[52:100:6, 2:50:6, 0] == (shown * 255).round().byte().numpy()).all()


def test_rows_are_no_pictures():
    with pytest.raises(BadValue, match="to be drawn"):
        draw_activation_maximisation(nn.Linear(4, 2), (1, 4), target=0, steps=1)


def test_a_histogram_is_as_high_as_the_logarithm_of_its_counts():
    model = nn.Linear(100, 1, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([0.0] * 90 + [3.0] * 10))
    drawn = pixels(draw_histograms(model, bins=4))
    bars = drawn[14 : 14 + 64, 14 : 14 + 200]
    blue = (bars == (42, 111, 187)).all(2).sum(0)
    tallest, other = int(blue[20]), int(blue[180])
    assert int(blue[100]) == 0
    assert other / tallest == pytest.approx(np.log1p(10) / np.log1p(90), abs=0.03)


def test_weights_activations_and_gradients_have_lines_of_their_own():
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    one = draw_histograms(model)
    three = draw_histograms(model, torch.randn(5, 4), loss=torch.sum)
    assert one.width == three.width
    assert three.height - 14 == 3 * (one.height - 14)
    colours = {tuple(colour) for colour in pixels(three).reshape(-1, 3)}
    assert {(42, 111, 187), (58, 143, 92), (200, 100, 27)} <= colours
