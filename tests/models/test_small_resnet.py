from __future__ import annotations

import copy
import pickle

import pytest
import torch
import torch.nn.functional as F

from netwright._errors import BadValue
from netwright.models.classifiers.small_resnet import SmallResNet
from netwright.models.layers.residual_block import BasicBlock


def conv(channels_in, channels, size):
    return channels_in * channels * size * size


def expected_count(channels, classes, width, blocks):
    """Convolutions without bias; two numbers a channel for each batch norm; a linear layer."""
    total = conv(channels, width, 3) + 2 * width
    before = width
    for place, repeats in enumerate(blocks):
        here = width * 2**place
        total += conv(before, here, 3) + conv(here, here, 3) + 4 * here
        total += (conv(before, here, 1) + 2 * here) if place else 0
        total += (repeats - 1) * (2 * conv(here, here, 3) + 4 * here)
        before = here
    return total + before * classes + classes


@pytest.mark.parametrize("blocks", [(1, 1, 1), (2, 1), (1, 2, 3)])
def test_parameters_are_counted_by_hand(blocks):
    network = SmallResNet(10, in_channels=1, width=16, blocks=blocks)
    counted = sum(parameter.numel() for parameter in network.parameters())
    assert counted == expected_count(1, 10, 16, blocks)


def products(network, shape):
    """Multiply-adds of one picture in convolutions and linear layers."""
    seen = []

    def note(layer, _, out):
        places = out[0, 0].numel() if out.dim() == 4 else 1
        seen.append(layer.weight.numel() * places)

    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
            module.register_forward_hook(note)
    network.eval()(torch.zeros(1, *shape))
    return sum(seen)


def test_the_figures_of_the_docstring():
    for size, millions in ((28, 10.2), (8, 3.0)):
        network = SmallResNet(10, in_channels=1, image_size=size)
        assert sum(parameter.numel() for parameter in network.parameters()) == 308074
        assert round(products(network, (1, size, size)) / 1e6, 1) == millions


def normed(x, state, name, training):
    return F.batch_norm(
        x,
        state[f"{name}.running_mean"].clone(),
        state[f"{name}.running_var"].clone(),
        state[f"{name}.weight"],
        state[f"{name}.bias"],
        training=training,
    )


def written_out(x, state, *, stem_stride, training):
    """Three stages of one block, from weights by name."""
    x = F.conv2d(x, state["stem.0.weight"], stride=stem_stride, padding=1)
    x = normed(x, state, "stem.1", training).clamp(min=0)
    for stage in range(3):
        block, stride = f"stages.{stage}.0", 1 if stage == 0 else 2
        branch = F.conv2d(x, state[f"{block}.conv1.weight"], stride=stride, padding=1)
        branch = normed(branch, state, f"{block}.norm1", training).clamp(min=0)
        branch = F.conv2d(branch, state[f"{block}.conv2.weight"], padding=1)
        branch = normed(branch, state, f"{block}.norm2", training)
        if stage > 0:
            x = F.conv2d(x, state[f"{block}.shortcut.0.weight"], stride=stride)
            x = normed(x, state, f"{block}.shortcut.1", training)
        x = (branch + x).clamp(min=0)
    return F.linear(x.mean((2, 3)), state["head.weight"], state["head.bias"])


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("size", "stem_stride"), [(8, 1), (23, 1), (24, 2), ((24, 40), 2)])
def test_forward_and_gradient_equal_the_written_out_layers(size, stem_stride, training):
    network = SmallResNet(4, in_channels=2, image_size=size, width=6).double().train(training)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.weight, 1.0, 0.2)
            torch.nn.init.normal_(module.running_mean)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
    height, width = (size, size) if isinstance(size, int) else size
    pictures = torch.randn(3, 2, height, width, dtype=torch.float64)
    state = {key: value.detach().clone() for key, value in network.state_dict().items()}
    for name, _ in network.named_parameters():
        state[name].requires_grad_()
    expected = written_out(pictures, state, stem_stride=stem_stride, training=training)
    scores = network(pictures)
    torch.testing.assert_close(scores, expected)
    scores.square().sum().backward()
    expected.square().sum().backward()
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(parameter.grad, state[name].grad)
        assert float(parameter.grad.abs().sum()) > 0, name


def test_a_fresh_block_passes_on_what_came_in():
    block = BasicBlock(5, 5)
    maps = torch.randn(2, 5, 6, 6)
    assert torch.equal(block(maps), maps.clamp(min=0))


def test_fresh_convolutions_are_drawn_for_their_fan_out():
    network = SmallResNet(10, width=64)
    weight = network.stages[2][0].conv1.weight.detach()  # 128 channels to 256
    assert float(weight.std()) == pytest.approx((2 / (256 * 9)) ** 0.5, rel=0.02)


@pytest.mark.parametrize("size", [1, 8, 17, 64, 97])
def test_any_size_is_borne(size):
    network = SmallResNet(3, in_channels=1, image_size=size, width=4).eval()
    assert network(torch.randn(1, 1, size, size)).shape == (1, 3)


def test_dropout_acts_in_training_only():
    network = SmallResNet(3, width=4, dropout=0.5)
    pictures = torch.randn(4, 3, 8, 8)
    assert not torch.equal(network(pictures), network(pictures))
    network.eval()
    assert torch.equal(network(pictures), network(pictures))


def test_copies_and_pickles_answer_alike():
    network = SmallResNet(3, width=4).eval()
    pictures = torch.randn(2, 3, 8, 8)
    for again in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert torch.equal(again(pictures), network(pictures))


@pytest.mark.parametrize(
    ("keywords", "sentence"),
    [
        ({"width": 0}, "width must be at least 1"),
        ({"blocks": ()}, "blocks must be"),
        ({"blocks": (1, 0)}, "blocks must be"),
        ({"stem_stride": 0}, "stem_stride must be at least 1"),
        ({"dropout": 1.0}, "dropout must be in"),
        ({"image_size": "28"}, "image_size must be"),
    ],
)
def test_what_cannot_be_built_is_refused(keywords, sentence):
    with pytest.raises(BadValue, match=sentence):
        SmallResNet(10, **keywords)
