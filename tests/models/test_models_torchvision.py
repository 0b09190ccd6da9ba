from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision import models as library

from netwright._errors import BadValue
from netwright.models import create
from netwright.models.backbones import torchvision as adapter
from netwright.models.backbones.torchvision_names import ENTRIES
from netwright.models.weights import NoWeights

BY_NAME = {entry.facts["name"]: entry for entry in ENTRIES}


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_table_holds_every_classifier_of_torchvision():
    assert set(BY_NAME) == set(library.list_models(module=library))


def test_parameters_are_those_torchvision_states():
    stated = {name: library.get_model_weights(name).DEFAULT.meta["num_params"] for name in BY_NAME}
    unlike = {name for name, entry in BY_NAME.items() if entry.facts["parameters"] != stated[name]}
    # torchvision counts the auxiliary head of the one and the 518-pixel positions of the other
    assert unlike == {"inception_v3", "vit_h_14"}
    with torch.device("meta"):
        for name in unlike:
            network = create(f"torchvision:{name}", num_classes=1000)
            assert count(network) == BY_NAME[name].facts["parameters"]


# One of each family that has a limit; vision transformers and MaxViT take multiples instead.
LIMITED = """
    alexnet convnext_tiny densenet121 googlenet inception_v3
    squeezenet1_0 squeezenet1_1 swin_t swin_v2_t vgg11
"""


@pytest.mark.parametrize("name", LIMITED.split())
def test_the_smallest_size_is_the_smallest(name):
    smallest = BY_NAME[name].facts["smallest"]
    with torch.device("meta"):
        network = create(f"torchvision:{name}", num_classes=2, image_size=smallest).eval()
        assert network(torch.zeros(1, 3, smallest, smallest)).shape == (1, 2)
        with pytest.raises((RuntimeError, ValueError, ZeroDivisionError)):
            network(torch.zeros(1, 3, smallest - 1, smallest - 1))
    with pytest.raises(BadValue, match=f"image_size must be at least {smallest} for torchvision"):
        create(f"torchvision:{name}", num_classes=2, image_size=smallest - 1)


@pytest.mark.parametrize(
    "name", ["resnet18", "efficientnet_b0", "mobilenet_v3_small", "mnasnet0_5"]
)
def test_networks_without_a_limit_bear_one_pixel(name):
    with torch.device("meta"):
        network = create(f"torchvision:{name}", num_classes=2, image_size=1).eval()
        assert network(torch.zeros(1, 3, 1, 1)).shape == (1, 2)


def build_and_ask(name, *, size):
    with torch.device("meta"):
        network = create(f"torchvision:{name}", num_classes=2, image_size=size, in_channels=3)
        assert network.eval()(torch.zeros(1, 3, size, size)).shape == (1, 2)


@pytest.mark.slow
def test_a_transformer_of_windows_is_built_for_its_size():
    build_and_ask("maxvit_t", size=448)


def test_transformers_are_built_for_their_size():
    build_and_ask("vit_b_32", size=64)
    with pytest.raises(BadValue, match="multiple of 32"):
        create("torchvision:vit_b_32", num_classes=2, image_size=48)
    with pytest.raises(BadValue, match="square"):
        create("torchvision:vit_b_32", num_classes=2, image_size=(32, 64))


def test_transplanted_weights_give_torchvisions_outputs():
    reference = library.resnet18(num_classes=7).eval()
    network = create("torchvision:resnet18", num_classes=7).eval()
    network.load_state_dict(reference.state_dict())
    pictures = torch.randn(2, 3, 40, 40)
    assert torch.equal(network(pictures), reference(pictures))


@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize(
    "name", ["mobilenet_v3_small", "resnet18", "shufflenet_v2_x0_5", "squeezenet1_1"]
)
def test_channels_and_classes_are_honoured(name, channels):
    network = create(f"torchvision:{name}", num_classes=5, in_channels=channels, image_size=32)
    pictures = torch.randn(2, channels, 32, 32)
    assert network.eval()(pictures[:1]).shape == (1, 5)
    scores = network.train()(pictures)
    assert scores.shape == (2, 5)
    scores.square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.parametrize(("name", "size"), [("googlenet", 32), ("inception_v3", 75)])
def test_auxiliary_heads_are_gone(name, size):
    network = create(f"torchvision:{name}", num_classes=4, in_channels=1, image_size=size).train()
    scores = network(torch.randn(2, 1, size, size))
    assert isinstance(scores, torch.Tensor)
    assert scores.shape == (2, 4)
    assert not [key for key in network.state_dict() if key.lower().startswith("aux")]


