"""The examples a model finds most alike, and the features they are compared by."""

from __future__ import annotations

import copy

import pytest
import torch
from sklearn.neighbors import NearestNeighbors
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from netwright import explain
from netwright._errors import BadType, BadValue
from netwright.explain.inside.layer_features import layer_features


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(inplace=True))
        self.words = nn.GRU(6, 5, batch_first=True)
        self.hidden, self.head = nn.Linear(6, 4), nn.Linear(4, 3)
        self.unused = nn.Linear(2, 2)

    def forward(self, x):
        maps = self.stem(x)
        self.words(maps.flatten(2).transpose(1, 2))
        return self.head(nn.functional.dropout(self.hidden(maps.mean((2, 3))), 0.5, self.training))


@pytest.fixture
def net():
    return Net().train()


@pytest.fixture
def pictures():
    return torch.rand(30, 3, 8, 8)


def by_hand(net, pictures):
    """What its parts give, in evaluation mode."""
    net = copy.deepcopy(net).eval()
    with torch.no_grad():
        maps = net.stem(pictures)
        normed = net.stem[1](net.stem[0](pictures))
        return {
            None: net.hidden(maps.mean((2, 3))),
            "stem": maps.mean((2, 3)),
            "stem.1": normed.mean((2, 3)),
            "hidden": net.hidden(maps.mean((2, 3))),
            "head": net(pictures),
        }


@pytest.mark.parametrize("layer", [None, "stem", "stem.1", "hidden", "head"])
@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_features_are_what_the_layer_makes(net, pictures, layer, batch_size):
    found = layer_features(net, pictures, layer=layer, batch_size=batch_size)
    assert torch.allclose(found, by_hand(net, pictures)[layer], atol=1e-6)


def test_a_layer_that_is_written_over_is_seen_before(net, pictures):
    """The ReLU after it works in place."""
    assert bool((layer_features(net, pictures, layer="stem.1") < 0).any())


def test_sequences_are_averaged_over_their_places():
    model = nn.Sequential(nn.Linear(3, 4), nn.Flatten(), nn.Linear(20, 2))
    rows = torch.randn(6, 5, 3)
    found = layer_features(model, rows, layer=model[0])
    assert torch.allclose(found, model[0](rows).mean(1), atol=1e-6)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_neighbours_are_scikit_learns_on_the_models_features(net, pictures, metric):
    own = by_hand(net, pictures)[None].double().numpy()
    theirs = NearestNeighbors(n_neighbors=4, metric=metric, algorithm="brute").fit(own[5:])
    distance, index = theirs.kneighbors(own[:5])
    found = explain.neighbours(net, pictures[:5], among=pictures[5:], count=4, metric=metric)
    assert torch.equal(found.index, torch.from_numpy(index))
    assert torch.allclose(found.distance, torch.from_numpy(distance), atol=1e-4)


def test_examples_may_come_in_batches(net, pictures):
    whole = explain.neighbours(net, pictures[:3], among=pictures)
    labelled = DataLoader(TensorDataset(pictures, torch.arange(30)), batch_size=8)
    for batches in (labelled, pictures.split(7), [{}, pictures][1:]):
        found = explain.neighbours(net, pictures[:3], among=batches)
        assert torch.equal(found.index, whole.index)


def test_the_model_is_left_as_it_was(net, pictures):
    before = copy.deepcopy(net.state_dict())
    other, state = torch.rand(2, 4, 8, 8), torch.get_rng_state()
    explain.neighbours(net, pictures[:2], among=pictures, layer="stem")
    with pytest.raises(RuntimeError):
        explain.neighbours(net, other, among=pictures, layer="stem")
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert all(module.training for module in net.modules())
    assert not any(module._forward_hooks for module in net.modules())
    assert torch.equal(state, torch.get_rng_state())


def test_a_compiled_model_has_the_same_neighbours(net, pictures):
    compiled = torch.compile(net, backend="eager")
    with torch.no_grad():
        compiled(pictures)
    found = explain.neighbours(compiled, pictures[:3], among=pictures, layer="stem")
    own = explain.neighbours(net, pictures[:3], among=pictures, layer="stem")
    assert torch.equal(found.index, own.index)


def test_doubles_and_halves():
    model, rows = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)), torch.randn(4, 3)
    assert layer_features(model.double(), rows.double(), layer="0").dtype == torch.double
    assert layer_features(model.bfloat16(), rows.bfloat16(), layer="0").dtype == torch.float


@pytest.mark.parametrize(
    ("inputs", "keywords", "error", "words"),
    [
        (3, {}, BadType, "a tensor, or batches"),
        ([{"x": 1}], {}, BadType, "tuples whose first part"),
        ([], {}, BadValue, "at least one batch"),
        (torch.rand(2, 3, 8, 8), {"batch_size": 0}, BadValue, "at least 1"),
        (torch.rand(2, 3, 8, 8), {"layer": "stm"}, BadValue, "Did you mean stem"),
        (torch.rand(2, 3, 8, 8), {"layer": "words"}, BadValue, "makes a tensor"),
        (torch.rand(2, 3, 8, 8), {"layer": "unused"}, BadValue, "one that the model uses"),
    ],
)
def test_what_has_no_features_is_refused(net, inputs, keywords, error, words):
    with pytest.raises(error, match=words):
        layer_features(net, inputs, **keywords)


def test_a_layer_without_a_row_for_each_input_is_refused():
    model = nn.Sequential(nn.Flatten(0), nn.Unflatten(0, (2, 3)), nn.Linear(3, 2))
    with pytest.raises(BadValue, match=r"for 2 inputs, got layer='0: \(6,\)'"):
        layer_features(model, torch.rand(2, 3), layer="0")
