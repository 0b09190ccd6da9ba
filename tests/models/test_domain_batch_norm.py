from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from netwright._errors import BadValue
from netwright.models.classifiers.convnet import ConvNet
from netwright.models.layers.domain_batch_norm import DomainBatchNorm, in_domain, per_domain


def test_each_domain_is_a_batch_norm_of_its_own():
    first, second = nn.BatchNorm2d(3), nn.BatchNorm2d(3)
    layer = DomainBatchNorm(first, domains=2)
    streams = torch.randn(4, 2, 5, 3, 4, 4)
    streams[:, 1] = streams[:, 1] * 3 + 7
    for one, other in streams:
        layer.domain = 0
        torch.testing.assert_close(layer(one), first(one))
        layer.domain = 1
        torch.testing.assert_close(layer(other), second(other))
    for norm, alone in zip(layer.norms, (first, second), strict=True):
        torch.testing.assert_close(norm.running_mean, alone.running_mean)
        torch.testing.assert_close(norm.running_var, alone.running_var)
    layer.domain = 1
    weights = torch.randn(5, 3, 4, 4)
    (layer(streams[0, 0]) * weights).sum().backward()
    (second(streams[0, 0]) * weights).sum().backward()
    torch.testing.assert_close(layer.norms[1].weight.grad, second.weight.grad)
    assert layer.norms[0].weight.grad is None


def test_any_network_is_made_so_and_answers_as_before():
    network = ConvNet(4, in_channels=1, image_size=8, widths=(8, 8), block="residual")
    pictures = torch.randn(6, 1, 8, 8)
    network(pictures)  # statistics that are not those of a fresh network
    network.eval()
    changed = per_domain(network, domains=3)
    norms = [one for one in network.modules() if isinstance(one, nn.BatchNorm2d)]
    made = [one for one in changed.modules() if isinstance(one, DomainBatchNorm)]
    assert len(made) == len(norms) > 3
    for domain in range(3):
        with in_domain(changed, domain):
            assert torch.equal(changed(pictures), network(pictures))
    assert not any(isinstance(one, DomainBatchNorm) for one in network.modules())


def test_another_domain_leaves_the_first_alone():
    network = ConvNet(4, in_channels=1, image_size=8, widths=(8, 8))
    changed = per_domain(network, domains=2)
    before = copy.deepcopy(changed).eval()
    with in_domain(changed, 1):
        changed.train()(torch.randn(6, 1, 8, 8) * 5 + 9)
    changed.eval()
    pictures = torch.randn(3, 1, 8, 8)
    assert torch.equal(changed(pictures), before(pictures))
    with in_domain(changed, 1):
        assert not torch.equal(changed(pictures), before(pictures))


def test_one_that_is_used_twice_stays_one():
    norm = nn.BatchNorm1d(3)
    changed = per_domain(nn.Sequential(norm, nn.Linear(3, 3), norm), domains=2)
    assert changed[0] is changed[2]
    assert isinstance(per_domain(norm, domains=2), DomainBatchNorm)


def test_a_wrong_domain_or_network_is_refused():
    with pytest.raises(BadValue, match="network must be one with batch normalisation"):
        per_domain(nn.Linear(2, 2), domains=2)
    with pytest.raises(BadValue, match="domains must be at least 1"):
        DomainBatchNorm(nn.BatchNorm2d(2), domains=0)
    layer = DomainBatchNorm(nn.BatchNorm2d(2), domains=2)
    with (
        pytest.raises(BadValue, match="domain must be from 0 to 1, got domain=2"),
        in_domain(layer, 2),
    ):
        pass
    with pytest.raises(BadValue, match="See per_domain"), in_domain(nn.Linear(2, 2), 0):
        pass
