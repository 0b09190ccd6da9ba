"""Guided Grad-CAM against Captum, and against its two factors."""

from __future__ import annotations

import pytest
import torch
from captum.attr import GuidedGradCam
from torch import nn

from netwright import explain
from netwright._errors import BadValue


def network():
    model = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 8, 3, padding=1),
        nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 3 * 4, 5), nn.ReLU(),
        nn.Linear(5, 4),
    )  # fmt: skip
    for value in model.parameters():
        nn.init.normal_(value, 0.02, 0.4)
    return model


@pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU")
@pytest.mark.parametrize("layer", [1, 3, 5])
def test_captums_numbers(layer):
    model, pictures = network().eval(), torch.randn(3, 3, 12, 16)
    target = model(pictures).argmax(1)
    theirs = GuidedGradCam(model, model[layer]).attribute(
        pictures.clone().requires_grad_(), target=target, interpolate_mode="bilinear"
    )
    ours = explain.guided_grad_cam(model, pictures, target=target, layer=str(layer))
    assert torch.allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    assert theirs.abs().max() > 1e-2
    assert not ours.requires_grad


def test_both_factors_explain_the_predicted_class_at_the_default_layer():
    model, pictures = network(), torch.randn(3, 3, 12, 16)
    predicted = model(pictures).argmax(1)
    sharp = explain.guided_backprop(model, pictures, target=predicted)
    where = explain.grad_cam(model, pictures, target=predicted)
    assert explain.default_layer(model, pictures) == "5"
    found = explain.guided_grad_cam(model, pictures)
    assert found.abs().max() > 1e-2
    assert torch.allclose(found, sharp * where[:, None], atol=1e-5)
    alone = [explain.guided_grad_cam(model, picture[None]) for picture in pictures]
    assert torch.allclose(found, torch.cat(alone), rtol=1e-4, atol=1e-5)


def test_an_activation_without_a_rule_is_refused():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.GELU(), nn.Flatten(), nn.Linear(36, 2))
    with pytest.raises(BadValue, match=r"(?i)gelu"):
        explain.guided_grad_cam(model, torch.rand(1, 3, 5, 5))
