from __future__ import annotations

import pytest
import torch

from netwright._errors import BadValue
from netwright.models.classifiers.perceptron import Perceptron


def test_it_starts_at_zero():
    network = Perceptron(3, in_channels=4)
    assert all(not value.any() for value in network.parameters())
    assert sum(value.numel() for value in network.parameters()) == 3 * 4 + 3


def test_forward_and_gradient_equal_the_written_out_product():
    network = Perceptron(3, in_channels=2, image_size=(4, 5)).double()
    weight = torch.randn(3, 40, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(3, dtype=torch.float64, requires_grad=True)
    network.load_state_dict({"head.weight": weight, "head.bias": bias})
    pictures = torch.randn(6, 2, 4, 5, dtype=torch.float64)
    expected = pictures.reshape(6, 40) @ weight.T + bias
    scores = network(pictures)
    torch.testing.assert_close(scores, expected)
    scores.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(network.head.weight.grad, weight.grad)
    torch.testing.assert_close(network.head.bias.grad, bias.grad)


def test_association_units_fire_above_their_thresholds_and_never_learn():
    network = Perceptron(2, in_channels=5, association_units=7)
    state = network.state_dict()
    connections, thresholds = state["association.connections"], state["association.thresholds"]
    assert set(connections.unique().tolist()) <= {-1, 0, 1}
    rows = torch.randn(9, 5)
    fired = (rows @ connections.T > thresholds).float()
    assert 0 < fired.mean() < 1
    assert torch.equal(network.association(rows), fired)
    assert [name for name, _ in network.named_parameters()] == ["head.weight", "head.bias"]


def test_units_can_not_be_fewer_than_none():
    with pytest.raises(BadValue, match="association_units must be at least 0"):
        Perceptron(2, association_units=-1)
