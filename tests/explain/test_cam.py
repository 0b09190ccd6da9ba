"""Class activation maps, by the written-out sum and by their identity with Grad-CAM."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision import models

from netwright import explain
from netwright._errors import BadType, BadValue


def with_known_statistics(network):
    """Normalisation that is not the identity, as after training."""
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 2)
    return network


@pytest.mark.parametrize(
    ("name", "settings", "size"),
    [
        ("resnet18", {}, (2, 3)),
        ("googlenet", {"init_weights": False}, (2, 3)),
        ("swin_t", {}, (2, 3)),
    ],
)
def test_it_is_grad_cam_before_the_relu_times_the_places(name, settings, size):
    network = with_known_statistics(models.get_model(name, **settings).eval())
    pictures = torch.randn(2, 3, 64, 96)
    found = explain.cam(network, pictures, target=[5, 7], size=size)
    signed = explain.signed_grad_cam(network, pictures, target=[5, 7], size=size)
    assert torch.allclose(found, signed * 6, rtol=1e-4, atol=1e-5)
    assert found.abs().max() > 1e-3


@pytest.mark.parametrize(
    ("name", "size"), [("densenet121", (2, 3)), ("mobilenet_v2", (2, 3)), ("resnet18", (2, 3))]
)
def test_its_mean_and_the_bias_are_the_score(name, size):
    network = with_known_statistics(models.get_model(name).eval())
    pictures = torch.randn(2, 3, 64, 96)
    found = explain.cam(network, pictures, target=[5, 7], size=size)
    *_, head = (part for part in network.modules() if isinstance(part, nn.Linear))
    with torch.no_grad():
        scores = network(pictures)[[0, 1], [5, 7]]
    expected = found.mean((1, 2)) + head.bias[[5, 7]].detach()
    assert torch.allclose(expected, scores, rtol=1e-3, atol=1e-5)
    assert (found[0] - found[0].mean()).abs().max() > 1e-4


class Ending(nn.Module):
    """A body of four maps, and an end of one's own."""

    def __init__(self, end):
        super().__init__()
        self.body, self.head, self.end = nn.Conv2d(3, 4, 3), nn.Linear(4, 3), end

    def forward(self, x):
        return self.end(self, torch.relu(self.body(x)))


def by_mean(model, maps):
    return model.head(maps.mean((2, 3)))


def by_pool(model, maps):
    return model.head(F.dropout(F.adaptive_avg_pool2d(maps, 1), training=False).flatten(1))


def by_convolution(model, maps):
    pooled = F.avg_pool2d(maps, tuple(maps.shape[2:]))
    return F.conv2d(pooled, model.head.weight[:, :, None, None], model.head.bias).squeeze(3)[..., 0]


def channels_last(model, maps):
    return F.linear(maps.permute(0, 2, 3, 1).mean((1, 2)), weight=model.head.weight)


def class_maps(model, maps):
    return F.conv2d(maps, model.head.weight[:, :, None, None]).mean((2, 3))


@pytest.mark.parametrize("end", [by_mean, by_pool, by_convolution, channels_last, class_maps])
def test_the_weighted_sum_written_out_whatever_the_end_is_called(end):
    model, pictures = Ending(end), torch.randn(2, 3, 6, 7)
    maps = model.body(pictures).relu()
    expected = sum(model.head.weight[2, c] * maps[:, c] for c in range(4)).detach()
    found = explain.cam(model, pictures, target=2, size=(4, 5))
    assert torch.allclose(found, expected, atol=1e-6)
    assert not found.requires_grad
    large = explain.cam(model, pictures, target=2)
    assert torch.allclose(large, F.interpolate(expected[:, None], (6, 7), mode="bilinear")[:, 0])


def test_a_batch_is_its_pictures_one_by_one_of_the_predicted_class():
    model, pictures = Ending(by_mean), torch.randn(4, 3, 6, 7)
    together = explain.cam(model, pictures)
    alone = [explain.cam(model, picture[None]) for picture in pictures]
    assert torch.allclose(together, torch.cat(alone), atol=1e-6)


def hidden(model, maps):
    return model.head(F.relu(F.linear(maps.mean((2, 3)), torch.eye(4) * 2)))


def softmax(model, maps):
    return by_mean(model, maps).softmax(1)


def largest(model, maps):
    return model.head(maps.amax((2, 3)))


def normalised(model, maps):
    return model.head(F.layer_norm(maps.mean((2, 3)), (4,)))


@pytest.mark.parametrize("end", [hidden, softmax, largest, normalised])
def test_another_end_is_refused(end):
    refused = pytest.raises(BadValue, match=r"pooling and one linear layer.*'Ending'. Use grad_cam")
    with refused:
        explain.cam(Ending(end), torch.randn(2, 3, 6, 7))


def test_vgg_and_transformers_are_refused():
    transformer = models.VisionTransformer(
        image_size=32, patch_size=8, num_layers=1, num_heads=2, hidden_dim=8, mlp_dim=16
    )
    for network in (models.vgg11(init_weights=False), transformer):
        with pytest.raises(BadValue, match="Use grad_cam"):
            explain.cam(network, torch.randn(1, 3, 32, 32))


def test_a_function_is_no_class():
    with pytest.raises(BadType, match="target must be a class"):
        explain.cam(Ending(by_mean), torch.randn(1, 3, 6, 7), target=lambda output: output[:, 0])
