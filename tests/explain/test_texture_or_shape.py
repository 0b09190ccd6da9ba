"""Counting decisions where texture and shape differ, on pictures whose answer is known."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from netwright import explain
from netwright._errors import BadType, BadValue


def pictures():
    """Each of two forms (a square, a cross) filled with each of two stripes."""
    grid = torch.arange(16)
    down, across = (grid % 2).float()[:, None].expand(16, 16), (grid % 2).float().expand(16, 16)
    square, cross = torch.zeros(16, 16), torch.zeros(16, 16)
    square[3:13, 3:13] = 1
    cross[6:10], cross[:, 6:10] = 1, 1
    forms, stripes = (square, cross), (down, across)
    conflicts = [(0, 1), (1, 0)]
    shown = torch.stack([forms[s] * (0.5 + stripes[t]) for s, t in conflicts])[:, None]
    return shown, [s for s, _ in conflicts], [t for _, t in conflicts]


class Silhouettes(nn.Module):
    """Sees forms alone: how much is dark near the corners and sides."""

    def forward(self, x):
        filled = nn.functional.avg_pool2d(x, 2)[:, 0] > 0.1
        side = filled[:, 0].float().mean(1) + filled[:, :, 0].float().mean(1)
        return torch.stack([0.1 - side, side - 0.1], dim=1)


class Shuffled(nn.Module):
    """Sees steps between neighbours alone, wherever they are."""

    def forward(self, x):
        down, across = (
            x.diff(dim=2).square().mean((1, 2, 3)),
            x.diff(dim=3).square().mean((1, 2, 3)),
        )
        return torch.stack([down, across], dim=1)


def test_a_net_of_silhouettes_goes_by_shape():
    shown, shapes, textures = pictures()
    found = explain.texture_or_shape(Silhouettes(), shown, shapes=shapes, textures=textures)
    assert (found.shape.value, found.for_shape, found.for_texture) == (1, 2, 0)
    assert found.decisions.tolist() == shapes


def test_a_net_of_small_patches_goes_by_texture():
    shown, shapes, textures = pictures()
    found = explain.texture_or_shape(Shuffled(), shown, shapes=shapes, textures=textures)
    assert (found.shape.value, found.for_shape, found.for_texture) == (0, 0, 2)


def test_third_classes_count_nowhere():
    scores = torch.eye(4)[[0, 0, 0, 1, 2, 3]]
    found = explain.texture_or_shape(
        nn.Identity(), scores, shapes=[0, 0, 0, 2, 2, 2], textures=[1, 1, 3, 1, 1, 1]
    )
    assert (found.for_shape, found.for_texture, found.for_neither) == (4, 1, 1)
    # Wilson's interval for 4 of 5, from its closed form
    z, p, n = 1.959963984540054, 0.8, 5
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5 / (1 + z * z / n)
    assert found.shape.value == 0.8
    assert (found.shape.low, found.shape.high) == pytest.approx((middle - half, middle + half))


def test_nothing_for_either_is_no_share():
    found = explain.texture_or_shape(nn.Identity(), torch.eye(3)[[2]], shapes=[0], textures=[1])
    assert found.shape.value != found.shape.value
    assert (found.shape.low, found.shape.high) == (0, 1)


def test_groups_are_the_mean_of_their_probabilities():
    """The largest score, and the largest sum, are of another group."""
    chances = torch.tensor([[0.4, 0.05, 0.05, 0.05, 0.25, 0.2]])
    groups = [[0, 1, 2, 3], [4, 5]]
    found = explain.texture_or_shape(
        nn.Identity(), chances.log(), shapes=[1], textures=[0], groups=groups
    )
    assert found.decisions.tolist() == [1]


@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_batches_change_nothing_and_the_model_is_left(batch_size):
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(12), nn.Dropout(), nn.Linear(12, 3)).train()
    before = copy.deepcopy(model.state_dict())
    inputs = torch.randn(5, 3, 2, 2)
    found = explain.texture_or_shape(
        model, inputs, shapes=[0] * 5, textures=torch.ones(5).long(), batch_size=batch_size
    )
    with torch.no_grad():
        assert torch.equal(found.decisions, copy.deepcopy(model).eval()(inputs).argmax(1))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert model.training


@pytest.mark.parametrize(
    ("inputs", "keywords", "error", "words"),
    [
        (torch.eye(3), {"shapes": [0, 1, 1]}, BadValue, r"the same in \[1, 2\]"),
        (torch.eye(3), {"shapes": [0, 3, 0]}, BadValue, "from 0 to 2"),
        (torch.eye(3), {"textures": [1, 1]}, BadValue, "3 classes, one for each"),
        (torch.eye(3), {"groups": [[0], [3]]}, BadValue, "from 0 to 2"),
        (torch.eye(3), {"groups": [[0], []]}, BadValue, "none empty"),
        (torch.eye(3), {"batch_size": 0}, BadValue, "at least 1"),
        (torch.ones(3, 1), {}, BadType, "two or more classes"),
    ],
)
def test_what_can_not_be_counted_is_refused(inputs, keywords, error, words):
    asked = {"shapes": [0, 0, 0], "textures": [1, 1, 1], **keywords}
    with pytest.raises(error, match=words):
        explain.texture_or_shape(nn.Identity(), inputs, **asked)
