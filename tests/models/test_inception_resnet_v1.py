from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from netwright._errors import BadValue
from netwright.models.classifiers.inception_resnet_v1 import InceptionResNetV1
from netwright.models.graph.costs import cost_of
from netwright.models.graph.record import record

# figures 10, 11, 13, 7 with table 1, and 12: (channels, height, width of the kernel)
A = [[(32, 1, 1)], [(32, 1, 1), (32, 3, 3)], [(32, 1, 1), (32, 3, 3), (32, 3, 3)]]
B = [[(128, 1, 1)], [(128, 1, 1), (128, 1, 7), (128, 7, 1)]]
C = [[(192, 1, 1)], [(192, 1, 1), (192, 1, 3), (192, 3, 1)]]
REDUCTION_A = [[(384, 3, 3)], [(192, 1, 1), (192, 3, 3), (256, 3, 3)]]
REDUCTION_B = [
    [(256, 1, 1), (384, 3, 3)],
    [(256, 1, 1), (256, 3, 3)],
    [(256, 1, 1), (256, 3, 3), (256, 3, 3)],
]


def branches_count(before, branches, *, pixels, after):
    """Parameters and multiply-adds; the last convolution has `after` positions."""
    parameters = products = 0
    for branch in branches:
        channels = before
        for place, (made, height, width) in enumerate(branch, start=1):
            weights = channels * made * height * width
            parameters += weights + 2 * made
            products += weights * (after if place == len(branch) else pixels)
            channels = made
    return parameters, products


def published_count():
    """From the figures of the paper, for 299x299 pixels and 1000 classes."""
    parameters = products = 0
    stem = [(3, 32, 3, 149), (32, 32, 3, 147), (32, 64, 3, 147)]
    stem += [(64, 80, 1, 73), (80, 192, 3, 71), (192, 256, 3, 35)]
    for before, made, kernel, side in stem:
        weights = before * made * kernel**2
        parameters += weights + 2 * made
        products += weights * side**2
    for channels, blocks, count, side in ((256, A, 5, 35), (896, B, 10, 17), (1792, C, 5, 8)):
        own = branches_count(channels, blocks, pixels=side**2, after=side**2)
        weights = sum(branch[-1][0] for branch in blocks) * channels
        parameters += count * (own[0] + weights + channels)
        products += count * (own[1] + weights * side**2)
    for channels, reduction, side, after in ((256, REDUCTION_A, 35, 17), (896, REDUCTION_B, 17, 8)):
        own = branches_count(channels, reduction, pixels=side**2, after=after**2)
        parameters, products = parameters + own[0], products + own[1]
    return parameters + 1793 * 1000, products + 1792 * 1000


def test_parameters_and_multiply_adds_are_those_of_the_papers_figures():
    with torch.device("meta"):
        graph = record(InceptionResNetV1(1000), torch.zeros(1, 3, 299, 299))
    parameters = sum(graph.parameters.values())
    products = sum(cost_of(operation, graph).multiply_adds for operation in graph.operations)
    assert (parameters, products) == published_count() == (22756328, 6206361696)


def test_grids_are_those_of_the_papers_figure():
    with torch.device("meta"):
        network = InceptionResNetV1(10)
    seen = []
    for part in (network.stem, network.reduction_a, network.reduction_b, network.blocks_c):
        part.register_forward_hook(lambda _, __, maps: seen.append(tuple(maps.shape[1:])))
    network(torch.zeros(1, 3, 299, 299, device="meta"))
    assert seen == [(256, 35, 35), (896, 17, 17), (1792, 8, 8), (1792, 8, 8)]


def test_what_is_not_given_is_the_authors():
    with torch.device("meta"):
        network = InceptionResNetV1(10)
    parts = (network.blocks_a, network.blocks_b, network.blocks_c)
    assert [[block.scale for block in part] for part in parts] == [
        [0.17] * 5, [0.1] * 10, [0.2] * 5,
    ]  # fmt: skip
    assert network.dropout.p == 0.2  # "keep 0.8"


def test_a_share_of_the_features_is_dropped_in_training_alone():
    network = InceptionResNetV1(2, image_size=75, blocks=(1, 1, 1), dropout=0.5)
    seen = []
    network.head.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.no_grad():
        for is_training in (True, False):
            network.train(is_training)(torch.randn(2, 3, 75, 75))
    in_training, in_evaluation = (float((features == 0).float().mean()) for features in seen)
    assert in_training - in_evaluation > 0.2


