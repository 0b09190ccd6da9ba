"""Soft thresholds behind the optimisers, against the closed form of the penalised minimum."""

from __future__ import annotations

import copy

import pytest
import torch
from compile_kit import ADAMW, as_traced, batches, largest_difference, mlp, traceable, trained
from torch import nn

from contract_kit import batch, loop_of, same_bits
from netwright._errors import BadValue
from netwright.methods.base import Loss, Method, ParameterGroup, Phase
from netwright.train.optimizers.build import build_optimizer
from netwright.train.optimizers.direct import Direct
from netwright.train.optimizers.proximal import share_of_zeros, soft_threshold

__all__ = ["as_traced", "traceable"]

CURVES = torch.tensor([[1.0, 4.0, 0.5, 2.0, 1.0]])
CENTRES = torch.tensor([[2.0, -1.0, 0.1, 0.05, -0.3]])
L1 = 0.4
# where c·(w − a)²/2 + λ|w| is least: a soft threshold of λ/c; two of them beyond it
LEAST = torch.nn.functional.softshrink(CURVES * CENTRES, L1) / CURVES

KINDS = {
    "sgd": [
        {"learning_rate": 0.1},
        {"learning_rate": 0.02, "momentum": 0.9},
        {"learning_rate": 0.02, "momentum": 0.9, "nesterov": True},
        {"learning_rate": 0.1, "momentum": 0.9, "dampening": 0.9},
    ],
    "moving-average-momentum": [{"learning_rate": 0.1, "momentum": 0.9}],
    "adam": [{"learning_rate": 0.01}, {"learning_rate": 0.01, "amsgrad": True}],
    "adamw": [{"learning_rate": 0.01, "weight_decay": 0.0}],
    "nadam": [{"learning_rate": 0.01}],
    "radam": [{"learning_rate": 0.01}],
    "adagrad": [{"learning_rate": 0.1}, {"learning_rate": 0.3, "lr_decay": 0.001}],
    "rmsprop": [
        {"learning_rate": 0.003},
        {"learning_rate": 0.0003, "momentum": 0.9},
        {"learning_rate": 0.003, "alpha": 0.9},
    ],
}


def test_a_soft_threshold_is_torchs_shrinkage():
    values = [torch.linspace(-2, 2, 9), torch.randn(3, 4)]
    wanted = [torch.nn.functional.softshrink(value, 0.5) for value in values]
    by_number, by_entry = copy.deepcopy(values), copy.deepcopy(values)
    soft_threshold(by_number, 0.5)
    soft_threshold(by_entry, [torch.full_like(value, 0.5) for value in values])
    for one, other, third in zip(by_number, by_entry, wanted, strict=True):
        torch.testing.assert_close(one, third)
        torch.testing.assert_close(other, third)
        assert torch.equal(one == 0, third == 0)


@pytest.mark.parametrize(
    ("name", "options"), [(name, one) for name, many in KINDS.items() for one in many]
)
def test_the_end_is_the_penalised_minimum_with_its_zeros(name, options):
    weight = nn.Parameter(torch.ones(1, 5))
    group = ParameterGroup(parameters={"weight": weight})
    optimizer = build_optimizer([group], name=name, l1=L1, **options)
    for _ in range(3000):
        weight.grad = CURVES * (weight.detach() - CENTRES)
        optimizer.step()
    torch.testing.assert_close(weight.detach(), LEAST, atol=2e-4, rtol=0)
    assert torch.equal(weight == 0, LEAST == 0)
    assert share_of_zeros([optimizer]) == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("name", "options", "length"),
    [
        ("adagrad", {"learning_rate": 0.3, "lr_decay": 0.5}, 0.3 / 2),
        ("rmsprop", {"learning_rate": 0.01, "alpha": 0.5, "centered": True}, 0.01 / 0.5),
    ],
)
def test_the_first_threshold_is_the_first_rate(name, options, length):
    weight = nn.Parameter(torch.full((1, 1), 5.0))
    moved = []
    for l1 in (0.0, 0.1):
        start = nn.Parameter(weight.detach().clone())
        group = ParameterGroup(parameters={"weight": start})
        optimizer = build_optimizer([group], name=name, l1=l1, **options)
        start.grad = torch.full((1, 1), 2.0 if name == "adagrad" else 1.0)
        optimizer.step()
        moved.append(start.item())
    assert moved[0] - moved[1] == pytest.approx(0.1 * length, rel=1e-4)


def test_offsets_and_scales_go_free_unless_their_group_asks():
    named = {"weight": nn.Parameter(torch.ones(2, 2)), "bias": nn.Parameter(torch.ones(2))}
    named["deep.bias"] = nn.Parameter(torch.ones(1, 2))
    asking = ParameterGroup(
        parameters={"scale": nn.Parameter(torch.ones(2))}, options={"l1": 0.5, "lr_scale": 2.0}
    )
    optimizer = build_optimizer(
        [ParameterGroup(parameters=named), asking], name="sgd", learning_rate=0.1, l1=1.0
    )
    for parameter in [*named.values(), *asking.parameters.values()]:
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    assert named["weight"].unique().tolist() == pytest.approx([0.9])
    assert named["bias"].tolist() == [1.0, 1.0]
    assert named["deep.bias"].unique().tolist() == [1.0]
    assert asking.parameters["scale"].tolist() == pytest.approx([0.9, 0.9])


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_the_direct_way_is_the_step(name):
    def path(step_of):
        torch.manual_seed(0)
        weight = nn.Parameter(torch.randn(4, 3))
        group = ParameterGroup(parameters={"weight": weight})
        optimizer = build_optimizer([group], name=name, learning_rate=0.05, l1=0.3)
        step = step_of(optimizer)
        for _ in range(20):
            weight.grad = weight.detach() - 0.2
            step()
        return weight.detach()

    direct = []
    taken = path(lambda optimizer: direct.append(Direct(optimizer)) or direct[0].step)
    assert direct[0]._groups, "the kernels themselves were not called"
    assert torch.equal(taken, path(lambda optimizer: optimizer.step))


