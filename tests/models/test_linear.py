from __future__ import annotations

import torch

from netwright.models.catalogue import create
from netwright.models.classifiers.linear import Linear


def test_scores_are_weighted_sums_with_their_gradient():
    network = Linear(3, in_channels=2, image_size=(4, 5)).double()
    inputs = torch.randn(6, 2, 4, 5, dtype=torch.float64)
    weight = network.head.weight.detach().clone().requires_grad_()
    bias = network.head.bias.detach().clone().requires_grad_()
    wanted = torch.einsum("nf,kf->nk", inputs.reshape(6, 40), weight) + bias
    found = network(inputs)
    torch.testing.assert_close(found, wanted)
    found.square().sum().backward()
    wanted.square().sum().backward()
    torch.testing.assert_close(network.head.weight.grad, weight.grad)
    torch.testing.assert_close(network.head.bias.grad, bias.grad)


def test_it_is_found_by_name_and_may_go_through_the_origin():
    network = create("linear", num_classes=1, in_channels=4, bias=False)
    assert [tuple(parameter.shape) for parameter in network.parameters()] == [(1, 4)]
    assert not network(torch.zeros(2, 4)).any()
