"""A picture in the texture of another: what is kept, and what is taken over."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from netwright import explain
from netwright._errors import BadValue, NothingObserved


def encoder():
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(inplace=True), nn.Linear(9, 1),
    )  # fmt: skip


INPUTS, STYLES = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 20, 12)
ASKED = {"styles": STYLES, "content": "3", "textures": ["0", "3"]}


def products(model, pictures, last):
    maps = model[: last + 1](pictures)
    return torch.einsum("nchw,ndhw->ncd", maps, maps) / maps[0, 0].numel()


def loss(model, painted, inputs, styles, weight):
    """The sum that is descended, written out."""
    kept = model[:4](inputs)
    total = (model[:4](painted) - kept).pow(2).sum((1, 2, 3)) / kept.pow(2).sum((1, 2, 3))
    for last in (0, 3):
        aim = products(model, styles, last)
        gap = (products(model, painted, last) - aim).pow(2).sum((1, 2))
        total = total + weight / 2 * gap / aim.pow(2).sum((1, 2))
    return total


def test_the_first_steps_are_adams_on_the_sum_written_out():
    model = encoder()
    painted = INPUTS.clone().requires_grad_()
    adam = torch.optim.Adam([painted], lr=0.05)
    for _ in range(3):
        adam.zero_grad()
        loss(model, painted, INPUTS, STYLES, 7.0).sum().backward()
        adam.step()
    found = explain.style_transfer(encoder(), INPUTS, **ASKED, weight=7.0, steps=3)
    assert torch.allclose(found, painted.detach(), atol=1e-5)


def test_the_sum_falls_and_the_texture_is_taken_over():
    model = encoder()
    found = explain.style_transfer(model, INPUTS, **ASKED, steps=60)
    with torch.no_grad():
        before, after = (loss(model, one, INPUTS, STYLES, 30.0) for one in (INPUTS, found))
    assert bool((after < 0.3 * before).all())


def test_without_weight_the_picture_stays():
    found = explain.style_transfer(encoder(), INPUTS, **ASKED, weight=0.0, steps=5)
    assert torch.equal(found, INPUTS)


def test_each_goes_its_own_way_and_the_encoder_is_left():
    model = encoder().train()
    before = copy.deepcopy(model.state_dict())
    together = explain.style_transfer(model, INPUTS, **ASKED, steps=4)
    alone = explain.style_transfer(model, INPUTS[1:], **ASKED | {"styles": STYLES[1:]}, steps=4)
    assert torch.allclose(together[1:], alone, atol=1e-5)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert all(module.training and not module._forward_hooks for module in model.modules())


@pytest.mark.parametrize(
    ("keywords", "error", "words"),
    [
        ({"styles": STYLES[:1]}, BadValue, "one for each input"),
        ({"textures": []}, BadValue, "at least one layer"),
        ({"steps": 0}, BadValue, "steps from 1"),
        ({"content": "conv"}, BadValue, "a known layer"),
    ],
)
def test_what_can_not_be_painted_is_refused(keywords, error, words):
    with pytest.raises(error, match=words):
        explain.style_transfer(encoder(), INPUTS, **{**ASKED, **keywords})


def test_layers_must_run_and_have_maps():
    model = nn.Sequential(nn.Flatten(), nn.Linear(768, 4))
    with pytest.raises(BadValue, match="one with maps"):
        explain.style_transfer(model, INPUTS, styles=STYLES, content="1", textures=["1"])
    spare = nn.Conv2d(3, 4, 3)
    spare.unused = nn.Conv2d(3, 4, 3)
    with pytest.raises(NothingObserved, match="unused"):
        explain.style_transfer(spare, INPUTS, styles=STYLES, content="", textures=["unused"])
