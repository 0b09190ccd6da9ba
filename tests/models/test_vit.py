"""The vision transformer against torchvision's, whose weights it is given."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import ViT_B_16_Weights
from torchvision.models.vision_transformer import VisionTransformer, vit_b_16

from netwright import explain
from netwright._errors import BadValue
from netwright.models import create, describe
from netwright.models.classifiers.vit import ViT

_NAMES = {
    "class_token": "class_token",
    "conv_proj": "patches",
    "encoder.pos_embedding": "places",
    "encoder.ln": "norm",
    "heads.head": "head",
    "ln_1": "norm1",
    "ln_2": "norm2",
    "self_attention.out_proj": "attention.out",
    "mlp.0": "each.0",
    "mlp.3": "each.3",
}
_THREE = ("query", "key", "value")


def renamed(theirs):
    """What a network of torchvision calls its tensors → what ours calls the same ones."""
    ours = {}
    for whole, value in theirs.items():
        _, is_block, inside = whole.partition("encoder_layer_")
        number, _, key = inside.partition(".") if is_block else ("", "", whole)
        lead = f"blocks.{number}." if is_block else ""
        if "in_proj" in key:
            for name, part in zip(_THREE, value.chunk(3), strict=True):
                ours[f"{lead}attention.{name}.{key.rpartition('_')[2]}"] = part
            continue
        old = next(name for name in _NAMES if key == name or key.startswith(f"{name}."))
        ours[lead + _NAMES[old] + key.removeprefix(old)] = value
    return ours


def twins(*, side, patch, depth, heads, width, hidden, dropout=0.0):
    """Ours with torchvision's weights, and torchvision's, every tensor drawn anew."""
    theirs = VisionTransformer(side, patch, depth, heads, width, hidden, dropout, num_classes=7)
    for parameter in theirs.parameters():
        nn.init.normal_(parameter, std=0.1 if parameter.dim() > 1 else 0.5)
    ours = ViT(
        7,
        image_size=side,
        patch=patch,
        width=width,
        depth=depth,
        heads=heads,
        mlp_width=hidden,
        dropout=dropout,
    )
    ours.load_state_dict(renamed(theirs.state_dict()))
    return ours, theirs


def compare(ours, theirs, pictures):
    """Outputs and gradients, of pictures and of every tensor."""
    answers = []
    for network in (ours, theirs):
        given = pictures.clone().requires_grad_()
        scores = network(given)
        scores.cos().sum().backward()
        gradients = {name: one.grad for name, one in network.named_parameters()}
        answers.append((scores, given.grad, gradients))
    (found, found_at, own), (wanted, wanted_at, other) = answers
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found_at, wanted_at, rtol=1e-5, atol=1e-5)
    other = renamed(other)
    assert own.keys() == other.keys()
    for name, gradient in own.items():
        size = float(other[name].abs().max())
        scale = 1.0 if name.endswith("key.bias") else size  # shifts all keys alike: without effect
        assert size > 0
        torch.testing.assert_close(gradient, other[name], rtol=1e-5, atol=1e-5 * scale)


@pytest.mark.parametrize(
    "form",
    [
        {"side": 16, "patch": 4, "depth": 3, "heads": 4, "width": 32, "hidden": 48},
        {"side": 12, "patch": 6, "depth": 1, "heads": 1, "width": 8, "hidden": 5},
    ],
)
def test_torchvisions_weights_give_torchvisions_outputs_and_gradients(form):
    ours, theirs = twins(**form)
    pictures = torch.randn(3, 3, form["side"], form["side"], dtype=torch.float64)
    compare(ours.double(), theirs.double(), pictures)


@pytest.mark.slow
def test_the_weights_of_vit_b_16_give_torchvisions_outputs_and_gradients():
    theirs = vit_b_16(num_classes=1000).eval()
    nn.init.normal_(theirs.heads.head.weight, std=0.02)  # torchvision begins at 0
    ours = ViT(1000).eval()
    ours.load_state_dict(renamed(theirs.state_dict()))
    compare(ours, theirs, torch.randn(2, 3, 224, 224))


def test_vit_b_16_has_the_papers_parameters_and_torchvisions_multiply_adds():
    with torch.device("meta"):
        network, pictures = create("vit", num_classes=1000), torch.empty(1, 3, 224, 224)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    assert parameters == describe("vit").facts["parameters"]
    assert parameters == ViT_B_16_Weights.IMAGENET1K_V1.meta["num_params"]
    assert round(parameters / 1e6) == 87  # the paper's table 1 has 86 million, cut off
    with FlopCounterMode(display=False) as counter:
        network(pictures)
    tokens, width, hidden = 197, 768, 3072
    block = tokens * (4 * width * width + 2 * width * hidden) + 2 * tokens * tokens * width
    expected = 12 * block + 196 * 16 * 16 * 3 * width + width * 1000
    assert counter.get_total_flops() == 2 * expected
    stated = ViT_B_16_Weights.IMAGENET1K_V1.meta["_ops"]
    assert expected / 1e9 == pytest.approx(stated, abs=5e-4)


@pytest.mark.parametrize(
    ("width", "depth", "heads", "millions"), [(1024, 24, 16, 304), (1280, 32, 16, 632)]
)
def test_the_larger_ones_have_torchvisions_parameters(width, depth, heads, millions):
    with torch.device("meta"):
        network = ViT(1000, patch=16, width=width, depth=depth, heads=heads)
    count = sum(parameter.numel() for parameter in network.parameters())
    assert round(count / 1e6) in {millions, millions + 1}


def test_weights_start_as_the_papers_code_has_them():
    network = ViT(50, image_size=64, patch=4, width=64, depth=1, heads=2)
    for name, value in network.state_dict().items():
        if name.endswith("bias") or name == "class_token":
            assert not value.any(), name
        elif name in {"places", "head.weight"}:
            assert float(value.std()) == pytest.approx(0.02, rel=0.1), name
        elif value.dim() > 1:
            edge = (6 / (value.shape[0] + value[0].numel())) ** 0.5  # Xavier's
            assert 0.95 * edge < float(value.abs().max()) <= edge, name
            assert float(value.std()) == pytest.approx(edge / 3**0.5, rel=0.1), name
    norms = [one for one in network.modules() if isinstance(one, nn.LayerNorm)]
    assert [one.eps for one in norms] == [1e-6] * 3


def test_dropout_acts_behind_every_layer_that_the_paper_names_and_in_training_only():
    network = ViT(3, image_size=8, patch=4, width=8, depth=2, heads=2, dropout=0.5)
    places = [name for name, one in network.named_modules() if isinstance(one, nn.Dropout)]
    inside = [
        f"blocks.{block}.{name}" for block in (0, 1) for name in ("dropout", "each.2", "each.4")
    ]
    assert places == ["dropout", *inside]
    pictures = torch.randn(4, 3, 8, 8)
    assert not torch.equal(network(pictures), network(pictures))
    network.eval()
    assert torch.equal(network(pictures), network(pictures))


def test_the_attention_maps_are_the_softmax_written_out():
    network = ViT(4, image_size=(8, 12), patch=4, width=16, depth=2, heads=2)
    pictures = torch.randn(3, 3, 8, 12)
    found = explain.attention_maps(network, pictures)
    assert list(found) == ["blocks.0.attention", "blocks.1.attention"]
    patches = network.patches(pictures).flatten(2).transpose(1, 2)
    tokens = torch.cat([network.class_token.expand(3, -1, -1), patches], 1) + network.places
    for block, weights in zip(network.blocks, found.values(), strict=True):
        normed = block.norm1(tokens)
        query, key = (
            layer(normed).reshape(3, 7, 2, 8).transpose(1, 2)
            for layer in (block.attention.query, block.attention.key)
        )
        expected = (query @ key.transpose(2, 3) / 8**0.5).softmax(-1)
        torch.testing.assert_close(weights, expected.detach())
        tokens = block(tokens)


def test_the_rollout_lies_over_the_patches():
    network = ViT(4, image_size=(8, 12), patch=4, width=16, depth=2, heads=2)
    pictures = torch.randn(2, 3, 8, 12)
    maps = explain.attention_rollout(network, pictures, size=(2, 3))
    assert maps.shape == (2, 2, 3)
    means = [0.5 * one.mean(1) + 0.5 * torch.eye(7) for one in
             explain.attention_maps(network, pictures).values()]  # fmt: skip
    rolled = (means[1] @ means[0])[:, 0, 1:].reshape(2, 2, 3)
    torch.testing.assert_close(maps, rolled)


@pytest.mark.parametrize(
    ("keywords", "sentence"),
    [
        ({"image_size": 28}, r"multiple of the patch \(16\) for vit, .* Set patch to one of 2, 4,"),
        ({"image_size": (16, 23), "patch": 4}, "Resize the pictures, or take"),
        ({"image_size": 32, "patch": 0}, "patch must be at least 1"),
        ({"width": 30}, r"features must be a positive multiple of heads \(12\)"),
        ({"depth": 0}, "depth must be at least 1"),
        ({"mlp_width": 0}, "mlp_width must be at least 1"),
        ({"dropout": 1.0}, "dropout must be in"),
    ],
)
def test_what_cannot_be_built_is_refused(keywords, sentence):
    with pytest.raises(BadValue, match=sentence):
        ViT(10, **keywords)


def test_pictures_of_another_size_are_refused():
    network = ViT(4, image_size=(8, 12), patch=4, width=16, depth=1, heads=2)
    with pytest.raises(BadValue, match="inputs must be pictures of 8×12, whose places were learne"):
        network(torch.zeros(1, 3, 12, 8))
