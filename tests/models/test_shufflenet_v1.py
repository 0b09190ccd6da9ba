from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from netwright._errors import BadValue
from netwright.models.classifiers.shufflenet_v1 import ShuffleNetV1
from netwright.models.graph.costs import cost_of
from netwright.models.graph.record import record

WIDTHS = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}  # table 1 of the paper


def multiply_adds(**options):
    with torch.device("meta"):
        graph = record(ShuffleNetV1(1000, **options), torch.zeros(1, 3, 224, 224))
    return sum(cost_of(operation, graph).multiply_adds for operation in graph.operations)


@pytest.mark.parametrize(("groups", "millions"), [(1, 143), (2, 140), (3, 137), (4, 133), (8, 137)])
def test_the_convolutions_cost_what_the_paper_states(groups, millions):
    linear = 4 * WIDTHS[groups] * 1000
    assert round((multiply_adds(groups=groups) - linear) / 1e6) == millions


@pytest.mark.parametrize(("scale", "millions"), [(0.25, 13), (0.5, 38), (1.5, 292), (2.0, 524)])
def test_other_widths_cost_what_the_paper_states(scale, millions):
    assert round(multiply_adds(scale=scale) / 1e6) == millions


@pytest.mark.parametrize("groups", WIDTHS)
def test_the_count_is_that_of_the_table(groups):
    count = 27 * 24 + 2 * 24
    before = 24
    for stage, units in enumerate((4, 8, 4)):
        channels = WIDTHS[groups] * 2**stage
        few = channels // 4
        for unit in range(units):
            made = channels - before if unit == 0 else channels
            parted = 1 if stage == unit == 0 else groups
            count += before * few // parted + 9 * few + few * made // groups + 4 * few + 2 * made
            before = channels
    count += (before + 1) * 1000
    assert sum(each.numel() for each in ShuffleNetV1(1000, groups=groups).parameters()) == count


def shuffled(maps, groups):
    size = maps.shape[1] // groups
    return maps[:, [part * size + place for place in range(size) for part in range(groups)]]


def normed(maps, scale, shift):
    mean = maps.mean((0, 2, 3), keepdim=True)
    variance = (maps - mean).square().mean((0, 2, 3), keepdim=True)
    standard = (maps - mean) / (variance + 1e-5).sqrt()
    return standard * scale[:, None, None] + shift[:, None, None]


def written_out(pictures, leaves, *, groups):
    """The network in training mode, from its parameters in order."""
    left = iter(leaves)
    maps = normed(F.conv2d(pictures, next(left), stride=2, padding=1), next(left), next(left))
    maps = F.max_pool2d(maps.clamp(min=0), 3, 2, 1)
    for stage, units in enumerate((4, 8, 4)):
        for unit in range(units):
            stride = 2 if unit == 0 else 1
            branch = F.conv2d(maps, next(left), groups=1 if stage == unit == 0 else groups)
            branch = shuffled(normed(branch, next(left), next(left)).clamp(min=0), groups)
            depthwise = next(left)
            branch = F.conv2d(branch, depthwise, stride=stride, padding=1, groups=len(depthwise))
            branch = normed(branch, next(left), next(left))
            branch = normed(F.conv2d(branch, next(left), groups=groups), next(left), next(left))
            if unit == 0:
                maps = torch.cat((branch, F.avg_pool2d(maps, 3, 2, 1)), dim=1)
            else:
                maps = branch + maps
            maps = maps.clamp(min=0)
    return F.linear(maps.mean((2, 3)), next(left), next(left))


@pytest.mark.parametrize(("groups", "scale"), [(1, 0.25), (3, 0.25), (8, 0.5), (4, 0.5)])
def test_forward_and_gradient_equal_the_written_out_layers(groups, scale):
    network = ShuffleNetV1(5, in_channels=2, groups=groups, scale=scale).double()
    pictures = torch.randn(3, 2, 47, 66, dtype=torch.float64)
    leaves = [parameter.detach().clone().requires_grad_() for parameter in network.parameters()]
    expected = written_out(pictures, leaves, groups=groups)
    scores = network(pictures)
    torch.testing.assert_close(scores, expected)
    scores.square().sum().backward()
    expected.square().sum().backward()
    for parameter, leaf in zip(network.parameters(), leaves, strict=True):
        torch.testing.assert_close(parameter.grad, leaf.grad)


@pytest.mark.parametrize("size", [(1, 1), (32, 32), (33, 70)])
def test_pictures_of_any_size_will_do(size):
    network = ShuffleNetV1(4, in_channels=1, groups=2, scale=0.25).eval()
    assert network(torch.randn(1, 1, *size)).shape == (1, 4)


@pytest.mark.parametrize("options", [{"groups": 5}, {"scale": 0.0}, {"scale": 17.0}])
def test_what_it_can_not_be_is_refused(options):
    (name,) = options
    with pytest.raises(BadValue, match=f"{name} must be"):
        ShuffleNetV1(4, **options)


@pytest.mark.peers
@pytest.mark.parametrize(("groups", "scale"), [(1, 1.0), (2, 1.0), (3, 0.5), (4, 1.0), (8, 1.0)])
def test_transplanted_weights_give_the_peers_outputs(groups, scale):
    shufflenet = pytest.importorskip("pytorchcv.models.shufflenet")
    theirs = shufflenet.get_shufflenet(groups=groups, width_scale=scale).double().eval()
    ours = ShuffleNetV1(1000, groups=groups, scale=scale).double().eval()
    values = theirs.state_dict().values()
    ours.load_state_dict(dict(zip(ours.state_dict(), values, strict=True)))
    pictures = torch.randn(2, 3, 224, 224, dtype=torch.float64)  # scores are in the thousands
    with torch.no_grad():
        torch.testing.assert_close(ours(pictures), theirs(pictures), atol=1e-5, rtol=1e-5)