def test_without_a_penalty_nothing_is_attached():
    group = ParameterGroup(parameters={"weight": nn.Parameter(torch.ones(2, 2))})
    plain = build_optimizer([group], name="sgd", learning_rate=0.1, l1=0.0)
    assert not plain._optimizer_step_post_hooks
    assert "l1" not in plain.param_groups[0]
    assert share_of_zeros([plain]) is None


def test_a_step_that_a_device_left_out_thresholds_nothing():
    weight = nn.Parameter(torch.ones(2, 2))
    group = ParameterGroup(parameters={"weight": weight})
    optimizer = build_optimizer([group], name="adam", learning_rate=0.1, l1=0.5)
    weight.grad = torch.ones_like(weight)
    optimizer.step()
    before = weight.detach().clone()
    optimizer.found_inf = torch.tensor(1.0)
    optimizer.grad_scale = None
    optimizer.step()
    assert torch.equal(weight, before)
    optimizer.found_inf = torch.tensor(0.0)
    optimizer.step()
    assert not torch.equal(weight, before)


@pytest.mark.parametrize(
    "optimizer",
    [
        {**ADAMW, "l1": 0.03},
        {"name": "sgd", "learning_rate": 0.02, "momentum": 0.9, "l1": 0.01},
        {"name": "sgd", "learning_rate": 0.05, "l1": 0.05},
    ],
)
@pytest.mark.usefixtures("as_traced")
def test_a_compiled_step_thresholds_too(optimizer):
    data = batches(10)
    plain, by_hand = trained(mlp(), data, compiled=False, optimizer=optimizer, epochs=4)
    loop, told = trained(mlp(), data, compiled=True, optimizer=optimizer, epochs=4)
    assert told.reasons == []
    assert told.losses == pytest.approx(by_hand.losses, abs=1e-5)
    assert largest_difference(loop.method, plain.method) < 1e-5
    assert loop.view.share_of_zeros == plain.view.share_of_zeros > 0.02


class Line(Method):
    """Weights that are compared with their inputs."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(5, 1)

    def phases(self, stage):
        return (Phase(name="main", optimizers=("main",), loss=self.loss),)

    def loss(self, one):
        errors = self.layer(one.inputs)[:, 0] - one.targets
        return Loss(total=errors.square().sum(), count=len(one))

    def predict(self, inputs):
        raise AssertionError("nobody asks")


def rows():
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(40, 5, generator=draw)
    return inputs, inputs[:, 0] * 2 - inputs[:, 1]


def line_after(**settings):
    torch.manual_seed(3)
    method = Line()
    sgd = {"name": "sgd", "learning_rate": 0.02, "momentum": 0.9, "l1": 0.3}
    loop = loop_of(method, [batch(*rows())], optimizer=sgd, **settings)
    loop.run()
    return method, loop


def test_micro_batches_change_nothing():
    whole, _ = line_after(epochs=60)
    cut, loop = line_after(epochs=60, micro_batch_size=7)
    torch.testing.assert_close(whole.state_dict(), cut.state_dict())
    assert loop.view.share_of_zeros == 0.6


def test_a_state_taken_up_goes_on_with_the_same_bits():
    from netwright.train.state import capture

    torch.manual_seed(3)
    sgd = {"name": "sgd", "learning_rate": 0.02, "momentum": 0.9, "l1": 0.3}
    method, data = Line(), [batch(*rows())] * 2
    loop = loop_of(method, data, optimizer=sgd, epochs=3)
    states = []
    loop.ring = None
    keep = loop._end_epoch
    loop._end_epoch = lambda: (keep(), states.append(copy.deepcopy(capture(loop))))
    loop.run()
    again = loop_of(Line(), data, optimizer=sgd, epochs=3)
    again.resume(states[0])
    again.run()
    assert same_bits(again.method, method)


@pytest.mark.parametrize(
    ("name", "l1", "sentence"),
    [
        ("lbfgs", 0.1, "l1 must be 0 with lbfgs, whose step is not that of one gradient"),
        (
            "lookahead-nesterov",
            0.1,
            "l1 must be 0 with lookahead-nesterov.*It goes with sgd.*average-momentum",
        ),
        ("sgd", -0.1, "l1 must be a finite number of at least 0, got l1=-0.1"),
        ("sgd", float("nan"), "l1 must be a finite number"),
    ],
)
def test_what_is_refused(name, l1, sentence):
    group = ParameterGroup(parameters={"weight": nn.Parameter(torch.ones(2, 2))})
    with pytest.raises(BadValue, match=sentence):
        build_optimizer([group], name=name, learning_rate=0.1, l1=l1)
