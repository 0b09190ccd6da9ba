"""An attack that follows the second derivative."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from netwright import explain
from netwright._errors import BadValue

PICTURES = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0)).double()


class Mixed(nn.Module):
    """Every way to write a rectifier."""

    def __init__(self, soft):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(64, 64) for _ in range(8))
        self.soft = soft

    def forward(self, x):
        x, one = x.flatten(1), self.layers
        if self.soft is None:
            for index, rectify in enumerate(
                (torch.relu, functional.relu, as_a_method, nn.ReLU(inplace=True), torch.relu_)
            ):
                x = rectify(one[index](x))
            x = functional.relu6(one[5](x))
            x = nn.ReLU6(inplace=True)(one[6](x))
            return functional.leaky_relu(one[7](x), 0.2)[:, :3]

        def rectify(v):
            return functional.softplus(v, beta=self.soft)

        for index in range(5):
            x = rectify(one[index](x))
        for index in (5, 6):
            x = one[index](x)
            x = rectify(x) - rectify(x - 6)
        x = one[7](x)
        return (0.2 * x + 0.8 * rectify(x))[:, :3]


def as_a_method(x):
    return x.relu()


def test_rectifiers_are_smoothed_however_they_are_written():
    """The attack on the rectified model goes the way of that on the softplus twin."""
    model, twin = Mixed(None).double(), Mixed(5.0).double()
    twin.load_state_dict(model.state_dict())
    bound = torch.full((6, 1, 1, 1), 0.1).double()
    attack = explain.TopAttack(steps=3, sharpness=5.0)
    found, expected = (
        list(attack(given, PICTURES, target=1, bound=bound)) for given in (model, twin)
    )
    assert len(found) == 3
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
    assert ((found[-1] - PICTURES).abs() <= bound + 1e-12).all()
    assert torch.equal(found[0], PICTURES - bound / 4 * (PICTURES - found[0]).sign())


def test_the_first_step_is_against_the_quotient_of_differences():
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 9), nn.Tanh(), nn.Linear(9, 2)).double()
    bound = torch.full((6, 1, 1, 1), 1e-3).double()
    first = next(explain.TopAttack(top=0.1)(model, PICTURES, target=0, bound=bound))
    sizes = explain.gradient(model, PICTURES, target=0).abs().flatten(1)
    highest = sizes.topk(6).indices

    def share(pictures):
        own = explain.gradient(model, pictures, target=0).abs().flatten(1)
        return own.gather(1, highest).sum(1) / own.sum(1)

    for place in (3, 30, 63):
        step = torch.zeros_like(PICTURES).flatten(1)
        step[:, place] = 1e-6
        slope = share(PICTURES + step.view_as(PICTURES)) - share(PICTURES - step.view_as(PICTURES))
        moved = (first - PICTURES).flatten(1)[:, place]
        assert torch.equal(moved.sign(), -slope.sign())


def test_it_finds_worse_than_random_signs():
    model = nn.Sequential(
        nn.Conv2d(1, 16, 5), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 144, 32), nn.ReLU(),
        nn.Linear(32, 3),
    ).double()  # fmt: skip
    pictures = 4 * torch.rand(20, 1, 16, 16).double()
    chance, attacked = (
        explain.fragility(model, pictures, method="saliency", attack=attack, epsilon=0.05, top=0.1)
        for attack in (explain.RandomSigns(draws=8), explain.TopAttack(steps=8, top=0.1))
    )
    assert attacked.overlap.mean() < chance.overlap.mean() - 0.1
    assert (model(attacked.perturbed).argmax(1) == model(pictures).argmax(1)).all()


@pytest.mark.parametrize(
    "model",
    [nn.Sequential(nn.Flatten(), nn.Linear(64, 2)), nn.Sequential(nn.Flatten(), nn.PReLU())],
)
def test_a_gradient_that_does_not_change_is_refused(model):
    with pytest.raises(BadValue, match=r"gradient changes.*RandomSigns\(\)"):
        explain.fragility(model.double(), PICTURES, method="gradient", attack=explain.TopAttack())


@pytest.mark.parametrize("keywords", [{"steps": 0}, {"top": 1.0}, {"sharpness": 0.0}])
def test_settings_that_make_no_sense_are_refused(keywords):
    with pytest.raises(BadValue, match=next(iter(keywords))):
        explain.TopAttack(**keywords)
