"""From parameter groups to torch's optimisers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from netwright._errors import BadValue
from netwright.methods.base import ParameterGroup, trained
from netwright.train.optimizers.build import build_optimizer, check_groups
from netwright.train.optimizers.catalogue import CATALOGUE as optimizers
from netwright.train.optimizers.objective import Written
from netwright.train.optimizers.reevaluating import reevaluates


def net():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))


def steps(net, optimizer, count=5):
    torch.manual_seed(2)
    for _ in range(count):
        x = torch.randn(8, 3)

        def loss(x=x):
            return (net(x) - x.sum(1, keepdim=True)).square().mean()

        optimizer.step(Written(loss, net.parameters()))
    return torch.cat([p.detach().flatten() for p in net.parameters()])


TORCH = {
    "sgd": (torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
    "adam": (torch.optim.Adam, {"betas": (0.5, 0.9)}),
    "adamw": (torch.optim.AdamW, {"weight_decay": 0.1}),
    "adagrad": (torch.optim.Adagrad, {"lr_decay": 0.1}),
    "rmsprop": (torch.optim.RMSprop, {"alpha": 0.9}),
    "nadam": (torch.optim.NAdam, {"momentum_decay": 0.01}),
    "radam": (torch.optim.RAdam, {"eps": 1e-6}),
    "lbfgs": (torch.optim.LBFGS, {"max_iter": 3}),
}


@pytest.mark.parametrize("name", TORCH)
def test_torchs_under_their_names(name):
    kind, options = TORCH[name]
    ours, wanted = net(), net()
    built = build_optimizer([trained(ours)], name=name, learning_rate=0.03, **options)
    assert type(built) is kind
    assert reevaluates(built) is (name == "lbfgs")
    reference = kind(wanted.parameters(), lr=0.03, **options)
    torch.testing.assert_close(steps(ours, built), steps(wanted, reference))
    fuses = name in ("sgd", "adam", "adamw", "adagrad")
    assert bool(built.defaults.get("fused")) is fuses


def test_every_name_is_built():
    for name in optimizers.names():
        assert steps(net(), build_optimizer([trained(net())], name=name, learning_rate=0.01)).any()


def test_groups_have_options_of_their_own():
    model = net()
    groups = [
        trained(model[0], weight_decay=0.0, lr_scale=0.1),
        trained(model[2], lr=0.5),
        ParameterGroup(parameters={}),
    ]
    built = build_optimizer(groups, name="adamw", learning_rate=0.01, weight_decay=0.3)
    first, second = built.param_groups
    assert first["lr"] == first["initial_lr"] == pytest.approx(0.001)
    assert (first["weight_decay"], second["weight_decay"]) == (0.0, 0.3)
    assert (second["lr"], second["initial_lr"]) == (0.5, 0.5)


@pytest.mark.parametrize("dampening", [0.0, 0.5])
def test_a_parameter_may_get_its_first_gradient_late(dampening):
    ours, wanted = net(), net()
    options = {"momentum": 0.9, "dampening": dampening}
    if dampening:  # what torch's fused form does then is torch's affair
        options["fused"] = False
    built = build_optimizer([trained(ours)], name="sgd", learning_rate=0.03, **options)
    reference = torch.optim.SGD(wanted.parameters(), lr=0.03, momentum=0.9, dampening=dampening)
    torch.manual_seed(2)
    for step in range(4):
        x = torch.randn(8, 3)
        for model, optimizer in ((ours, built), (wanted, reference)):
            optimizer.zero_grad()
            model[0].requires_grad_(step >= 2)
            (model(x) - x.sum(1, keepdim=True)).square().mean().backward()
            optimizer.step()
    for one, other in zip(ours.parameters(), wanted.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_fused_can_be_declined():
    built = build_optimizer([trained(net())], name="sgd", learning_rate=0.01, fused=False)
    assert not built.defaults["fused"]


def test_lbfgs_takes_all_groups_as_one():
    model = net()
    groups = [trained(model[0]), trained(model[2], weight_decay=0.0)]
    built = build_optimizer(groups, name="lbfgs", learning_rate=0.5)
    assert [len(group["params"]) for group in built.param_groups] == [4]
    groups = [trained(model[0]), trained(model[2], lr_scale=0.1)]
    with pytest.raises(BadValue, match="one that knows groups, got optimizer='lbfgs'"):
        build_optimizer(groups, name="lbfgs", learning_rate=0.5)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"name": "adma", "learning_rate": 0.1}, "Did you mean adam"),
        ({"name": "sgd", "learning_rate": 0.0}, "learning_rate must be above 0"),
        ({"name": "sgd", "learning_rate": float("nan")}, "learning_rate must be above 0"),
        ({"name": "sgd", "learning_rate": 0.1, "momentun": 0.9}, "Did you mean momentum"),
        (
            {"name": "lookahead-nesterov", "learning_rate": 0.1, "momentum": 1.0},
            "momentum must be from 0 to below 1",
        ),
        (
            {"name": "lookahead-nesterov", "learning_rate": 0.1, "weight_decay": -1.0},
            "weight_decay must be at least 0",
        ),
    ],
)
def test_what_is_refused(options, sentence):
    with pytest.raises(BadValue, match=sentence):
        build_optimizer([trained(net())], **options)


def test_group_options_that_nobody_would_read_are_refused():
    with pytest.raises(BadValue, match="Did you mean weight_decay"):
        build_optimizer([trained(net(), wait_decay=0.1)], name="sgd", learning_rate=0.1)
    with pytest.raises(BadValue, match="option of optimizer lbfgs"):
        build_optimizer([trained(net(), weight_decay=0.1)], name="lbfgs", learning_rate=0.1)


def test_nothing_to_train():
    frozen = net().requires_grad_(False)
    with pytest.raises(BadValue, match=r"holding parameters to train.*frozen"):
        build_optimizer([trained(frozen)], name="sgd", learning_rate=0.1)


def test_each_parameter_is_in_one_group():
    model = net()
    check_groups({"a": [trained(model[0])], "b": [trained(model[2])]})
    with pytest.raises(BadValue, match=r"weight \(a\) and 0\.weight \(b\), bias \(a\) and 0\.bias"):
        check_groups({"a": [trained(model[0])], "b": [trained(model)]})
    with pytest.raises(BadValue, match="holding each parameter once"):
        check_groups({"a": [trained(model[0]), trained(model[0])]})


def test_a_group_can_ask_for_no_decay_below_0():
    weight = torch.nn.Parameter(torch.ones(2, 2))
    group = ParameterGroup(parameters={"weight": weight}, options={"weight_decay": -1.0})
    with pytest.raises(BadValue, match="weight_decay must be at least 0, got weight_decay=-1"):
        build_optimizer([group], name="adamw", learning_rate=0.1)