class Written:
    """The network in training mode without dropout, from its parameters in order."""

    def __init__(self, leaves):
        self.left = iter(leaves)

    def unit(self, maps, *, stride=1, same=True):
        kernel, scale, shift = next(self.left), next(self.left), next(self.left)
        reach = [side // 2 for side in kernel.shape[2:]] if same else 0
        maps = F.conv2d(maps, kernel, stride=stride, padding=reach)
        maps = maps - maps.mean((0, 2, 3), keepdim=True)
        maps = maps / (maps.square().mean((0, 2, 3), keepdim=True) + 1e-3).sqrt()
        return (maps * scale[:, None, None] + shift[:, None, None]).clamp(min=0)

    def branches(self, maps, branches, *, halves=False):
        found = []
        for branch in branches:
            each = maps
            for place in range(1, len(branch) + 1):
                last = halves and place == len(branch)
                each = self.unit(each, stride=2 if last else 1, same=not last)
            found.append(each)
        return found

    def residual(self, maps, branches, scale):
        found = torch.cat(self.branches(maps, branches), dim=1)
        return (maps + scale * F.conv2d(found, next(self.left), next(self.left))).clamp(min=0)

    def reduced(self, maps, branches):
        found = self.branches(maps, branches, halves=True)
        return torch.cat([*found, F.max_pool2d(maps, 3, 2)], dim=1)

    def scores(self, pictures, *, blocks, scales):
        maps = self.unit(pictures, stride=2, same=False)
        maps = self.unit(self.unit(maps, same=False))
        maps = self.unit(F.max_pool2d(maps, 3, 2))
        maps = self.unit(self.unit(maps, same=False), stride=2, same=False)
        for kind, reduction, count, scale in zip(
            (A, B, C), (REDUCTION_A, REDUCTION_B, None), blocks, scales, strict=True
        ):
            for _ in range(count):
                maps = self.residual(maps, kind, scale)
            maps = self.reduced(maps, reduction) if reduction else maps
        return F.linear(maps.mean((2, 3)), next(self.left), next(self.left))


def test_forward_and_gradient_equal_the_written_out_layers():
    options = {"blocks": (2, 1, 1), "scales": (0.17, 0.1, 0.2)}
    network = InceptionResNetV1(5, in_channels=2, dropout=0.0, **options).double()
    pictures = torch.randn(2, 2, 91, 107, dtype=torch.float64)
    # our parameters lie in the order of execution
    leaves = [parameter.detach().clone().requires_grad_() for parameter in network.parameters()]
    expected = Written(leaves).scores(pictures, **options)
    scores = network(pictures)
    torch.testing.assert_close(scores, expected)
    scores.square().sum().backward()
    expected.square().sum().backward()
    for parameter, leaf in zip(network.parameters(), leaves, strict=True):
        torch.testing.assert_close(parameter.grad, leaf.grad)


def test_too_small_a_picture_is_refused_with_the_smallest_size():
    with pytest.raises(BadValue, match="image_size must be at least 75 for inception-resnet-v1"):
        InceptionResNetV1(10, image_size=74)
    network = InceptionResNetV1(3, in_channels=1, image_size=75, blocks=(1, 1, 1)).eval()
    assert network(torch.zeros(1, 1, 75, 75)).shape == (1, 3)


@pytest.mark.parametrize(
    "options",
    [{"blocks": (5, 10)}, {"blocks": (0, 1, 1)}, {"scales": (0.1, 0.1, 2.0)}, {"dropout": 1.0}],
)
def test_what_it_can_not_be_is_refused(options):
    (name,) = options
    with pytest.raises(BadValue, match=f"{name} must be"):
        InceptionResNetV1(10, **options)


def pytorchcvs():
    return pytest.importorskip("pytorchcv.models.inceptionresnetv1").inceptionresnetv1()


def facenets():
    return pytest.importorskip("facenet_pytorch").InceptionResnetV1()


@pytest.mark.peers
@pytest.mark.parametrize("make", [pytorchcvs, facenets])
def test_transplanted_weights_give_the_peers_features(make):
    """Theirs go on with one more block and 512 features: they are compared before these."""
    theirs, ours = make().double().eval(), InceptionResNetV1(10).double().eval()
    last = theirs.repeat_3 if hasattr(theirs, "repeat_3") else theirs.features.stage3.unit6
    features = []
    last.register_forward_hook(lambda _, __, maps: features.append(maps.mean((2, 3))))
    given = iter(theirs.state_dict().items())
    wanted = ours.state_dict()
    for name in wanted:
        if not name.startswith("head"):
            wanted[name] = next(given)[1]
    ours.load_state_dict(wanted)
    ours.dropout.register_forward_hook(lambda _, given, __: features.append(given[0]))
    pictures = torch.randn(1, 3, 299, 299, dtype=torch.float64)
    with torch.no_grad():
        theirs(pictures)
        ours(pictures)
    torch.testing.assert_close(features[1], features[0], atol=1e-5, rtol=1e-5)
