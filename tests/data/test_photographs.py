"""Pictures as networks of photographs take them."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from netwright._errors import BadData, BadValue
from netwright.data.dataset import InMemory
from netwright.data.preprocess.catalogue import create, from_state
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


def test_a_recipe_names_it_with_its_numbers_and_its_state_gives_it_back():
    samples, index = InMemory(BYTES), torch.arange(2)
    made = create(
        "photographs", samples=samples, index=index, mean=MEAN, deviation=DEVIATION, size=[4, 6]
    )
    assert torch.equal(made(BYTES), Photographs(MEAN, DEVIATION, size=(4, 6))(BYTES))
    restored = from_state(json.loads(json.dumps(made.state())))
    assert torch.equal(restored(BYTES), made(BYTES))
    assert restored.size == (4, 6)


def test_grey_pictures_are_given_in_three_equal_colours():
    made = create("photographs", samples=InMemory(BYTES[:, :1]), index=torch.arange(2), size=8)
    fitted = made.fitted(BYTES[:, :1])
    assert fitted.shape == (2, 3, 8, 8)
    assert torch.equal(fitted[:, 0], fitted[:, 2])


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"mean": [0.5]}, "mean must be three numbers"),
        ({"deviation": [1.0, 0.0, 1.0]}, "deviation must be above 0"),
        ({"size": [4, 5, 6]}, "size must be a side"),
        ({"sigma": 2}, r"preprocess must be options of photographs \(mean, deviation, size\)"),
    ],
)
def test_other_options_are_refused(options, match):
    with pytest.raises(BadValue, match=match):
        create("photographs", samples=InMemory(BYTES), index=torch.arange(2), **options)


def test_numbers_in_another_range_are_refused():
    with pytest.raises(BadData, match="bytes, or numbers from 0 to 1, for photographs, got"):
        create("photographs", samples=InMemory(BYTES.float()), index=torch.arange(2))
