import copy
import pickle

import pytest
import torch
import torch.nn.functional as F

from netwright._errors import BadValue
from netwright.models.catalogue import create, describe
from netwright.models.classifiers.capsnet import CapsNet


def small(**changes):
    options = {"in_channels": 2, "image_size": (9, 11), "kernel_size": 3, "channels": 4, "maps": 3}
    return CapsNet(5, **options | changes)


def test_parameters_are_the_papers():
    # 256 of 9x9x1, 256 of 9x9x256, 1152 capsules of 8 to 10 of 16
    wanted = 256 * 82 + 256 * (81 * 256 + 1) + 1152 * 8 * 10 * 16
    found = sum(one.numel() for one in CapsNet(10, in_channels=1).parameters())
    assert found == wanted == describe("capsnet").facts["parameters"]


def test_the_written_out_network():
    network = small(dimensions=2, class_dimensions=3, routings=1).double()
    pictures = torch.rand(2, 2, 9, 11, dtype=torch.float64)
    first, second, weight = (
        network.features[0],
        network.primary.convolution,
        network.classes.weight,
    )
    maps = F.conv2d(pictures, first.weight, first.bias).clamp(min=0)
    maps = F.conv2d(maps, second.weight, second.bias, stride=2)
    assert maps.shape == (2, 6, 3, 4)
    vectors = maps.reshape(2, 2, 3 * 12)
    length = vectors.norm(dim=1, keepdim=True)
    vectors = vectors * length / (1 + length**2)
    arriving = sum(
        torch.einsum("nd,kde->nke", vectors[:, :, i], weight[:, :, i]) / 5 for i in range(36)
    )
    torch.testing.assert_close(network.arriving(pictures), arriving)
    length = arriving.norm(dim=-1)
    torch.testing.assert_close(network(pictures).sigmoid(), length**2 / (1 + length**2))
    torch.testing.assert_close(network.capsules(pictures).norm(dim=-1), network(pictures).sigmoid())
    network(pictures).sum().backward()
    assert all(one.grad.abs().sum() > 0 for one in network.parameters())


def test_what_is_not_given_is_the_papers():
    network = CapsNet(10, in_channels=1)
    assert network.classes.routings == 3
    assert network.capsule_shape == (10, 16)
    assert float(network.classes.weight.detach().std()) == pytest.approx(0.1, rel=0.02)


def test_every_round_of_routing_counts():
    network, pictures = small(routings=1), torch.rand(2, 2, 9, 11)
    answers = []
    for rounds in (1, 2, 3):
        network.classes.routings = rounds
        answers.append(network(pictures))
    assert not torch.allclose(answers[0], answers[1])
    assert not torch.allclose(answers[1], answers[2])


def test_no_light_and_too_much_of_it_stay_finite():
    network = small()
    for factor in (0.0, 1e6):
        picture = torch.full((1, 2, 9, 11), factor, requires_grad=True)
        scores = network(picture)
        scores.sum().backward()
        assert scores.isfinite().all()
        assert picture.grad.isfinite().all()


def test_routing_is_in_full_precision_under_autocast():
    network = small()
    with torch.autocast("cpu", torch.bfloat16):
        scores = network(torch.rand(2, 2, 9, 11))
    assert scores.dtype == torch.float32
    scores.sum().backward()


def test_copies_and_pickles():
    network, picture = small().eval(), torch.rand(1, 2, 9, 11)
    for again in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert torch.equal(again(picture), network(picture))


@pytest.mark.parametrize("size", [16, (28, 16)])
def test_too_small_a_picture_is_refused_with_the_smallest_size(size):
    with pytest.raises(BadValue, match="image_size must be at least 17 for capsnet"):
        create("capsnet", num_classes=3, image_size=size)


def test_other_refusals():
    with pytest.raises(BadValue, match="routings must be a whole number of at least 1"):
        CapsNet(3, routings=0)
    with pytest.raises(BadValue, match=r"inputs must be pictures of \(9, 11\) pixels"):
        small()(torch.rand(1, 2, 9, 9))


def test_smallest_size_works():
    assert CapsNet(3, image_size=17, channels=4, maps=2)(torch.rand(2, 3, 17, 17)).shape == (2, 3)
