"""Grad-CAM, with and without its ReLU."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from captum.attr import LayerGradCam
from torch import nn
from torchvision import models

from netwright import explain
from netwright._errors import BadType, BadValue, NetwrightError


class Branches(nn.Module):
    """A layer with ways around it, before and after, and a part that runs twice."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1, stride=2)
        self.layer = nn.Conv2d(4, 4, 3, padding=1)
        self.after = nn.Conv2d(4, 6, 3)
        self.act = nn.ReLU(inplace=True)
        self.head = nn.Linear(6, 5)

    def forward(self, x):
        early = self.act(self.stem(x))
        maps = self.act(self.layer(early) + early)
        late = F.relu(self.after(maps + early), inplace=True) ** 2
        return self.head(late.mean((2, 3)))


@pytest.fixture
def model():
    return Branches().eval()


@pytest.fixture
def inputs():
    return torch.randn(3, 3, 14, 10)


@pytest.mark.parametrize("layer", ["stem", "layer", "after"])
def test_captums_numbers_at_the_layers_own_size(model, inputs, layer):
    maps = model.get_submodule(layer)
    theirs = LayerGradCam(model, maps).attribute(inputs, target=2)[:, 0].detach()
    size = tuple(theirs.shape[1:])
    signed = explain.signed_grad_cam(model, inputs, target=2, layer=layer, size=size)
    ours = explain.grad_cam(model, inputs, target=2, layer=maps, size=size)
    assert torch.allclose(signed, theirs, atol=1e-6)
    assert not ours.requires_grad
    assert torch.allclose(ours, theirs.relu(), atol=1e-6)
    assert (theirs < -1e-3).any()
    assert (ours > 1e-3).any()


def test_resnet_is_captums_and_only_the_tail_is_recorded():
    network, pictures = models.resnet18().eval(), torch.randn(2, 3, 64, 96)
    theirs = LayerGradCam(network, network.layer4).attribute(pictures, target=[3, 7])[:, 0]
    ours = explain.signed_grad_cam(network, pictures, target=[3, 7], size=(2, 3))
    assert torch.allclose(ours, theirs, atol=1e-5)
    recorded = []
    handles = [
        part.register_forward_hook(lambda *call: recorded.append(call[2].requires_grad))
        for part in (network.layer4[0], network.avgpool)
    ]
    explain.grad_cam(network, pictures)
    explain.grad_cam(network, pictures, layer="layer4.0")
    for handle in handles:
        handle.remove()
    # the second: layer4.0's own output is marked after this hook has seen it
    assert recorded == [False, True, False, True]


def test_the_enlarged_map_is_bilinear_between_the_centres_of_places(model, inputs):
    small = explain.grad_cam(model, inputs, target=1, layer="after", size=(5, 3))
    large = explain.grad_cam(model, inputs, target=1, layer="after")
    assert large.shape == (3, 14, 10)
    rows, columns = centres(14, 5), centres(10, 3)
    expected = torch.einsum("ij,njk,lk->nil", rows, small, columns)
    assert torch.allclose(large, expected, atol=1e-6)


def centres(many: int, few: int) -> torch.Tensor:
    """Weights of few places for many, by the distance of their centres."""
    table = torch.zeros(many, few)
    for i in range(many):
        at = min(max((i + 0.5) * few / many - 0.5, 0.0), few - 1.0)
        low = min(int(at), few - 2)
        table[i, low], table[i, low + 1] = 1 - (at - low), at - low
    return table


def test_a_batch_is_its_pictures_one_by_one(model, inputs):
    together = explain.grad_cam(model, inputs, target=[0, 4, 2])
    alone = [explain.grad_cam(model, inputs[i : i + 1], target=t) for i, t in enumerate([0, 4, 2])]
    assert torch.allclose(together, torch.cat(alone), atol=1e-6)


def test_none_is_the_predicted_class(model, inputs):
    with torch.no_grad():
        predicted = model(inputs).argmax(1)
    assert torch.equal(
        explain.grad_cam(model, inputs), explain.grad_cam(model, inputs, target=predicted)
    )


def tokens_written_out(network, pictures, target):
    """Grad-CAM at the input of the last attention, of a transformer of torchvision."""
    tokens = network._process_input(pictures)
    tokens = torch.cat([network.class_token.expand(len(tokens), -1, -1), tokens], 1)
    tokens = tokens + network.encoder.pos_embedding
    *before, block = network.encoder.layers
    for part in before:
        tokens = part(tokens)
    normed = block.ln_1(tokens).detach().requires_grad_()
    tokens = tokens + block.self_attention(normed, normed, normed, need_weights=False)[0]
    tokens = tokens + block.mlp(block.ln_2(tokens))
    score = network.heads(network.encoder.ln(tokens)[:, 0])[:, target].sum()
    gradient = torch.autograd.grad(score, normed)[0]
    weights = gradient[:, 1:].mean(1, keepdim=True)
    return (weights * normed[:, 1:]).sum(2).detach()


@pytest.fixture
def transformer():
    network = models.VisionTransformer(
        image_size=32, patch_size=8, num_layers=2, num_heads=2, hidden_dim=8, mlp_dim=16,
        num_classes=5,
    )  # fmt: skip
    nn.init.normal_(network.heads.head.weight)
    return network


