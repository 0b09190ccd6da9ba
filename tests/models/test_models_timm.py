from __future__ import annotations

import sys

import pytest
import torch

from netwright._errors import BadValue, MissingExtra
from netwright.models import create, describe
from netwright.models.backbones import timm as adapter
from netwright.models.weights import NoWeights

timm = pytest.importorskip("timm")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ["convnext_atto", "lcnet_050", "resnet10t"])
def test_channels_and_classes_are_honoured(name, channels):
    network = create(f"timm:{name}", num_classes=5, in_channels=channels, image_size=32)
    pictures = torch.randn(2, channels, 32, 32)
    assert network.eval()(pictures[:1]).shape == (1, 5)
    scores = network.train()(pictures)
    assert scores.shape == (2, 5)
    scores.square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_transplanted_weights_give_timms_outputs():
    reference = timm.create_model("resnet10t", num_classes=4).eval()
    network = create("timm:resnet10t", num_classes=4).eval()
    network.load_state_dict(reference.state_dict())
    pictures = torch.randn(2, 3, 40, 40)
    assert torch.equal(network(pictures), reference(pictures))


def test_a_network_of_fixed_size_is_built_for_the_picture():
    network = create("timm:vit_tiny_patch16_224", num_classes=2, image_size=(32, 48)).eval()
    assert network(torch.zeros(1, 3, 32, 48)).shape == (1, 2)


def test_a_size_that_cannot_be_borne_is_refused():
    with pytest.raises(BadValue, match=r"image_size must be a size that timm:densenet121 can bear"):
        create("timm:densenet121", num_classes=2, image_size=4)


def test_trying_a_size_leaves_the_network_as_it_was():
    torch.manual_seed(0)
    tried = create("timm:resnet10t", num_classes=2, image_size=32)
    torch.manual_seed(0)
    untried = create("timm:resnet10t", num_classes=2)
    assert tried.training
    for key, value in untried.state_dict().items():
        assert torch.equal(tried.state_dict()[key], value), key


def test_options_reach_the_network_or_are_refused():
    assert create("timm:resnet10t", num_classes=2, drop_rate=0.25).drop_rate == 0.25
    with pytest.raises(BadValue, match=r"options of timm:resnet10t, .*'droprate'"):
        create("timm:resnet10t", num_classes=2, droprate=0.25)
    with pytest.raises(BadValue, match="features_only"):
        create("timm:resnet10t", num_classes=2, features_only=True)
    for named in ("checkpoint_path", "pretrained_cfg", "pretrained_cfg_overlay"):
        with pytest.raises(BadValue, match=rf"{named}.*pretrained=path/to/weights\.safetensors"):
            create("timm:resnet10t", num_classes=2, **{named: "weights.pth"})


def test_the_facts_of_a_network_are_kept_under_the_tag_of_its_weights():
    plain, tagged = describe("timm:seresnet50"), describe("timm:seresnet50.a1_in1k")
    assert tagged.name == "timm:seresnet50.a1_in1k"
    assert tagged.facts["name"] == "seresnet50.a1_in1k"
    for fact in ("differs", "parameters", "smallest"):
        assert tagged.facts[fact] == plain.facts[fact]


def test_names_and_tags():
    assert describe("timm:resnet18").summary == "timm's ResNet"
    assert describe("timm:resnet18.a1_in1k").name == "timm:resnet18.a1_in1k"
    with pytest.raises(BadValue, match=r"Did you mean timm:resnet18"):
        describe("timm:resnet81")
    with pytest.raises(BadValue, match=r"timm:resnet18\.a1_in1k"):
        describe("timm:resnet18.a1_in2k")


def test_a_failed_download_is_one_sentence(monkeypatch):
    def fail(*_, **__):
        raise OSError("no route")

    monkeypatch.setattr(timm, "create_model", fail)
    with pytest.raises(NoWeights, match="timm:resnet18 could not be fetched: no route"):
        create("timm:resnet18", num_classes=2, pretrained=True)


def test_without_timm_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingExtra, match=r"netwright\[timm\]"):
        describe("timm:resnet18")
    for name in ("xception", "timm:seresnet50"):  # which are known without it
        assert describe(name).facts["parameters"] > 1e6
        with pytest.raises(MissingExtra, match=r"netwright\[timm\]"):
            create(name, num_classes=2)
    monkeypatch.setattr(adapter, "is_installed", lambda: False)
    with pytest.raises(BadValue, match=r"Did you mean lenet.*netwright\[timm\]"):
        describe("lenett")
