"""Weights of linear layers as pictures."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from netwright import explain
from netwright._errors import BadValue


def test_a_classifier_has_a_template_of_each_class():
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))
    found = explain.weights(model, shape=(3, 2, 2))
    rows = model[1].weight
    expected = 0.5 + rows / (2 * rows.abs().amax(1, keepdim=True))
    assert torch.allclose(found, expected.reshape(3, 3, 2, 2))


def test_without_a_shape_the_matrix_is_one_picture():
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    found = explain.weights(model, layer="1")
    assert found.shape == (1, 1, 2, 3)
    largest = model[1].weight.abs().max()
    assert torch.allclose(found[0, 0], 0.5 + model[1].weight / (2 * largest))


def test_the_weight_that_works_is_shown_of_a_parametrised_layer():
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(4, 3))
    assert torch.allclose(explain.weights(layer), explain.weights(_plain(layer)))


def _plain(layer):
    plain = nn.Linear(4, 3)
    with torch.no_grad():
        plain.weight.copy_(layer.weight)
    return plain


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"layer": "0"}, "a weight matrix.*a ReLU"),
        ({"shape": (1, 2, 3)}, "of the 4 numbers that 1 reads"),
        ({"shape": (2, 2, 1)}, r"\(1 or 3, h, w\)"),
    ],
)
def test_what_is_no_matrix_of_that_shape_is_refused(options, words):
    with pytest.raises(BadValue, match=words):
        explain.weights(nn.Sequential(nn.ReLU(), nn.Linear(4, 3)), **options)


def test_a_model_without_a_matrix_is_refused():
    with pytest.raises(BadValue, match=r"explain\.filters"):
        explain.weights(nn.Conv2d(1, 2, 3))
