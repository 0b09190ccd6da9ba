from __future__ import annotations

import copy
import pickle

import pytest
import torch
import torch.nn.functional as F

from netwright._errors import BadValue
from netwright.models.classifiers.mlp import MLP


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_parameters_are_counted_by_hand():
    assert count(MLP(3, in_channels=4, hidden=(8, 5))) == (4 * 8 + 8) + (8 * 5 + 5) + (5 * 3 + 3)
    assert count(MLP(3, in_channels=4, hidden=(8,), norm="batch")) == 40 + 16 + 27
    assert count(MLP(10, in_channels=3, image_size=(4, 6), hidden=())) == 72 * 10 + 10


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("relu", lambda x: x.clamp(min=0)),
        ("sigmoid", lambda x: 1 / (1 + torch.exp(-x))),
        ("leaky-relu", lambda x: torch.where(x > 0, x, 0.01 * x)),
        ("elu", lambda x: torch.where(x > 0, x, torch.exp(x) - 1)),
        ("silu", lambda x: x / (1 + torch.exp(-x))),
        ("gelu", lambda x: 0.5 * x * (1 + torch.erf(x / 2**0.5))),
        ("tanh", lambda x: (torch.exp(2 * x) - 1) / (torch.exp(2 * x) + 1)),
    ],
)
def test_forward_and_gradient_equal_the_written_out_products(name, function):
    network = MLP(3, in_channels=4, hidden=(8, 5), activation=name).double()
    inputs = torch.randn(6, 4, dtype=torch.float64)
    leaves = [parameter.detach().clone().requires_grad_() for parameter in network.parameters()]
    w1, b1, w2, b2, w3, b3 = leaves
    expected = function(function(inputs @ w1.T + b1) @ w2.T + b2) @ w3.T + b3
    scores = network(inputs)
    torch.testing.assert_close(scores, expected)
    scores.square().sum().backward()
    expected.square().sum().backward()
    for parameter, leaf in zip(network.parameters(), leaves, strict=True):
        torch.testing.assert_close(parameter.grad, leaf.grad)


def test_norm_stands_between_the_linear_layer_and_the_activation():
    inputs = torch.randn(6, 4)
    for norm in ("batch", "layer"):
        network = MLP(2, in_channels=4, hidden=(8,), norm=norm)
        hidden = inputs @ network.linear1.weight.T + network.linear1.bias
        dim = 0 if norm == "batch" else 1
        spread = hidden.var(dim, unbiased=False, keepdim=True)
        hidden = (hidden - hidden.mean(dim, keepdim=True)) / (spread + 1e-5).sqrt()
        expected = F.linear(hidden.clamp(min=0), network.head.weight, network.head.bias)
        torch.testing.assert_close(network(inputs), expected, rtol=1e-4, atol=1e-5)


def test_dropout_drops_the_stated_share_in_training_only():
    network = MLP(2, in_channels=4, hidden=(4000,), dropout=0.3)
    seen = []
    network.dropout1.register_forward_hook(lambda _, given, out: seen.append((given[0], out)))
    network(torch.randn(1, 4))
    given, dropped = seen[0]
    alive = given != 0
    assert abs(float((dropped[alive] == 0).float().mean()) - 0.3) < 0.05
    network.eval()
    inputs = torch.randn(3, 4)
    assert torch.equal(network(inputs), network(inputs))


def test_pictures_are_flattened():
    network = MLP(2, in_channels=3, image_size=4, hidden=(5,))
    pictures = torch.randn(2, 3, 4, 4)
    assert torch.equal(network(pictures), network(pictures.reshape(2, -1)))


def test_copies_and_pickles_answer_alike():
    network = MLP(2, in_channels=4)
    inputs = torch.randn(1, 4)
    for again in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert torch.equal(again(inputs), network(inputs))


@pytest.mark.parametrize(
    ("keywords", "sentence"),
    [
        ({"hidden": (8, 0)}, "hidden must be"),
        ({"dropout": 1.0}, "dropout must be in"),
        ({"norm": "bach"}, "Did you mean batch"),
        ({"activation": "rellu"}, "Did you mean relu"),
        ({"image_size": (3, 0)}, "image_size must be"),
        ({"image_size": (3, 3, 3)}, "image_size must be"),
    ],
)
def test_what_cannot_be_built_is_refused(keywords, sentence):
    with pytest.raises(BadValue, match=sentence):
        MLP(2, in_channels=4, **keywords)
