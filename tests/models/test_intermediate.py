from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from netwright._errors import BadType, BadValue, NothingObserved
from netwright.models import create
from netwright.models.graph import describe
from netwright.models.intermediate import FeatureStage, intermediate_features, stages


def told(network, shape):
    return [(one.name, one.stride, one.channels) for one in stages(network, shape)]


def test_a_stack_by_hand():
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(4, 6, 3, stride=(2, 1), padding=1),
        nn.MaxPool2d((1, 2)),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 2),
    )
    found = stages(network, (3, 8, 10))
    assert found == (
        FeatureStage(name="1", stride=(1, 1), channels=4, size=(8, 10)),
        FeatureStage(name="2", stride=(2, 1), channels=6, size=(4, 10)),
        FeatureStage(name="3", stride=(2, 2), channels=6, size=(4, 5)),
    )
    assert stages(network, torch.zeros(2, 3, 8, 10)) == found


@pytest.mark.parametrize("name", ["resnet18", "seresnet18", "mobilenetv2_050"])
def test_stages_are_those_of_timms_features(name):
    timm = pytest.importorskip("timm")
    network = timm.create_model(name, num_classes=3)
    info = timm.create_model(name, features_only=True).feature_info
    found = stages(network, (3, 64, 64))
    assert [one.stride for one in found][:4] == [(side, side) for side in info.reduction()][:4]
    assert [one.channels for one in found][:4] == info.channels()[:4]
    assert found[-1].stride == (32, 32)


def test_values_are_those_of_timms_features():
    timm = pytest.importorskip("timm")
    reference = timm.create_model("resnet18", features_only=True).eval()
    network = timm.create_model("resnet18").eval()
    network.load_state_dict(reference.state_dict(), strict=False)
    pictures = torch.randn(2, 3, 64, 48)
    names = [one.name for one in stages(network, pictures)]
    ours = intermediate_features(network, pictures, names=names)
    for value, expected in zip(ours.values(), reference(pictures), strict=True):
        assert torch.equal(value, expected)


NODES = {
    "resnet18": (["relu", "layer1", "layer2", "layer3", "layer4"], (2, 4, 8, 16, 32)),
    "vgg11": (
        ["features.1", "features.4", "features.9", "features.14", "features.19", "features"],
        (1, 2, 4, 8, 16, 32),
    ),
    "densenet121": (
        ["features.relu0", *(f"features.denseblock{n}" for n in (1, 2, 3)), "features"],
        (2, 4, 8, 16, 32),
    ),
    "shufflenet_v2_x0_5": (["conv1", "maxpool", "stage2", "stage3", "conv5"], (2, 4, 8, 16, 32)),
}


@pytest.mark.parametrize("name", NODES)
def test_stages_and_values_are_those_of_torchvisions_extractor(name):
    from torchvision.models.feature_extraction import create_feature_extractor

    network = create(name, num_classes=3).eval()
    names, strides = NODES[name]
    found = stages(network, (3, 64, 96))
    assert [(one.name, one.stride) for one in found] == [
        (path, (side, side)) for path, side in zip(names, strides, strict=True)
    ]
    pictures = torch.randn(1, 3, 64, 96)
    # One at a time and in their order: torchvision's tracing lets later writes in place show.
    ours = intermediate_features(network, pictures, names=names)
    for stage in found:
        node = {"features": "features.norm5"}.get(stage.name, stage.name)
        if stage.name == "features" and name == "vgg11":
            node = "features.20"
        reference = create_feature_extractor(network, {node: "value"})
        expected = reference(pictures)["value"]
        value = ours[stage.name]
        assert value.shape == (1, stage.channels, *stage.size)
        assert torch.allclose(value.clamp_min(0), expected.clamp_min(0), atol=1e-6)


@pytest.mark.parametrize("name", ["resnet18", "squeezenet1_1", "small-resnet"])
def test_strides_are_those_of_the_receptive_field(name):
    network = create(name, num_classes=3)
    by_name = {}
    for layer in describe(network, (3, 64, 64)).layers:
        for path, _ in layer.calls:
            by_name[path] = layer.receptive_field  # the last layer in a module gives what it gives
    found = stages(network, (3, 64, 64))
    assert len(found) >= 3
    for one in found:
        assert [axis.stride for axis in by_name[one.name]] == list(one.stride), one


