"""Pictures as networks of photographs take them."""

import numpy as np
import torch
from PIL import Image

from netwright.data.preprocess.photographs import Photographs

MEAN, DEVIATION = (0.5, 0.4, 0.3), (0.2, 0.25, 0.5)
BYTES = torch.randint(
    0, 256, (2, 3, 12, 20), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
)


def test_each_colour_less_its_mean_over_its_deviation():
    taken = Photographs(MEAN, DEVIATION)(BYTES)
    expected = (BYTES.numpy() / 255 - np.reshape(MEAN, (3, 1, 1))) / np.reshape(
        DEVIATION, (3, 1, 1)
    )
    np.testing.assert_allclose(taken.numpy(), expected, atol=2e-6)


def test_bytes_and_shares_are_the_same_picture():
    photographs = Photographs(MEAN, DEVIATION)
    torch.testing.assert_close(photographs(BYTES), photographs(BYTES.float() / 255))


def test_the_whole_shorter_side_is_seen_and_the_middle_of_the_longer():
    fitted = Photographs(MEAN, DEVIATION, size=(6, 6)).fitted(BYTES)
    middle = Image.fromarray(BYTES[0].permute(1, 2, 0).numpy()).resize(
        (10, 6), Image.Resampling.BILINEAR
    )
    expected = np.asarray(middle)[:, 2:8].transpose(2, 0, 1) / 255
    np.testing.assert_allclose(fitted[0].numpy(), expected, atol=1 / 255)


def test_grey_is_given_as_three_equal_colours():
    grey = BYTES[:, :1]
    fitted = Photographs(MEAN, DEVIATION).fitted(grey)
    assert fitted.shape == (2, 3, 12, 20)
    torch.testing.assert_close(fitted, grey.expand(-1, 3, -1, -1) / 255)


def test_small_pictures_are_enlarged_and_large_ones_left_alone():
    assert Photographs(MEAN, DEVIATION, least_side=24)(BYTES).shape == (2, 3, 24, 40)
    assert Photographs(MEAN, DEVIATION, least_side=8)(BYTES).shape == (2, 3, 12, 20)


def test_the_way_back_is_the_picture():
    photographs = Photographs(MEAN, DEVIATION, size=(6, 6))
    torch.testing.assert_close(photographs.seen(photographs(BYTES)), photographs.fitted(BYTES))
