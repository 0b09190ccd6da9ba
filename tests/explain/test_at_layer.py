"""Derivatives by what a layer gives: networks whose inputs are tokens."""

from __future__ import annotations

import pytest
import torch
from captum.attr import LayerIntegratedGradients
from torch import nn

from netwright import explain
from netwright._errors import BadType, BadValue, NetwrightError
from relu_nets import pictures, written


class Tokens(nn.Module):
    """Words to classes; what follows the embedding begins in place."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 6)
        self.recurrent = nn.LSTM(6, 5, batch_first=True)
        self.last = nn.Linear(5, 3)
        self.doubled = lambda x: x.mul_(2.0)

    def forward(self, tokens):
        x = self.doubled(self.embedding(tokens))
        return self.last(self.recurrent(x)[0][:, -1].tanh())


@pytest.fixture
def model():
    return Tokens()


@pytest.fixture
def tokens():
    return torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8]])


def rest(model, embedded):
    return model.last(model.recurrent(2 * embedded)[0][:, -1].tanh())


def test_gradient_by_the_embedding(model, tokens):
    embedded = model.embedding(tokens).detach().requires_grad_()
    expected = torch.autograd.grad(rest(model, embedded)[:, 2].sum(), embedded)[0]
    found = explain.gradient(model, tokens, target=2, layer="embedding")
    assert torch.allclose(found, expected)
    assert torch.equal(explain.saliency(model, tokens, target=2, layer="embedding"), found.abs())


def test_gradient_by_a_layer_within_a_network_of_pictures():
    model, inputs = written("one module reused in place"), pictures()
    found = explain.gradient(model, inputs, target=1, layer="hidden")
    seen = []
    with model.hidden.register_forward_hook(lambda *run: seen.append(run[2].clone())):
        model(inputs)
    assert torch.equal(found, (seen[0] > 0) * model.last.weight[1])


def test_integrated_gradients_by_the_embedding_are_captums(model, tokens):
    model.doubled = lambda x: 2.0 * x  # theirs can't begin in place
    padding = torch.zeros_like(tokens)
    theirs = LayerIntegratedGradients(model, model.embedding)
    expected = theirs.attribute(tokens, padding, target=1, n_steps=20)
    found = explain.integrated_gradients(
        model, tokens, target=1, layer="embedding", baseline=padding[0], steps=20, batch_size=7
    )
    assert torch.allclose(found, expected, atol=1e-6)
    gap = explain.completeness(
        model, tokens, values=found, target=1, layer="embedding", baseline=padding[0]
    )
    assert gap.abs().max() < 1e-4


def test_without_a_baseline_the_layer_gives_zeros(model, tokens):
    found = explain.integrated_gradients(model, tokens, target=1, layer="embedding", steps=40)
    zero = rest(model, torch.zeros(2, 4, 6))
    expected = (model(tokens) - zero)[:, 1]
    assert torch.allclose(found.flatten(1).sum(1), expected, atol=1e-4)


def test_smoothgrad_by_the_embedding(model, tokens):
    still = explain.smoothgrad(model, tokens, layer="embedding", noise=0.0, samples=2)
    assert torch.allclose(still, explain.gradient(model, tokens, layer="embedding"), atol=1e-6)


def test_tokens_without_a_layer_are_told_the_way_out(model, tokens):
    for method in (explain.gradient, explain.integrated_gradients, explain.smoothgrad):
        with pytest.raises(BadType, match=r"real numbers.*layer= the embedding"):
            method(model, tokens)


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        ("recurrent", "one that makes a tensor"),
        ("embeding", "Did you mean embedding"),
    ],
)
def test_a_layer_that_can_not_be_used_is_refused(model, tokens, layer, words):
    with pytest.raises(BadValue, match=words):
        explain.gradient(model, tokens, layer=layer)
    assert not any(module._forward_hooks for module in model.modules())


def test_a_layer_that_runs_more_than_once_or_never_is_refused():
    model = written("one module reused")
    with pytest.raises(BadValue, match="one that runs once, got layer='rectify'"):
        explain.gradient(model, pictures(), layer="rectify")
    model.spare = nn.Linear(1, 1)
    with pytest.raises(NetwrightError, match="one that the model uses, got layer='spare'"):
        explain.gradient(model, pictures(), layer="spare")
