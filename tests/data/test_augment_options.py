"""What a recipe says of an augmentation and can't mean."""

import math

import pytest
import torch

from netwright._errors import BadValue
from netwright.data.augment.compose import Augment


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ({"name": "shift", "fraction": "big"}, r"shift\.fraction must be a number, got"),
        ({"name": "flip", "probability": None}, r"flip\.probability must be a number, got"),
        ({"name": "mixup", "probability": True}, r"mixup\.probability must be a number, got"),
        ({"name": "random-crop", "padding": 4.5}, r"random-crop\.padding must be a whole number"),
        ({"name": "random-crop", "border": [1]}, r"random-crop\.border must be a number or a name"),
        ({"name": "affine", "fill": "edge"}, r"affine\.fill must be a number, or left out"),
        ({"name": "random-resized-crop", "scale": 0.5}, r"scale must be a list of numbers"),
        ({"name": "random-resized-crop", "ratio": [1, math.inf]}, "ratio must be two numbers"),
    ],
)
def test_options_of_another_kind_are_refused_in_a_sentence(entry, sentence):
    with pytest.raises(BadValue, match=sentence):
        Augment([entry], seed=0)


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "shift", "fill": 300}, {"name": "random-crop", "border": -1},
        {"name": "cutout", "fill": 0.5}, {"name": "affine", "fill": 256},
        {"name": "elastic", "fill": -5.0}, {"name": "shift", "fill": math.nan},
    ],
)  # fmt: skip
def test_what_bytes_cannot_hold_is_no_border_for_them(entry):
    augment = Augment([{"name": "flip"}, entry], seed=0)
    pictures = torch.zeros(2, 3, 8, 8)
    assert augment(pictures, torch.arange(2), epoch=0).shape == pictures.shape
    with pytest.raises(BadValue, match="must be a whole number from 0 to 255 for pictures"):
        augment(pictures.byte(), torch.arange(2), epoch=0)


def test_nor_for_a_set_that_is_moved_while_gathered():
    augment = Augment([{"name": "shift", "fill": 300}], seed=0)
    with pytest.raises(BadValue, match="from 0 to 255"):
        augment.whole(torch.zeros(2, 3, 8, 8, dtype=torch.uint8), at_most=10**9)