def test_a_transformers_tokens_are_its_places(transformer):
    pictures = torch.randn(2, 3, 32, 32)
    ours = explain.signed_grad_cam(transformer, pictures, target=3, size=(4, 4))
    expected = tokens_written_out(transformer.eval(), pictures, 3).unflatten(1, (4, 4))
    assert torch.allclose(ours, expected, atol=1e-6)
    assert expected.abs().max() > 1e-4


def test_a_layer_that_only_the_class_token_is_read_of_is_refused(transformer):
    with pytest.raises(BadValue, match=r"picture's places the score depends on.*'encoder\.ln'"):
        explain.grad_cam(transformer, torch.randn(1, 3, 32, 32), layer="encoder.ln")


@pytest.mark.parametrize(
    ("layer", "error", "words"),
    [
        ("head", BadType, r"maps .* as 'head' does not, got layer=\(3, 5\)"),
        ("idle", BadValue, "a module that Odd calls"),
        ("pair", BadType, "got layer='tuple'"),
        ("aside", BadValue, "the score depends on"),
        ("layr", BadValue, "Did you mean layer"),
    ],
)
def test_layers_without_maps_are_refused(inputs, layer, error, words):
    class Pair(nn.Module):
        def forward(self, x):
            return x, x

    class Odd(Branches):
        def __init__(self):
            super().__init__()
            self.idle, self.aside, self.pair = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1), Pair()

        def forward(self, x):
            self.aside(x)
            return super().forward(self.pair(x)[0])

    with pytest.raises(error, match=words):
        explain.grad_cam(Odd(), inputs, layer=layer)


def test_few_channels_are_no_rows_though_the_pictures_shape_speaks_for_it():
    network = nn.Sequential(
        nn.Conv2d(1, 4, 5), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    )
    wide = torch.randn(2, 1, 12, 24)  # 4 channels of 8 x 20: 4 by 8 is the picture's shape
    maps = F.relu(network[0](wide))
    expected = torch.einsum("c,nchw->nhw", network[4].weight[1], maps) / (8 * 20)
    found = explain.signed_grad_cam(network, wide, target=1, layer="1", size=(8, 20))
    assert torch.allclose(found, expected, atol=1e-6)


def test_of_a_layer_that_runs_twice_the_last_run_counts(model, inputs):
    found = explain.signed_grad_cam(model, inputs, target=0, layer="act", size=(7, 5))
    early = model.stem(inputs).relu()
    maps = (model.layer(early) + early).relu().detach().requires_grad_()
    score = model.head(((model.after(maps + early).relu()) ** 2).mean((2, 3)))[:, 0].sum()
    gradient = torch.autograd.grad(score, maps)[0]
    assert torch.allclose(found, (gradient.mean((2, 3), True) * maps).sum(1).detach(), atol=1e-6)


def test_a_part_that_switches_gradients_itself_is_recorded_from_the_start(inputs):
    class Switching(Branches):
        def forward(self, x):
            with torch.set_grad_enabled(torch.is_grad_enabled()):  # puts back what it found
                early = self.act(self.stem(x))
                maps = self.act(self.layer(early) + early)
            return self.head(self.after(maps).mean((2, 3)))

    network = Switching()
    with torch.no_grad():
        found = explain.grad_cam(network, inputs, layer="layer", target=0, size=(7, 5))
    theirs = LayerGradCam(network, network.layer).attribute(inputs, target=0)[:, 0]
    assert torch.allclose(found, theirs.relu(), atol=1e-6)


@pytest.mark.parametrize("bad", [torch.zeros(3, 14, 10), torch.zeros(2, 3, 8, 8).long()])
def test_what_is_no_picture_is_refused(model, bad):
    with pytest.raises(NetwrightError, match="inputs must be"):
        explain.grad_cam(model, bad)


@pytest.mark.parametrize("size", [(0, 4), (4,), (4.0, 4)])
def test_a_size_without_pixels_is_refused(model, inputs, size):
    with pytest.raises(BadValue, match="size must be"):
        explain.grad_cam(model, inputs, size=size)


def test_the_model_is_left_as_it_was_after_a_refusal_too(model, inputs):
    model.train()
    state = copy.deepcopy(model.state_dict())
    fused = torch.backends.mha.get_fastpath_enabled()
    explain.grad_cam(model, inputs)
    with pytest.raises(NetwrightError):
        explain.grad_cam(model, inputs, layer="head")
    with pytest.raises(NetwrightError):
        explain.grad_cam(model, inputs, target=9)
    with pytest.raises(RuntimeError):
        explain.grad_cam(model, torch.zeros(1, 4, 8, 8))
    assert all(part.training for part in model.modules())
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert all(value.grad is None for value in model.parameters())
    assert torch.backends.mha.get_fastpath_enabled() == fused
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_kinds_of_real_numbers(model, inputs, dtype):
    found = explain.grad_cam(model.to(dtype), inputs.to(dtype), target=1)
    assert found.dtype == dtype


def test_frozen_compiled_and_without_gradients(model, inputs):
    plain = explain.grad_cam(model, inputs)
    model.requires_grad_(False)
    with torch.inference_mode():
        frozen = explain.grad_cam(torch.compile(model, backend="eager"), inputs.clone())
    assert torch.equal(plain, frozen)
