"""What takes the place of a pixel."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from netwright._errors import BadValue
from netwright.explain.trials.fill import blurred, channel_mean, filled

PICTURES = torch.rand(2, 3, 40, 30, dtype=torch.double)


def test_numbers_tensors_and_functions():
    assert (filled(PICTURES, 0.5) == 0.5).all()
    colours = torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1)
    assert filled(PICTURES, colours)[1, 2, 5, 5] == 3
    assert torch.equal(filled(PICTURES, lambda given: -given), -PICTURES)


def test_the_mean_is_of_each_colour_of_each_picture():
    found = channel_mean(PICTURES)
    assert found.shape == PICTURES.shape
    assert found[1, 2, 7, 3].item() == pytest.approx(np.mean(PICTURES[1, 2].numpy()))


def test_the_blur_is_scipys_with_weights_that_make_up_for_the_border():
    there = np.ones((40, 30))
    for row in range(2):
        for colour in range(3):
            picture = PICTURES[row, colour].numpy()
            sums, weights = (
                gaussian_filter(v, 5.0, mode="constant", truncate=10) for v in (picture, there)
            )
            assert np.allclose(blurred(PICTURES)[row, colour], sums / weights, atol=1e-6)


def test_the_blur_of_a_large_picture_is_a_twentieth_of_its_longer_side():
    picture = torch.rand(1, 1, 12, 160, dtype=torch.double)
    there = np.ones((12, 160))
    sums, weights = (
        gaussian_filter(v, 8.0, mode="constant", truncate=20)
        for v in (picture[0, 0].numpy(), there)
    )
    assert np.allclose(blurred(picture)[0, 0], sums / weights, atol=1e-6)


@pytest.mark.parametrize(
    ("fill", "words"),
    [(torch.zeros(7), "spread over the inputs' shape"), (float("nan"), "finite")],
)
def test_a_fill_that_does_not_fit_is_refused(fill, words):
    with pytest.raises(BadValue, match=words):
        filled(PICTURES, fill)


@pytest.mark.parametrize("fill", [channel_mean, blurred])
def test_rows_have_no_colours(fill):
    with pytest.raises(BadValue, match=r"Give fill a number: 0\.0"):
        filled(torch.zeros(2, 5), fill)
