"""Activation maximisation: closed forms, priors that work alone, and toys."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from netwright import explain
from netwright._errors import BadType, BadValue


def linear():
    torch.manual_seed(2)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 6, 4))


def convolutional():
    torch.manual_seed(2)
    return nn.Sequential(
        nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(5, 4, 3), nn.Tanh(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3),
    )  # fmt: skip


@pytest.mark.parametrize("prior", [0.0, 1.0])
def test_with_an_l2_penalty_a_linear_score_has_its_maximum_at_half_the_weight(prior):
    model = linear().double()
    found = explain.activation_maximisation(
        model, (2, 3, 8, 6), target=[1, 3], l2=0.25, steps=600, frequency_prior=prior
    )
    expected = (model[1].weight[[1, 3]] / (2 * 0.25)).reshape(2, 3, 8, 6)
    assert torch.allclose(found, expected, atol=2e-3)


def test_within_limits_the_maximum_of_a_linear_score_is_a_corner():
    model = linear()
    limits = explain.value_range(mean=[0.2, 0.5, 0.6], std=[0.5, 0.25, 0.2])
    found = explain.activation_maximisation(
        model, (1, 3, 8, 6), target=2, limits=limits, steps=100, step_size=0.2
    )
    low, high = (one.expand(3, 8, 6) for one in limits)
    weight = model[1].weight[2].reshape(3, 8, 6)
    assert torch.equal(found[0], torch.where(weight > 0, high, low))
    assert low[1, 0, 0].item() == pytest.approx(-2)
    assert high[2, 0, 0].item() == pytest.approx(2)


def test_what_a_kernel_answers_to_most_is_the_kernel():
    layer = nn.Conv2d(3, 2, 5, bias=False)
    start = 0.1 * torch.rand(1, 3, 5, 5)
    found = explain.activation_maximisation(layer, start, layer=layer, target=1, l2=0.5, steps=400)
    assert torch.allclose(found[0], layer.weight[1], atol=1e-3)


def test_a_channel_counts_with_its_mean_and_a_unit_by_a_function():
    model, size = convolutional(), (1, 3, 8, 8)
    channel = explain.activation_maximisation(model, size, layer="2", target=3, steps=40)
    same = explain.activation_maximisation(
        model, size, layer="2", target=lambda maps: maps[:, 3].mean((1, 2)), steps=40
    )
    assert torch.allclose(channel, same, atol=1e-5)
    unit = explain.activation_maximisation(
        model, size, layer="2", target=lambda maps: maps[:, 3, 0, 0], steps=40
    )
    # all that the unit can't see stays as it was: two convolutions of 3 look 5 pixels far
    first = explain.activation_maximisation(
        model, size, layer="2", target=lambda maps: maps[:, 3, 5, 5], steps=1, step_size=1e-9
    )
    assert torch.allclose(unit[..., 5:], first[..., 5:], atol=1e-6)
    assert not torch.allclose(unit[..., :5, :5], first[..., :5, :5], atol=1e-2)


@pytest.mark.parametrize(
    "options", [{}, {"l2": 1e-3}, {"jitter": 2}, {"frequency_prior": 1.0}], ids=str
)
def test_the_score_rises_with_each_prior_alone(options):
    model, start = convolutional(), 0.05 * torch.randn(2, 3, 9, 7)
    found = explain.activation_maximisation(
        model, start, target=[0, 2], steps=60, step_size=0.1, **options
    )
    model.eval()
    before, after = model(start)[[0, 1], [0, 2]], model(found)[[0, 1], [0, 2]]
    assert bool((after > before + 0.05).all())


def test_the_frequency_prior_takes_from_fine_patterns():
    model = convolutional()
    shares = [
        fine(explain.activation_maximisation(
            model, (1, 3, 32, 32), target=1, steps=40, frequency_prior=prior
        ))
        for prior in (0.0, 1.0, 2.0)
    ]  # fmt: skip
    assert shares[0] > 1.5 * shares[1] > 3 * shares[2]


def fine(picture):
    """Share of the energy above a quarter of the sampling rate."""
    energy = torch.fft.rfft2(picture).abs().square()
    rows, columns = torch.fft.fftfreq(picture.shape[-2]), torch.fft.rfftfreq(picture.shape[-1])
    frequency = (rows[:, None].square() + columns.square()).sqrt()
    return float((energy * (frequency > 0.25)).sum() / (energy * (frequency > 0)).sum())


def test_pictures_together_are_pictures_apart_with_jitter_too():
    model, start = convolutional(), 0.1 * torch.randn(3, 3, 8, 8)
    options = {"steps": 10, "jitter": 2, "frequency_prior": 1.0, "l2": 0.01}
    whole = explain.activation_maximisation(model, start, target=[0, 1, 2], **options)
    for place, one in enumerate(start):
        alone = explain.activation_maximisation(model, one[None], target=place, **options)
        assert torch.allclose(whole[place], alone[0], atol=1e-4)


def test_a_seed_repeats_it_and_the_callers_random_state_is_left():
    model, options = convolutional(), {"target": 0, "steps": 3, "jitter": 2}
    state = torch.get_rng_state()
    first = explain.activation_maximisation(model, (1, 3, 8, 8), **options)
    torch.rand(3)
    again = explain.activation_maximisation(model, (1, 3, 8, 8), **options)
    other = explain.activation_maximisation(model, (1, 3, 8, 8), seed=1, **options)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    torch.set_rng_state(state)
    explain.activation_maximisation(model, (1, 3, 8, 8), **options)
    assert torch.equal(state, torch.get_rng_state())


def test_the_start_and_the_model_are_left_alone():
    model, start = convolutional(), torch.randn(1, 3, 8, 8)
    before = start.clone()
    weights = {name: one.clone() for name, one in model.state_dict().items()}
    none = explain.activation_maximisation(model, start, steps=5)
    assert torch.equal(start, before)
    assert all(torch.equal(weights[name], one) for name, one in model.state_dict().items())
    assert all(one.grad is None for one in model.parameters())
    assert model.training
    # None is the class that the start is taken for
    predicted = int(model.eval()(start).argmax())
    assert torch.equal(
        none, explain.activation_maximisation(model, start, target=predicted, steps=5)
    )


def test_a_unit_whose_rectifier_is_shut_is_named():
    model = convolutional()
    nn.init.constant_(model[0].bias, -1e3)
    with pytest.raises(BadValue, match=r"without any slope for picture 0.*rectifier may be shut"):
        explain.activation_maximisation(model, (1, 3, 8, 8), layer="1", target=0)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"steps": 0}, BadValue, "steps must be at least 1"),
        ({"step_size": 0.0}, BadValue, "step_size must be above 0"),
        ({"l2": -1.0}, BadValue, "l2 must be at least 0"),
        ({"jitter": -1}, BadValue, "jitter must be at least 0"),
        ({"frequency_prior": float("nan")}, BadValue, "frequency_prior"),
        ({"target": 9}, BadValue, "target must be from 0 to 2"),
        ({"layer": "none", "target": 0}, BadValue, "known layer"),
        ({"start": torch.zeros(1, 3, 8, 8, dtype=torch.long)}, BadType, "real numbers"),
    ],
)
def test_what_cannot_be_done_is_refused(options, error, words):
    start = options.pop("start", (1, 3, 8, 8))
    with pytest.raises(error, match=words):
        explain.activation_maximisation(convolutional(), start, **options)


@pytest.mark.parametrize("option", ["jitter", "frequency_prior"])
def test_priors_of_pictures_are_refused_for_rows(option):
    with pytest.raises(BadValue, match=f"{option} must be 0 for what is no picture"):
        explain.activation_maximisation(nn.Linear(4, 2), (1, 4), target=0, **{option: 1})