@pytest.mark.slow
def test_unpadded_edges_change_no_stride():
    network = create("inception-resnet-v2", num_classes=2)
    assert [one[1:] for one in told(network, (3, 111, 139))] == [
        ((2, 2), 64),
        ((4, 4), 192),
        ((8, 8), 320),
        ((16, 16), 1088),
        ((32, 32), 1536),
    ]


def test_networks_of_fixed_size_and_channels_last():
    assert told(create("lenet", num_classes=2, image_size=28), (3, 28, 28))[-1] == (
        "features",
        (4, 4),
        16,
    )
    small = create("torchvision:vit_b_32", num_classes=2, image_size=64)
    assert told(small, (3, 64, 64)) == [("conv_proj", (32, 32), 768)]
    swin = stages(create("swin_t", num_classes=2), (3, 64, 96))
    assert [(one.stride[0], one.channels, one.channels_last) for one in swin] == [
        (4, 96, True),
        (8, 192, True),
        (16, 384, True),
        (32, 768, False),
    ]
    assert swin[0].size == (16, 24)


class Fixed(nn.Sequential):
    """Takes one size only, as a transformer with learned positions does."""

    def forward(self, pictures):
        if pictures.shape[-1] != 12:
            raise ValueError("12 pixels, please")
        return super().forward(pictures)


def test_without_a_larger_picture_a_stride_is_the_quotient_of_sizes_that_divide():
    network = Fixed(nn.Conv2d(3, 4, 2, 2), nn.Conv2d(4, 5, 2), nn.AdaptiveAvgPool2d(1))
    assert told(network, (3, 12, 12)) == [("0", (2, 2), 4)]


class Doubled(nn.Module):
    """Up again after going down, its parts within a part of their own."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Module()
        self.inner.down = nn.Conv2d(3, 4, 3, 2, 1)
        self.inner.up = nn.ConvTranspose2d(4, 5, 2, 2)
        self.inner.twice = nn.ReLU(inplace=True)

    def forward(self, pictures):
        low = self.inner.twice(self.inner.down(pictures))
        return self.inner.twice(self.inner.up(low))


def test_a_decoder_is_the_deepest_at_its_stride():
    assert told(Doubled(), (3, 8, 8)) == [("inner.twice", (1, 1), 5), ("inner.down", (2, 2), 4)]


def test_values_keep_their_gradient_whatever_is_written_in_place_later():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(inplace=True), nn.Conv2d(2, 1, 1))
    pictures = torch.randn(2, 1, 6, 6)
    value = intermediate_features(network, pictures, names=["0"])["0"]
    expected = nn.functional.conv2d(pictures, network[0].weight, network[0].bias)
    assert torch.equal(value, expected)
    gradient = torch.autograd.grad(value.square().sum(), network[0].weight)[0]
    wanted = torch.autograd.grad(expected.square().sum(), network[0].weight)[0]
    torch.testing.assert_close(gradient, wanted)


def test_the_network_stays_as_it_was():
    network = create("small-resnet", num_classes=2).train()
    network.stages.eval()
    before = copy.deepcopy(network.state_dict())
    stages(network, (3, 16, 16))
    assert (network.training, network.stages.training) == (True, False)
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key])
    network.eval()
    with pytest.raises(RuntimeError):
        intermediate_features(network, torch.zeros(1, 5, 8, 8), names=["stages"])
    with pytest.raises(BadValue, match="example must be what SmallResNet takes"):
        stages(network, (5, 8, 8))
    assert not [one for one in network.modules() if one._forward_hooks]


class Asks(nn.Module):
    """Looks at a value, which a stand-in hasn't."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, 2, 1)

    def forward(self, pictures):
        made = self.conv(pictures)
        return made if float(made.sum()) > -1e9 else -made


def test_a_network_that_looks_at_values_runs_on_some():
    assert told(Asks(), (3, 8, 8)) == [("conv", (2, 2), 4)]


def test_refusals():
    network = create("small-resnet", num_classes=2).eval()
    with pytest.raises(BadValue, match="Did you mean stages"):
        intermediate_features(network, torch.zeros(1, 3, 8, 8), names=["stage"])
    network.unused = nn.Linear(2, 2)
    with pytest.raises(NothingObserved, match="unused"):
        intermediate_features(network, torch.zeros(1, 3, 8, 8), names=["unused"])
    with pytest.raises(BadValue, match=r"pictures \(n, c, h, w\)"):
        stages(network, (3, 8))
    with pytest.raises(BadType):
        stages("resnet18", (3, 8, 8))
    assert stages(create("mlp", num_classes=2, image_size=8), (3, 8, 8)) == ()
