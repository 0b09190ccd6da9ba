"""A map has to change when what was learned is gone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from netwright import explain
from netwright._errors import BadType, BadValue


def edges(model, inputs, *, target):
    """A method that looks at the picture and never at the model."""
    across = inputs.diff(dim=3, prepend=inputs[..., :1]).abs()
    down = inputs.diff(dim=2, prepend=inputs[..., :1, :]).abs()
    return (across + down).sum(1)


def network():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 4),
    )  # fmt: skip


PICTURES = torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    "randomisation", [explain.parameter_randomisation, explain.layer_randomisation]
)
def test_an_edge_detector_does_not_react(randomisation):
    found = randomisation(network(), PICTURES, method=edges)
    assert found.layers == ("7", "3", "0")
    assert (found.highest == 1).all()
    assert all((stop.structural > 0.999999).all() for stop in found.stops)


def test_the_gradient_reacts_and_ends_unlike():
    found = explain.parameter_randomisation(network(), PICTURES, method="gradient")
    assert found.highest.shape == (6, 3)
    assert found.stops[-1].signed.abs().mean() < 0.2
    assert (found.stops[0].signed < 0.9999).all()


def test_the_gradient_of_a_linear_model_is_the_drawn_weight():
    """The map is the weight's row, so what is compared is the old row and the new one."""
    model, rows = nn.Linear(50, 3), torch.randn(4, 50)
    seen = []

    def gradient(given, inputs, *, target):
        seen.append(given.weight.detach().clone())
        return explain.gradient(given, inputs, target=target)

    explain.parameter_randomisation(model, rows, method=gradient, target=1, seed=5)
    old, new = seen
    assert torch.equal(old, model.weight)
    assert abs(torch.corrcoef(torch.stack((old.flatten(), new.flatten())))[0, 1]) < 0.3
    same = explain.parameter_randomisation(model, rows, method="gradient", target=1, seed=5)
    assert torch.allclose(same.highest, same.highest[:1].expand(4, 1), atol=1e-6)


def changed(model, randomisation):
    """Which convolutions and linear layers the method was shown anew, stop by stop."""
    kept = {name: value.clone() for name, value in model.named_parameters()}
    shown = []

    def note(given, inputs, *, target):
        now = dict(given.named_parameters())
        shown.append({name[0] for name in kept if not torch.equal(now[name], kept[name])})
        return inputs

    randomisation(model, PICTURES, method=note)
    return shown[1:]


def test_cascading_and_one_by_one():
    model = network()
    with torch.no_grad():
        model[1].weight.uniform_(0.5, 1.5)  # all ones have no spread to be drawn from
    cascading = changed(model, explain.parameter_randomisation)
    assert cascading == [{"7"}, {"7", "3"}, {"7", "3", "1", "0"}]
    assert changed(model, explain.layer_randomisation) == [{"7"}, {"3"}, {"1", "0"}]


def test_only_the_stops_that_are_asked_for_and_the_same_ones():
    model = network()
    full = explain.parameter_randomisation(model, PICTURES, method="saliency", seed=2)
    some = explain.parameter_randomisation(
        model, PICTURES, method="saliency", seed=2, layers=["0", model[7]]
    )
    assert some.layers == ("7", "0")
    assert torch.equal(some.highest, full.highest[:, [0, 2]])


def test_the_class_stays_the_trained_models():
    model, asked = network(), []

    def note(given, inputs, *, target):
        asked.append(target)
        return inputs

    explain.parameter_randomisation(model, PICTURES, method=note)
    predicted = model.eval()(PICTURES).argmax(1)
    assert all(torch.equal(target, predicted) for target in asked)
    assert len(asked) == 4


def test_a_compiled_model_is_the_model():
    model = network()
    compiled = torch.compile(model, backend="eager")
    found, expected = (
        explain.parameter_randomisation(given, PICTURES, method="saliency")
        for given in (compiled, model)
    )
    assert found.layers == expected.layers
    assert torch.equal(found.highest, expected.highest)


def test_the_model_is_left_as_it_was():
    model = network().train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    explain.parameter_randomisation(model, PICTURES, method="saliency")
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(module.training for module in model.modules())


@pytest.mark.parametrize(
    ("keywords", "error", "words"),
    [
        ({"method": "salience"}, BadValue, "Did you mean saliency"),
        ({"method": "pointing-game"}, BadValue, "one that gives maps.*saliency"),
        ({"method": 3}, BadType, "a name or a function"),
        ({"method": lambda *_, target: [1]}, BadType, "gives a tensor"),
        ({"layers": ["2"]}, BadValue, "among 7, 3, 0"),
        ({"layers": ["9"]}, BadValue, "a known layer"),
    ],
)
def test_what_can_not_be_done_is_refused(keywords, error, words):
    with pytest.raises(error, match=words):
        explain.parameter_randomisation(network(), PICTURES, **({"method": "saliency"} | keywords))
