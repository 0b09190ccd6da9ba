"""Options of single layers by pattern."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from netwright._errors import BadValue
from netwright.methods.base import ParameterGroup, Stage, trained
from netwright.methods.output_units.catalogue import create
from netwright.methods.supervised import Supervised
from netwright.train.optimizers.build import build_optimizer
from netwright.train.optimizers.groups import (
    GroupRule,
    apply_rules,
    parameter_names,
    refuse_idle_rules,
)


def method():
    network = nn.Sequential()
    network.add_module("body", nn.Linear(3, 4))
    network.add_module("norm", nn.LayerNorm([4]))
    network.add_module("head", nn.Linear(4, 2))
    return Supervised(network, create("classes", names=("a", "b"), targets=None))


def treated(*rules, learning_rate=0.1, **options):
    """Name → what the optimiser does with the parameter."""
    made = method()
    groups = made.parameter_groups(Stage())["main"]
    divided = apply_rules(groups, rules, names=parameter_names(made))
    built = build_optimizer(divided, name="adamw", learning_rate=learning_rate, **options)
    names = parameter_names(made)
    return {
        names[id(parameter)].removeprefix("model."): {
            "lr": group["lr"],
            "weight_decay": group["weight_decay"],
            "l1": group.get("l1", 0),
            "betas": group["betas"],
        }
        for group in built.param_groups
        for parameter in group["params"]
    }


def test_the_first_rule_that_matches_holds():
    found = treated(
        GroupRule(match="head.*", options={"lr_scale": 10.0, "weight_decay": 0.0}),
        GroupRule(match="*.weight", options={"lr": 0.5, "betas": (0.5, 0.9)}),
        weight_decay=0.2,
    )
    assert {name: one["lr"] for name, one in found.items()} == pytest.approx(
        {
            "head.weight": 1.0,
            "head.bias": 1.0,
            "body.weight": 0.5,
            "norm.weight": 0.5,
            "body.bias": 0.1,
            "norm.bias": 0.1,
        }
    )
    assert found["head.weight"]["weight_decay"] == 0
    assert found["body.weight"]["weight_decay"] == 0.2
    assert found["body.weight"]["betas"] == (0.5, 0.9)
    assert found["body.bias"]["betas"] == (0.9, 0.999)


def test_penalties_spare_biases_and_scales_unless_they_alone_are_named():
    both = {"weight_decay": 0.3, "l1": 0.4}
    found = treated(GroupRule(match="*", options=both))
    shrinking = {name for name, one in found.items() if one["weight_decay"]}
    assert shrinking == {name for name, one in found.items() if one["l1"]}
    assert shrinking == {"body.weight", "head.weight"}
    found = treated(GroupRule(match="*.bias", options=both), weight_decay=0.0)
    shrinking = {name for name, one in found.items() if one["weight_decay"] and one["l1"]}
    assert shrinking == {"body.bias", "norm.bias", "head.bias"}


def test_a_scale_is_a_scale_of_what_the_method_had():
    layers = method().model
    groups = [trained(layers, lr_scale=0.1)]
    rules = (
        GroupRule(match="body.*", options={"lr_scale": 3.0}),
        GroupRule(match="head.*", options={"lr": 2.0}),
    )
    built = build_optimizer(
        apply_rules(groups, rules, names={}), name="sgd", learning_rate=1.0, momentum=0.9
    )
    rates = sorted({group["lr"] for group in built.param_groups})
    assert rates == pytest.approx([0.1, 0.3, 2.0])


def test_the_names_of_the_method_count_over_those_of_the_group():
    made = method()
    own = ParameterGroup(parameters={"weight": made.model.head.weight})
    rules = (GroupRule(match="head.weight", options={"lr_scale": 2.0}),)
    assert apply_rules([own], rules, names=parameter_names(made))[0].options == {"lr_scale": 2.0}
    assert apply_rules([own], rules, names={})[0].options == {}


def test_a_pattern_that_matches_nothing_names_the_nearest():
    with pytest.raises(BadValue) as caught:
        refuse_idle_rules([GroupRule(match="haed.*")], method())
    assert "patterns that each match a parameter, got optimizer.groups='haed.*'" in str(
        caught.value
    )
    assert "The nearest names are head." in str(caught.value)
    with pytest.raises(BadValue, match="Earlier patterns match all that it matches"):
        refuse_idle_rules([GroupRule(match="*"), GroupRule(match="head.*")], method())
    refuse_idle_rules([GroupRule(match="model.head.*"), GroupRule(match="unit*")][:1], method())


def test_an_unknown_option_is_refused_with_its_neighbour():
    rule = GroupRule(match="*", options={"weight_deacy": 0.1})
    with pytest.raises(BadValue, match="Did you mean weight_decay"):
        treated(rule)


def test_it_trains_as_torch_does_with_those_groups():
    made, wanted = method(), method()
    wanted.load_state_dict(made.state_dict())
    rules = (GroupRule(match="head.*", options={"lr_scale": 10.0, "weight_decay": 0.0}),)
    groups = apply_rules(made.parameter_groups(Stage())["main"], rules, names=parameter_names(made))
    ours = build_optimizer(groups, name="adamw", learning_rate=0.01, weight_decay=0.5)
    net = wanted.model
    rest = [net.body.bias, *net.norm.parameters()]
    theirs = torch.optim.AdamW(
        [
            {"params": [net.body.weight], "weight_decay": 0.5},
            {"params": rest, "weight_decay": 0.0},
            {"params": [*net.head.parameters()], "lr": 0.1, "weight_decay": 0.0},
        ],
        lr=0.01,
    )
    x = torch.randn(8, 3)
    for _ in range(5):
        for model, optimizer in ((made.model, ours), (net, theirs)):
            optimizer.zero_grad()
            model(x).square().sum().backward()
            optimizer.step()
    torch.testing.assert_close(made.state_dict(), wanted.state_dict())
