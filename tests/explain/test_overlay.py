"""Maps drawn over pictures: place, sign, scale."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from netwright._errors import BadValue
from netwright.explain.drawing.overlay import as_picture, overlay, scale_of

GREY = torch.full((1, 16, 16), 128, dtype=torch.uint8)


def pixels(image):
    return np.asarray(image).astype(int)


def test_colour_lies_where_the_map_is_strong():
    heat = torch.zeros(16, 16)
    heat[2, 13] = 1.0
    drawn = pixels(overlay(heat, GREY, side=160).image)
    assert drawn.shape == (160, 160, 3)
    red, _, blue = drawn[25, 135]
    assert red > 180 > blue  # yellow
    assert len(set(drawn[25, 115])) == 1  # the picture's grey elsewhere


def test_for_is_red_and_against_is_blue():
    heat = torch.zeros(16, 16)
    heat[0, 0], heat[15, 15] = 2.0, -2.0
    drawn = overlay(heat, GREY, side=16)
    assert drawn.scale.signed
    first, last = pixels(drawn.image)[0, 0], pixels(drawn.image)[15, 15]
    assert first[0] > first[2] + 40
    assert last[2] > last[0] + 40


def test_colours_of_an_attribution_are_added_up():
    heat = torch.zeros(3, 4, 4)
    heat[0, 1, 1], heat[1, 1, 1] = 1.0, -1.0
    heat[2, 2, 2] = 1.0
    drawn = pixels(overlay(heat, GREY[:, :4, :4], side=4).image)
    assert len(set(drawn[1, 1])) == 1  # they cancel
    assert len(set(drawn[2, 2])) > 1


def test_a_few_outliers_do_not_darken_the_rest_and_are_told_of():
    values = torch.ones(100, 100)
    values[0, :10] = 1000.0
    scale = scale_of(values)
    assert scale.high == 1.0
    assert scale.clipped == pytest.approx(0.001)
    assert str(scale) == "0 to 1, 0.1\u202f% beyond"
    even = scale_of(torch.linspace(-1, 2, 101)[None])
    assert (even.high, even.clipped) == (2.0, 0.0)
    assert str(even) == "−2 to 2"


def test_a_map_of_zeros_draws_nothing_and_says_so():
    drawn = overlay(torch.zeros(16, 16), GREY, side=16)
    assert str(drawn.scale) == "0 everywhere"
    assert np.ptp(pixels(drawn.image)) == 0


def test_a_map_that_is_not_finite_is_refused():
    with pytest.raises(BadValue, match="map must be finite"):
        overlay(torch.full((4, 4), torch.nan), GREY[:, :4, :4])


def test_a_coarse_map_is_enlarged_over_a_fine_picture():
    picture = torch.zeros(3, 70, 100, dtype=torch.uint8)
    drawn = pixels(overlay(torch.tensor([[0.0, 1.0]]), picture, side=200).image)
    assert drawn.shape == (140, 200, 3)
    assert drawn[70, 190].sum() > drawn[70, 5].sum() + 100


def test_small_pictures_keep_their_pixels_and_floats_are_spread():
    small = torch.tensor([[[0.0, 1.0], [0.5, 0.25]]])
    assert set(np.unique(pixels(as_picture(small, side=64)))) == {0, 64, 128, 255}
    wide = torch.tensor([[[-2.0, 2.0]]])
    assert set(np.unique(pixels(as_picture(wide, side=2)))) == {0, 255}
    two = torch.stack([torch.zeros(2, 2), torch.ones(2, 2)])
    assert set(np.unique(pixels(as_picture(two, side=2)))) == {128}
