"""The signal through thirty layers: kept by the right law, lost by the others."""

import math

import pytest
import torch
from torch import nn

from netwright.models.classifiers.mlp import MLP
from netwright.models.initialisation.catalogue import initialise
from netwright.models.layers.activation import ACTIVATIONS

DEPTH, WIDTH = 30, 256


def variances(activation, law, options):
    """Mean square after each activation."""
    model = MLP(10, in_channels=WIDTH, hidden=(WIDTH,) * DEPTH, activation=activation)
    initialise(model, law, **options)
    found = []
    for name, module in model.named_children():
        if name.startswith("activation"):
            module.register_forward_hook(lambda _, __, out: found.append(out.square().mean()))
    inputs = torch.randn(200, WIDTH, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        model(inputs)
    return torch.stack(found)


@pytest.mark.parametrize(
    ("activation", "law", "options"),
    [
        ("tanh", "xavier-uniform", {"gain": 5 / 3}),
        ("tanh", "xavier-normal", {"gain": 5 / 3}),
        ("relu", "kaiming-normal", {}),
        ("relu", "kaiming-uniform", {"fan": "out"}),
        ("relu", "orthogonal", {"gain": 2**0.5}),
        ("leaky-relu", "kaiming-normal", {"activation": "leaky-relu"}),
        ("elu", "kaiming-normal", {"activation": "elu"}),
    ],
)
def test_the_right_law_keeps_it(activation, law, options):
    found = variances(activation, law, options)
    ratios = found[10:] / found[9]
    # the logarithm walks by about √(5/width) a layer; one walk in a million goes further than this
    far = math.exp(4.9 * math.sqrt(5 * len(ratios) / WIDTH))
    assert 1 / far < ratios.min() <= ratios.max() < far


def test_xavier_alone_loses_it_slowly_in_tanh():
    """As 1/depth: the first term of tanh is the identity, the next takes away a little."""
    found = variances("tanh", "xavier-normal", {})
    assert 0.2 < (found[29] * 30) / (found[14] * 15) < 2
    assert found[29] > 0.005


@pytest.mark.parametrize(
    ("activation", "law"),
    [
        ("relu", "normal"),
        ("tanh", "normal"),
        ("relu", "heuristic-uniform"),
        ("tanh", "heuristic-uniform"),
        ("relu", "xavier-uniform"),
    ],
)
def test_the_wrong_law_loses_it(activation, law):
    found = variances(activation, law, {})
    assert found[-1] < 1e-6 * found[0]


def test_transposed_convolutions_keep_it_at_any_stride():
    layers = [nn.ConvTranspose2d(24, 24, 4, stride=2, padding=1, groups=2) for _ in range(5)]
    model = nn.Sequential(*[part for layer in layers for part in (layer, nn.ReLU())])
    initialise(model, "kaiming-normal")
    found = []
    for layer in model[1::2]:
        layer.register_forward_hook(
            lambda _, __, out: found.append(out[..., 2:-2, 2:-2].square().mean().item())
        )
    with torch.no_grad():
        model(torch.randn(16, 24, 6, 6, generator=torch.Generator().manual_seed(0)))
    assert 0.5 < found[-1] / found[0] < 2


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_can_be_stacked_thirty_deep(activation):
    model = MLP(3, in_channels=5, hidden=(16,) * 30, activation=activation)
    scores = model(torch.randn(4, 5))
    scores.sum().backward()
    assert scores.isfinite().all()
    assert all(value.grad.isfinite().all() for value in model.parameters())
