import json
import math
import random

import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import netwright
from netwright._errors import BadType
from netwright._random import capture
from netwright.cli.main import app
from netwright.models.classifiers.mlp import MLP
from netwright.probes.signal import signal_propagation


def net():
    return nn.Sequential(
        nn.Conv2d(2, 3, 3),
        nn.BatchNorm2d(3),
        nn.ReLU(inplace=True),
        nn.Dropout(0.5),
        nn.Flatten(),
        nn.Linear(3 * 16, 4),
    )


def pictures():
    return torch.randn(8, 2, 6, 6, generator=torch.Generator().manual_seed(2)) + 1


def state(model):
    return (
        {name: value.clone() for name, value in model.state_dict().items()},
        [(name, part.training, len(part._forward_hooks)) for name, part in model.named_modules()],
        [(value.requires_grad, value.grad) for value in model.parameters()],
    )


def same(first, second):
    tensors = all(torch.equal(first[0][name], second[0][name]) for name in first[0])
    return tensors and first[1:] == second[1:]


def test_every_number_is_what_torch_says():
    torch.manual_seed(0)
    model, inputs = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3)), torch.randn(7, 5)
    found = signal_propagation(model, inputs, loss=lambda out: out.square().sum() / 7)
    first = model[0](inputs)
    second = first.tanh()
    third = model[2](second)
    gradients = torch.autograd.grad(third.square().sum() / 7, (first, second, third))
    for layer, value, gradient in zip(found.layers, (first, second, third), gradients, strict=True):
        assert layer.mean == pytest.approx(value.mean().item(), rel=1e-5)
        assert layer.variance == pytest.approx(value.var(correction=0).item(), rel=1e-5)
        assert layer.gradient_norm == pytest.approx(gradient.norm().item(), rel=1e-5)
    assert [layer.depth for layer in found.layers] == [1, 2, 3]
    assert [layer.shape for layer in found.layers] == [(4,), (4,), (3,)]


def test_the_model_and_the_random_state_stay_as_they_were():
    model = net().train()
    model[3].eval()
    before, generators = state(model), json.dumps(capture(), default=str)
    first = signal_propagation(model, pictures())
    assert same(before, state(model))
    assert json.dumps(capture(), default=str) == generators
    torch.rand(3), np.random.rand(), random.random()
    assert signal_propagation(model, pictures()) == first
    with torch.no_grad():
        assert signal_propagation(model.requires_grad_(False), pictures()) == first


@pytest.mark.parametrize("where", ["forward", "loss", "backward"])
def test_also_when_something_fails(where):
    model = net()
    before, generators = state(model), json.dumps(capture(), default=str)

    def loss(scores):
        if where == "loss":
            raise RuntimeError("lost")
        return scores  # no scalar: backward refuses it

    inputs = pictures()[:, :1] if where == "forward" else pictures()
    with pytest.raises(RuntimeError):
        signal_propagation(model, inputs, loss=loss)
    assert same(before, state(model))
    assert json.dumps(capture(), default=str) == generators


def test_norms_are_seen_as_the_first_step_meets_them():
    model = net().eval()
    norm = signal_propagation(model, pictures()).layers[1]
    assert norm.kind == "BatchNorm2d"
    assert norm.variance == pytest.approx(1, abs=1e-3)


def test_a_layer_that_is_called_twice_has_two_rows():
    tanh, layer = nn.Tanh(), nn.Linear(3, 3)
    found = signal_propagation(nn.Sequential(layer, tanh, layer, tanh), torch.randn(5, 3))
    assert [one.place for one in found.layers] == ["0", "1", "0 (2)", "1 (2)"]
    assert len({one.variance for one in found.layers}) == 4


def test_tokens_and_several_inputs():
    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.layer = nn.Embedding(9, 4), nn.LSTM(4, 5, batch_first=True)

        def forward(self, tokens, scale):
            return self.layer(self.words(tokens) * scale)

    tokens = torch.randint(9, (6, 3))
    found = signal_propagation(Reader(), (tokens, torch.tensor(2.0)))
    named = signal_propagation(Reader(), {"tokens": tokens, "scale": torch.tensor(2.0)})
    assert found.layers[0].place == named.layers[0].place == "words"
    assert any(one.place.startswith("layer[0]") for one in found.layers)
    with pytest.raises(BadType, match="must be one that gives tensors"):
        signal_propagation(Wordy(), torch.ones(2, 3))


class Wordy(nn.Module):
    def forward(self, inputs):
        return "nothing"


@pytest.mark.parametrize(
    ("law", "options", "dies"),
    [("heuristic-uniform", {}, True), ("xavier-normal", {"gain": 5 / 3}, False)],
)
def test_it_tells_the_right_initialisation_from_the_wrong_one(law, options, dies):
    model = MLP(10, in_channels=100, hidden=(100,) * 20, activation="tanh")
    netwright.initialise(model, law, **options)
    layers = netwright.signal_propagation(model, torch.randn(100, 100)).layers
    backward = layers[0].gradient_norm / layers[-1].gradient_norm
    assert (layers[-2].variance < 1e-6) is dies
    assert (backward < 1e-3) is dies


def test_table_and_data():
    found = signal_propagation(net(), pictures())
    lines = str(found).splitlines()
    assert lines[0].split()[:3] == ["depth", "layer", "kind"]
    assert len(lines) == 1 + 6 + 2
    assert "3×4×4" in lines[1]
    assert "gradient norm of the first layer over the last's" in lines[-1]
    rows = json.loads(json.dumps(found.to_json()))
    assert (rows[0]["place"], rows[0]["kind"]) == ("0", "Conv2d")


def test_zero_weights_have_no_gradient_and_can_still_be_drawn(tmp_path):
    model = MLP(2, in_channels=3)
    netwright.initialise(model, "zeros")
    found = signal_propagation(model, torch.randn(4, 3))
    assert "gradient norm of the first layer over the last's: 0" in str(found)
    assert found.layers[1].gradient_norm == 0
    figure = found.draw(tmp_path / "signal.png")
    assert (tmp_path / "signal.png").stat().st_size > 10_000
    assert len(figure.axes) == 3


def test_the_drawing_holds_the_numbers():
    found = signal_propagation(net(), pictures())
    for axes, name in zip(found.draw().axes, ("mean", "variance", "gradient_norm"), strict=True):
        drawn = axes.lines[0].get_ydata()
        wanted = [getattr(one, name) for one in found.layers]
        np.testing.assert_allclose(drawn, [math.nan if value == 0 else value for value in wanted])


def test_the_command_shows_a_recipes_first_step(tmp_path):
    words = ["signal", "iris", "--set", "model={name: mlp, hidden: [8]}", "--seed", "3"]
    words += ["--set", "initialise=orthogonal", "--batch-size", "30"]
    table = CliRunner().invoke(app, words)
    assert table.exit_code == 0, table.output
    assert "linear1" in table.output
    drawn = CliRunner().invoke(app, [*words, "--json", "--draw", str(tmp_path / "s.svg")])
    rows = json.loads(drawn.stdout)
    assert [row["place"] for row in rows] == ["flatten", "linear1", "activation1", "head"]
    assert (tmp_path / "s.svg").is_file()
    other = CliRunner().invoke(app, [*words, "--set", "initialise=normal", "--json"])
    assert json.loads(other.stdout)[1]["variance"] < rows[1]["variance"]
    lost = CliRunner().invoke(app, [*words, "--draw", str(tmp_path / "none" / "s.svg")])
    assert "a file in a folder that is there" in str(lost.exception)
