"""Kernels and weights as pictures."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from netwright import explain
from netwright._errors import BadValue


def test_a_kernel_in_colour_uses_the_range_around_grey():
    layer = nn.Conv2d(3, 2, 2, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.arange(24.0).reshape(2, 3, 2, 2) - 12)
    found = explain.filters(layer)
    expected = torch.stack([0.5 + layer.weight[0] / 24, 0.5 + layer.weight[1] / 22])
    assert torch.allclose(found, expected)
    together = explain.filters(layer, together=True)
    assert torch.allclose(together, 0.5 + layer.weight / 24)


def test_a_kernel_over_many_channels_shows_how_strongly_it_looks():
    layer = nn.Conv2d(5, 4, 3)
    strength = layer.weight.square().sum(1, keepdim=True).sqrt()
    found = explain.filters(nn.Sequential(nn.Conv2d(3, 5, 3), layer), layer="1")
    assert torch.allclose(found, strength / strength.amax((2, 3), keepdim=True))
    assert torch.allclose(
        explain.filters(layer, together=True), strength / strength.max(), atol=1e-6
    )


def test_one_channel_of_it_is_shown_with_its_sign():
    layer = nn.Conv2d(5, 4, 3)
    found = explain.filters(layer, channel=2)
    own = layer.weight[:, 2:3]
    assert torch.allclose(found, 0.5 + own / (2 * own.abs().amax((2, 3), keepdim=True)))


def test_the_first_convolution_is_shown_also_of_a_compiled_model_in_training():
    model = nn.Sequential(nn.BatchNorm2d(1), nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3))
    opened = explain.filters(torch.compile(model, backend="eager"))
    assert torch.equal(opened, explain.filters(model, layer="1"))
    assert model.training


def test_kernels_of_sequences_and_of_nothing():
    assert explain.filters(nn.Conv1d(1, 2, 5)).shape == (2, 1, 1, 5)
    empty = nn.Conv2d(1, 1, 3)
    nn.init.zeros_(empty.weight)
    assert torch.equal(explain.filters(empty), torch.full((1, 1, 3, 3), 0.5))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"layer": "1"}, "a Linear"),
        ({"layer": "0", "channel": 3}, "from 0 to 2"),
        ({"layer": "0", "channel": -1}, "from 0 to 2"),
        ({"layer": "none"}, "known layer"),
    ],
)
def test_what_has_no_kernels_is_refused(options, words):
    with pytest.raises(BadValue, match=words):
        explain.filters(nn.Sequential(nn.Conv2d(3, 2, 2), nn.Linear(3, 2)), **options)


def test_a_model_without_convolution_is_sent_to_its_weights():
    with pytest.raises(BadValue, match=r"explain\.weights"):
        explain.filters(nn.Linear(2, 2))
