"""What each probe reads, against plain autograd and plain arithmetic."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from netwright._errors import BadValue
from netwright.probes import schedule
from netwright.probes.activations import Activations
from netwright.probes.gradients import Gradients
from netwright.probes.updates import Updates
from netwright.probes.weights import Weights

DATA = torch.linspace(-2, 3, 20).reshape(5, 4)


def network(*, inplace=False, activation=nn.ReLU):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(4, 6), activation(inplace=inplace), nn.Linear(6, 3), activation(inplace=inplace)
    )


def outputs_of(module):
    """Each layer's output, by hand, with its gradient kept."""
    kept, x = [], DATA
    for layer in module:
        x = layer(x)
        x.retain_grad()
        kept.append(x)
    return kept


def close(reading, wanted):
    assert reading.keys() == wanted.keys()
    for place, statistics in wanted.items():
        assert reading[place] == pytest.approx(statistics, rel=1e-5, abs=1e-7)


def test_activations():
    module = network()
    with Activations(module) as probe:
        probe.at(0)
        module(DATA)
        reading = probe.read()
    wanted = {}
    for place, output in enumerate(outputs_of(module)):
        values = output.detach().double().flatten().tolist()
        mean = sum(values) / len(values)
        wanted[str(place)] = {
            "mean": mean,
            "deviation": math.sqrt(sum((v - mean) ** 2 for v in values) / len(values)),
            "largest": max(abs(v) for v in values),
            "zeros": sum(v == 0 for v in values) / len(values),
        }
    close(reading, wanted)
    assert 0 < reading["1"]["zeros"] < 1


@pytest.mark.parametrize("activation", [nn.ReLU, nn.SELU, nn.Hardtanh])
@pytest.mark.parametrize("inplace", [False, True])
def test_gradients_are_those_of_plain_autograd_also_before_in_place_layers(inplace, activation):
    module = network(inplace=inplace, activation=activation)
    with Gradients(module) as probe:
        probe.at(0)
        module(DATA).square().sum().backward()
        reading = probe.read()
    plain = network(activation=activation)
    outputs = outputs_of(plain)
    outputs[-1].square().sum().backward()
    wanted = {
        str(place): {
            "root_mean_square": output.grad.double().square().mean().sqrt().item(),
            "largest": output.grad.abs().max().item(),
        }
        for place, output in enumerate(outputs)
    }
    close(reading, wanted)
    assert len({row["largest"] for row in reading.values()}) > 1


def test_gradients_under_accumulation_are_of_the_last_call():
    module = network()
    with Gradients(module) as probe:
        probe.at(0)
        for part in (DATA * 9, DATA):
            module(part).sum().backward()
        both = probe.read()
        probe.at(1)
        module(DATA).sum().backward()
        assert probe.read() == both


def test_weights():
    module = network()
    module[0].bias.requires_grad_(False)
    with Weights(module) as probe:
        probe.at(0)
        module(DATA).sum().backward()
        reading = probe.read()
    for place, parameter in module.named_parameters():
        wanted = {"norm": math.sqrt(parameter.detach().double().square().sum())}
        if parameter.grad is not None:
            wanted["gradient_norm"] = math.sqrt(parameter.grad.double().square().sum())
        assert reading[place] == pytest.approx(wanted, rel=1e-5)
    assert "gradient_norm" not in reading["0.bias"]


def test_updates():
    module = network()
    with torch.no_grad():
        module[2].bias.zero_()
    optimizer = torch.optim.SGD([module[2].weight, module[2].bias], lr=0.1)
    module(DATA).sum().backward()
    before = {name: value.clone().double() for name, value in module.state_dict().items()}
    with Updates(module) as probe:
        probe.at(0)
        optimizer.step()
        reading = probe.read()
    for place, value in module.state_dict().items():
        moved = (value.double() - before[place]).norm().item()
        assert reading[place]["norm"] == pytest.approx(moved, rel=1e-4)
    moved = 0.1 * module[2].weight.grad.norm() / before["2.weight"].norm()
    assert reading["2.weight"]["ratio"] == pytest.approx(moved.item(), rel=1e-4)
    assert reading["2.bias"]["ratio"] == math.inf  # from zero to something
    assert reading["0.weight"] == {"norm": 0.0, "ratio": 0.0}


def test_a_parameter_that_stays_zero_has_not_moved():
    module = nn.Linear(2, 1)
    nn.init.zeros_(module.bias)
    with Updates(module) as probe:
        probe.at(0)
        assert probe.read()["bias"] == {"norm": 0.0, "ratio": 0.0}


def test_nan_is_read_as_nan():
    module = nn.Sequential(nn.Linear(2, 1))
    with Activations(module) as probe:
        probe.at(0)
        module(torch.full((1, 2), math.nan))
        assert math.isnan(probe.read()["0"]["mean"])
    with Updates(module) as probe:
        probe.at(0)
        with torch.no_grad():
            module[0].bias.fill_(math.nan)
        assert math.isnan(probe.read()["0.bias"]["ratio"])


def test_whole_numbers_and_nothing_are_passed_over():
    class Odd(nn.Module):
        def forward(self, x):
            return x.long(), x[:0], None, "word", x

    module = nn.Sequential(Odd())
    with Activations(module) as probe:
        probe.at(0)
        module(torch.ones(2))
        assert set(probe.read()) == {"0[4]"}


def test_a_module_without_children_is_called_model():
    module = nn.Linear(2, 1)
    with Activations(module) as probe:
        probe.at(0)
        module(torch.ones(1, 2))
        assert set(probe.read()) == {"model"}


def test_no_graph_and_no_value_is_kept_alive():
    import gc
    import weakref

    module = network()
    with Gradients(module) as probe:
        probe.at(0)
        output = module(DATA)
        output.sum().backward()
        probe.read()
        gone = weakref.ref(output)
        del output
        gc.collect()
        assert gone() is None


@pytest.mark.parametrize("make", [schedule.every, schedule.first, schedule.logarithmic])
def test_schedules_want_a_number_of_at_least_one(make):
    with pytest.raises(BadValue, match="at least 1"):
        make(0)


def test_schedules():
    def steps(when, end=1001):
        return [step for step in range(end) if when(step)]

    assert steps(schedule.every(250)) == [0, 250, 500, 750, 1000]
    assert steps(schedule.first(3)) == [0, 1, 2]
    wanted = sorted({0} | {round(10 ** (i / 5)) for i in range(16)})
    assert steps(schedule.logarithmic(5)) == wanted
