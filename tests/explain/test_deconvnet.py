"""DeconvNet against a written-out chain: unpool, rectify, transposed convolution."""

from __future__ import annotations

import pytest
import torch
from captum.attr import Deconvolution
from torch import nn
from torch.nn import functional as F

from netwright import explain
from netwright._errors import BadValue
from relu_nets import pictures, written


class Chain:
    """A convolutional network with its own way back, of torch's own operations."""

    def __init__(self) -> None:
        self.model = nn.Sequential(
            nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(5, 6, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(24, 4),
        )  # fmt: skip

    def switches(self, x):
        first, second = self.model[0], self.model[3]
        self.first_map, self.first_switches = F.max_pool2d(first(x).relu(), 2, return_indices=True)
        self.second_map = second(self.first_map)
        _, self.second_switches = F.max_pool2d(self.second_map.relu(), 2, return_indices=True)

    def from_class(self, x, k):
        self.switches(x)
        signal = self.model[7].weight[k].view(1, 6, 2, 2).expand(len(x), -1, -1, -1)
        signal = F.max_unpool2d(signal, self.second_switches, 2)
        return self.from_second(signal.clamp(min=0))

    def from_second(self, signal):
        signal = F.conv_transpose2d(signal, self.model[3].weight)
        signal = F.max_unpool2d(signal, self.first_switches, 2)
        return F.conv_transpose2d(signal.clamp(min=0), self.model[0].weight, padding=1)


@pytest.fixture
def chain():
    return Chain()


@pytest.fixture
def inputs():
    return torch.randn(3, 3, 12, 12)


def alone(maps, *places):
    """1 at each example's place, 0 elsewhere."""
    signal = torch.zeros_like(maps)
    for row, place in zip(signal, places, strict=True):
        row[place] = 1.0
    return signal


def test_from_a_class(chain, inputs):
    found = explain.deconvnet(chain.model, inputs, target=2)
    assert torch.allclose(found, chain.from_class(inputs, 2), atol=1e-6)


def test_from_one_unit(chain, inputs):
    chain.switches(inputs)
    expected = chain.from_second(alone(chain.second_map, *[(4, 1, 2)] * 3))
    found = explain.deconvnet(chain.model, inputs, layer="3", unit=(4, 1, 2))
    assert torch.allclose(found, expected, atol=1e-6)
    assert torch.equal(found, explain.deconvnet(chain.model, inputs, layer="3", unit=(4, 1, 2)))


def test_from_the_strongest_unit_of_a_map_and_of_all(chain, inputs):
    chain.switches(inputs)
    maps = chain.second_map
    of_map = [(5, *divmod(int(each[5].argmax()), maps.shape[3])) for each in maps]
    expected = chain.from_second(alone(maps, *of_map))
    found = explain.deconvnet(chain.model, inputs, layer=chain.model[3], unit=5)
    assert torch.allclose(found, expected, atol=1e-6)
    of_all = [tuple(int(i) for i in (each == each.max()).nonzero()[0]) for each in maps]
    assert len(set(of_all)) > 1
    expected = chain.from_second(alone(maps, *of_all))
    assert torch.allclose(explain.deconvnet(chain.model, inputs, layer="3"), expected, atol=1e-6)


@pytest.mark.parametrize("target", [0, [3, 1]])
def test_it_is_captums_where_relus_are_modules(target):
    theirs = Deconvolution(written("modules"))
    with pytest.warns(UserWarning, match="Setting backward hooks"):
        expected = theirs.attribute(pictures().requires_grad_(), target=target)
    found = explain.deconvnet(written("one module reused in place"), pictures(), target=target)
    assert torch.allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_a_relu_passes_back_what_raises_the_score_active_or_not():
    model = nn.Sequential(nn.ReLU(), nn.Linear(3, 1, bias=False))
    model[1].weight.data = torch.tensor([[1.0, 2.0, -3.0]])
    found = explain.deconvnet(model, torch.tensor([[-1.0, 1.0, 1.0]]))
    assert found.tolist() == [[1.0, 2.0, 0.0]]


def test_what_comes_after_the_layer_does_not_matter():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True), nn.GELU(), nn.Linear(4, 2))
    found = explain.deconvnet(model, torch.ones(1, 3), layer="0", unit=1)
    assert torch.equal(found[0], model[0].weight[1])
    with pytest.raises(BadValue, match=r"DeconvNet, got model='GELU in 2'"):
        explain.deconvnet(model, torch.ones(1, 3))


@pytest.mark.parametrize(
    ("keyword", "words"),
    [
        ({"unit": 1}, "unit must be given together with a layer"),
        ({"layer": "0", "target": 1}, "target must be left out where a layer is given"),
        ({"layer": "0", "unit": 5}, r"unit must be an index into \(5, 12, 12\)"),
        ({"layer": "0", "unit": (0, 0, 0, 0)}, "an index into"),
        ({"layer": "first"}, "layer must be a known layer"),
    ],
)
def test_what_does_not_fit_is_refused(chain, inputs, keyword, words):
    with pytest.raises(BadValue, match=words):
        explain.deconvnet(chain.model, inputs, **keyword)


def test_a_layer_that_makes_no_tensor_is_refused():
    model = nn.Sequential(nn.LSTM(3, 4))
    with pytest.raises(BadValue, match="one that makes a tensor, got layer='tuple'"):
        explain.deconvnet(model, torch.randn(5, 2, 3), layer="0")
