"""Feature maps: what a layer gives, the strongest first."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn

from netwright import explain
from netwright._errors import BadValue


def network():
    return nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.ReLU(inplace=True), nn.Conv2d(6, 4, 3), nn.Flatten(),
        nn.Linear(64, 2),
    )  # fmt: skip


def test_maps_are_what_the_layer_gave_before_the_next_writes_into_it():
    model, inputs = network(), torch.randn(3, 3, 8, 8)
    found = explain.feature_maps(model, inputs)
    expected = model[0](inputs)
    assert found.layer == "0"
    assert (expected < 0).any()
    for one, channels, maps in zip(expected, found.channels, found.maps, strict=True):
        assert torch.equal(one[channels], maps)
        assert sorted(channels.tolist()) == list(range(6))


def test_the_strongest_of_each_picture_come_first():
    inputs = torch.zeros(2, 3, 4, 4)
    inputs[0] = torch.tensor([-1.0, 3.0, 2.0]).reshape(3, 1, 1)
    inputs[1] = torch.tensor([-5.0, 0.0, 4.0]).reshape(3, 1, 1)
    model = nn.Sequential(nn.Identity(), nn.Flatten(), nn.Linear(48, 2))
    found = explain.feature_maps(model, inputs, layer="0", most=2)
    assert found.channels.tolist() == [[1, 2], [0, 2]]
    assert found.maps.shape == (2, 2, 4, 4)


def test_pictures_together_are_pictures_apart():
    model, inputs = network(), torch.randn(3, 3, 8, 8)
    whole = explain.feature_maps(model, inputs, layer="2").maps
    apart = [explain.feature_maps(model, one[None], layer=model[2]).maps for one in inputs]
    assert torch.allclose(whole, torch.cat(apart), atol=1e-6)


def test_inputs_and_gradients_are_left_alone():
    class Writes(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Conv2d(3, 2, 3)

        def forward(self, x):
            return self.layer(x.mul_(2))

    inputs = torch.randn(1, 3, 5, 5)
    before = inputs.clone()
    found = explain.feature_maps(Writes(), inputs)
    assert torch.equal(inputs, before)
    assert not found.maps.requires_grad


def test_a_vision_transformer_has_maps_whose_channels_are_its_features():
    model = torchvision.models.VisionTransformer(
        image_size=32, patch_size=8, num_layers=1, num_heads=2, hidden_dim=8, mlp_dim=8
    )
    inputs = torch.randn(2, 3, 32, 32)
    found = explain.feature_maps(model, inputs, layer="encoder.ln")
    kept = []
    model.encoder.ln.register_forward_hook(lambda *seen: kept.append(seen[2]))
    model.eval()(inputs)
    token = kept[0][1, 1 + 4 * 2 + 3]  # row 2, column 3, after the token of the class
    assert torch.allclose(found.maps[1, :, 2, 3], token[found.channels[1]])


def test_channels_that_come_last_are_brought_first():
    model = nn.Sequential(nn.Conv2d(3, 5, 2, 2), Last(), nn.LayerNorm(5))
    inputs = torch.randn(1, 3, 16, 16)
    found = explain.feature_maps(model, inputs, layer="2")
    expected = model(inputs).permute(0, 3, 1, 2)
    assert found.maps.shape == (1, 5, 8, 8)
    assert torch.equal(found.maps[0], expected[0, found.channels[0]])


class Last(nn.Module):
    def forward(self, x):
        return x.permute(0, 2, 3, 1)


@pytest.mark.parametrize(
    ("layer", "words"), [("4", r"with places.*4, which gives \(1, 2\)"), ("none", "known layer")]
)
def test_what_has_no_places_is_refused(layer, words):
    with pytest.raises(BadValue, match=words):
        explain.feature_maps(network(), torch.zeros(1, 3, 8, 8), layer=layer)


def test_a_layer_that_is_declared_and_not_used_is_named():
    class Idle(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.idle = nn.Conv2d(3, 2, 1), nn.Conv2d(3, 2, 1)

        def forward(self, x):
            return self.used(x)

    model = Idle()
    with pytest.raises(BadValue, match=r"one that the model uses.*'idle'"):
        explain.feature_maps(model, torch.zeros(1, 3, 4, 4), layer="idle")
    assert not model.idle._forward_hooks
    with pytest.raises(BadValue, match="most must be at least 1"):
        explain.feature_maps(model, torch.zeros(1, 3, 4, 4), most=0)