def test_options_reach_the_network():
    assert create("torchvision:squeezenet1_1", num_classes=2, dropout=0.25).classifier[0].p == 0.25
    with pytest.raises(BadValue, match=r"options of torchvision:squeezenet1_1.*It takes dropout"):
        create("torchvision:squeezenet1_1", num_classes=2, droput=0.25)
    with pytest.raises(BadValue, match="expected value 32 but got 2"):
        create("torchvision:resnext50_32x4d", num_classes=2, groups=2)


def test_a_fresh_stem_keeps_the_spread_of_the_response():
    torch.manual_seed(0)
    old = nn.Conv2d(3, 256, 7, stride=2, padding=3)
    nn.init.normal_(old.weight, std=0.05)
    for channels in (1, 8):
        made = adapter.widened(old, channels)
        assert (made.stride, made.padding) == ((2, 2), (3, 3))
        with torch.no_grad():
            after = made(torch.randn(8, channels, 24, 24)).std()
            before = old(torch.randn(8, 3, 24, 24)).std()
        assert float(after / before) == pytest.approx(1, rel=0.05)


def test_a_trained_stem_answers_a_grey_picture_as_before():
    old = nn.Conv2d(3, 4, 3)
    grey = torch.randn(2, 1, 8, 8)
    expected = old(grey.expand(-1, 3, -1, -1))
    for channels in (1, 3, 6):
        made = adapter.widened(old, channels, trained=True)
        torch.testing.assert_close(made(grey.expand(-1, channels, -1, -1)), expected)


@pytest.fixture
def fetch(monkeypatch):
    """Stands for torchvision's download: gives a network of which we know the weights."""

    def prepare(network):
        monkeypatch.setattr(adapter, "_fetched", lambda *_: network)
        return network.eval()

    return prepare


def test_pretrained_weights_are_kept_but_for_a_head_of_other_classes(fetch):
    fetched = fetch(library.resnet18())
    same = create("torchvision:resnet18", num_classes=1000, pretrained=True).eval()
    pictures = torch.randn(1, 3, 32, 32)
    assert torch.equal(same(pictures), fetched(pictures))
    other = create("torchvision:resnet18", num_classes=5, pretrained=True).eval()
    unlike = {
        key
        for key, value in other.state_dict().items()
        if not torch.equal(value, fetched.state_dict()[key])
    }
    assert unlike == {"fc.weight", "fc.bias"}


def test_pretrained_weights_for_grey_pictures_answer_as_for_the_picture_in_three(fetch):
    fetched = fetch(library.resnet18())
    grey = torch.randn(1, 1, 32, 32)
    expected = fetched(grey.expand(-1, 3, -1, -1))
    network = create("torchvision:resnet18", num_classes=1000, in_channels=1, pretrained=True)
    torch.testing.assert_close(network.eval()(grey), expected, rtol=1e-4, atol=1e-5)


def test_pretrained_positions_are_interpolated():
    fetched = library.VisionTransformer(64, 32, 1, 2, 8, 16)
    network = library.VisionTransformer(96, 32, 1, 2, 8, 16, num_classes=2)
    adapter._start_from(network, fetched, stem="conv_proj", in_channels=3)
    positions, before = (each.encoder.pos_embedding for each in (network, fetched))
    assert (before.shape[1], positions.shape[1]) == (1 + 4, 1 + 9)
    assert torch.equal(positions[:, 0], before[:, 0])
    corners = positions[0, [1, 3, 7, 9]]  # of the 3x3 grid; those of 2x2 stay where they were
    torch.testing.assert_close(corners, before[0, 1:])
    assert torch.equal(network.conv_proj.weight, fetched.conv_proj.weight)


def test_colours_are_converted_only_where_there_are_three(fetch):
    fetch(library.googlenet(aux_logits=False, init_weights=False, transform_input=True))
    assert create("torchvision:googlenet", num_classes=3, pretrained=True).transform_input
    grey = create("torchvision:googlenet", num_classes=3, in_channels=1, pretrained=True)
    assert not grey.transform_input


def test_a_failed_download_is_one_sentence(monkeypatch):
    def fail(*_, **__):
        raise OSError("no route")

    monkeypatch.setattr("torch.hub.load_state_dict_from_url", fail)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fail)
    with pytest.raises(NoWeights, match="squeezenet1_1 could not be fetched: no route"):
        create("torchvision:squeezenet1_1", num_classes=2, pretrained=True)


def test_other_channels_need_no_values():
    """On stand-ins, as whoever asks for shapes alone builds it."""
    with torch.device("meta"):
        network = create("torchvision:vgg11", num_classes=2, in_channels=5)
    assert next(network.parameters()).shape[1] == 5
