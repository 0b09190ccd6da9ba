from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from netwright._errors import BadValue
from netwright.models.classifiers.alexnet import AlexNet
from netwright.models.graph.costs import cost_of
from netwright.models.graph.record import record


@pytest.fixture(scope="module")
def published():
    with torch.device("meta"):
        return AlexNet(1000)


def test_parameters_are_the_papers_sixty_million(published):
    # a layer after another: kernels by the channels that a group sees, and a bias for each
    counts = [96 * 364, 256 * (48 * 25 + 1), 384 * (256 * 9 + 1), 384 * (192 * 9 + 1)]
    counts += [256 * (192 * 9 + 1), 4096 * 9217, 4096 * 4097, 1000 * 4097]
    assert sum(counts) == 60965224
    found = [sum(each.numel() for each in layer.parameters()) for layer in published.modules()]
    leaves = [
        count
        for count, layer in zip(found, published.modules(), strict=True)
        if count and not list(layer.children())
    ]
    assert leaves == counts


def test_neurons_of_each_layer_are_the_papers_but_for_the_first(published):
    sizes = []
    for layer in published.modules():
        if isinstance(layer, torch.nn.ReLU):
            layer.register_forward_hook(lambda _, __, maps: sizes.append(maps[0].numel()))
    published(torch.zeros(1, 3, 224, 224, device="meta"))
    # the paper writes 253,440 for the first, which is no 96 square maps; its figure has 55x55
    assert sizes == [96 * 55 * 55, 186624, 64896, 64896, 43264, 4096, 4096]


def test_multiply_adds_are_the_known_724_million():
    with torch.device("meta"):
        graph = record(AlexNet(1000), torch.zeros(1, 3, 224, 224))
    found = sum(cost_of(operation, graph).multiply_adds for operation in graph.operations)
    positions = [55 * 55, 27 * 27, *3 * [13 * 13], 1, 1, 1]
    weights = [size for name, size in graph.parameters.items() if name.endswith("weight")]
    written = sum(w * n for w, n in zip(weights, positions, strict=True))
    assert found == written == 724406816


def normed(maps):
    """The formula of the paper's section 3.3."""
    count = maps.shape[1]
    found = []
    for place in range(count):
        near = maps[:, max(0, place - 2) : min(count - 1, place + 2) + 1]
        found.append(maps[:, place] / (2 + 1e-4 * near.square().sum(1)) ** 0.75)
    return torch.stack(found, dim=1)


def written_out(pictures, leaves):
    """The network in evaluation mode, from its parameters in order."""
    left = iter(leaves)
    maps = F.conv2d(pictures, next(left), next(left), stride=4, padding=2).clamp(min=0)
    maps = F.max_pool2d(normed(maps), 3, 2)
    maps = F.conv2d(maps, next(left), next(left), padding=2, groups=2).clamp(min=0)
    maps = F.max_pool2d(normed(maps), 3, 2)
    for groups in (1, 2, 2):
        maps = F.conv2d(maps, next(left), next(left), padding=1, groups=groups).clamp(min=0)
    features = F.max_pool2d(maps, 3, 2).flatten(1)
    for _ in range(2):
        features = F.linear(features, next(left), next(left)).clamp(min=0)
    return F.linear(features, next(left), next(left))


def test_forward_and_gradient_equal_the_written_out_layers():
    network = AlexNet(5, in_channels=2, image_size=(63, 100)).double().eval()
    pictures = 100 * torch.randn(2, 2, 63, 100, dtype=torch.float64)  # so that the norm shows
    leaves = [parameter.detach().clone().requires_grad_() for parameter in network.parameters()]
    assert leaves[10].shape == (4096, 256 * 1 * 2)
    expected = written_out(pictures, leaves)
    scores = network(pictures)
    torch.testing.assert_close(scores, expected)
    scores.square().sum().backward()
    expected.square().sum().backward()
    for parameter, leaf in zip(network.parameters(), leaves, strict=True):
        torch.testing.assert_close(parameter.grad, leaf.grad)


def test_half_of_the_first_two_linear_layers_is_dropped_in_training():
    network = AlexNet(2, image_size=63).train()
    dropped = []
    for layer in network.classifier:
        if isinstance(layer, torch.nn.Dropout):
            layer.register_forward_hook(
                lambda _, given, kept: dropped.append(
                    float((kept[given[0] > 0] == 0).float().mean())
                )
            )
    network(torch.randn(4, 3, 63, 63))
    assert dropped == pytest.approx([0.5, 0.5], abs=0.05)


@pytest.mark.parametrize("size", [62, (63, 40)])
def test_too_small_a_picture_is_refused_with_the_smallest_size(size):
    with pytest.raises(BadValue, match="image_size must be at least 63 for alexnet"):
        AlexNet(10, image_size=size)


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_dropout_is_a_share(share):
    with pytest.raises(BadValue, match="dropout must be in"):
        AlexNet(10, dropout=share)


@pytest.mark.peers
def test_transplanted_weights_give_the_peers_outputs():
    """Theirs has no groups, no padding before the first convolution, and torch's α for the paper's.

    So our groups stand as blocks in its kernels, the picture is padded first, and our α is its.
    """
    alexnet = pytest.importorskip("pytorchcv.models.alexnet")
    theirs, ours = alexnet.alexnet().eval(), AlexNet(1000).eval()
    with torch.no_grad():
        for wanted, given in zip(theirs.parameters(), ours.parameters(), strict=True):
            wanted.copy_(blocks(given, like=wanted))
        for layer in ours.modules():
            if isinstance(layer, torch.nn.LocalResponseNorm):
                layer.alpha = 1e-4
        pictures = torch.randn(2, 3, 224, 224)
        expected = theirs(F.pad(pictures, (2, 2, 2, 2)))
        torch.testing.assert_close(ours(pictures), expected, atol=1e-5, rtol=1e-5)


def blocks(kernels, *, like):
    if kernels.shape == like.shape:
        return kernels
    whole, half = torch.zeros_like(like), len(like) // 2
    whole[:half, : kernels.shape[1]] = kernels[:half]
    whole[half:, kernels.shape[1] :] = kernels[half:]
    return whole
