"""The architectures that libraries keep, under the names that the field has for them."""

from __future__ import annotations

import pytest
import torch
import torchvision

from netwright._errors import BadValue
from netwright.models import create, describe, names, search
from netwright.models.backbones import timm as adapter
from netwright.models.backbones.field_names import FIELD_NAMES
from netwright.models.backbones.timm_names import ENTRIES
from netwright.models.catalogue import CATALOGUE
from netwright.workflow.directory import search as find

OF_TIMM = [entry.name for entry in ENTRIES]
# One of each family; larger ones have the same stem and are as limited.
QUICK = {"legacy_xception", "mobilenetv1_100", "seresnet18", "inception_resnet_v2"}

# What the papers say, in millions, and the trainable ones of Keras's builders, counted by Keras.
STATED = {
    "vgg": 138.4,  # keras.applications
    "resnet": 25.5,  # of the ResNeXt paper's table 1
    "wide-resnet": 68.9,  # table 9
    "resnext": 25.0,  # table 1
    "densenet": 7.98,  # keras.applications, without running statistics
    "se-net": 28.1,  # table 10, reduction 16
    "xception": 22.856,  # table 3, exactly 22,855,952
    "mobilenet-v1": 4.2,  # table 8
    "mobilenet-v2": 3.4,  # table 4
    "shufflenet-v2": 2.3,  # table 8
    "squeezenet": 1.248,  # table 1
}


def test_no_name_is_a_librarys_or_ours():
    assert not set(FIELD_NAMES) & set(CATALOGUE.names())
    for name in FIELD_NAMES:
        assert f"torchvision:{name}" not in CATALOGUE
    if adapter.is_installed():
        assert not set(FIELD_NAMES) & set(adapter.names())


@pytest.mark.parametrize("name", FIELD_NAMES)
def test_a_name_stands_for_a_full_one_with_facts(name):
    found = describe(name)
    assert found.name == FIELD_NAMES[name]
    assert found.paper.startswith(("A", "D", "I", "M", "S", "V", "W", "X"))
    assert {"parameters", "smallest"} <= found.facts.keys()
    assert name in names()


@pytest.mark.parametrize("name", STATED)
def test_parameters_are_those_of_the_paper(name):
    millions = describe(name).facts["parameters"] / 1e6
    assert millions == pytest.approx(STATED[name], rel=0.035)


CHEAP = {"squeezenet", "mobilenet-v1", "mobilenet-v2", "shufflenet-v2", "se-resnet18"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in CHEAP else pytest.mark.slow) for name in FIELD_NAMES],
)
def test_transplanted_weights_give_the_librarys_outputs_and_gradients(name):
    library, _, own = FIELD_NAMES[name].partition(":")
    if library == "timm":
        reference = pytest.importorskip("timm").create_model(own, num_classes=4)
    else:
        reference = torchvision.models.get_model(own, num_classes=4)
    side = max(32, describe(name).facts["smallest"])
    network = create(name, num_classes=4, image_size=side).eval()
    pictures = torch.randn(2, 3, side, side)
    assert not torch.equal(network(pictures), reference.eval()(pictures))
    network.load_state_dict(reference.state_dict())
    scores, expected = network(pictures), reference(pictures)
    assert torch.equal(scores, expected)
    first, other = (next(one.parameters()) for one in (network, reference))
    (gradient,) = torch.autograd.grad(scores.square().sum(), first)
    (wanted,) = torch.autograd.grad(expected.square().sum(), other)
    assert torch.equal(gradient, wanted)


@pytest.mark.parametrize("name", OF_TIMM)
def test_parameters_are_those_of_timms_network(name):
    pytest.importorskip("timm")
    with torch.device("meta"):
        network = create(name, num_classes=1000)
    assert sum(one.numel() for one in network.parameters()) == describe(name).facts["parameters"]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name.partition(":")[2] in QUICK else pytest.mark.slow)
        for name in OF_TIMM
    ],
)
def test_the_smallest_size_is_the_smallest_of_timms(name):
    timm = pytest.importorskip("timm")
    smallest = describe(name).facts["smallest"]
    with torch.device("meta"):
        network = timm.create_model(name.partition(":")[2], num_classes=2).eval()
        for side in (smallest, smallest + 1, smallest + 2):
            assert network(torch.zeros(1, 3, side, side)).shape == (1, 2)
        if smallest > 1:
            with pytest.raises((RuntimeError, ValueError, ZeroDivisionError)):
                network(torch.zeros(1, 3, smallest - 1, smallest - 1))
    if smallest > 1:
        with pytest.raises(BadValue, match=f"image_size must be at least {smallest} for {name}"):
            create(name, num_classes=2, image_size=(smallest, smallest - 1))


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("se-net", "se-net"),
        ("SENet", "se-net"),
        ("SE-ResNet50", "se-resnet50"),
        ("squeeze-and-excitation", "se-net"),
        ("mobilenet v1", "mobilenet-v1"),
        ("MobileNetV2", "mobilenet-v2"),
        ("mobile net", "mobilenet-v1"),
        ("shufflenet v2", "shufflenet-v2"),
        ("xception", "xception"),
        ("wide resnet", "wide-resnet"),
        ("wide_resnet50", "wide-resnet50"),
        ("inception resnet v2", "inception-resnet-v2"),
        ("inception_resnet_v2", "inception-resnet-v2"),
        ("resnext", "resnext"),
        ("densenet", "densenet"),
        ("VGG", "vgg"),
        ("squeezenet", "squeezenet"),
    ],
)
def test_what_people_type_finds_it_first(typed, first):
    found = [one for one in find(typed) if one.kind == "model"]
    assert found[0].name == first
    assert found[0].full == FIELD_NAMES[first]
    assert first in [entry.name for entry in search(typed)]


def test_the_difference_from_the_paper_is_shown():
    from typer.testing import CliRunner

    from netwright.cli.main import app

    shown = CliRunner().invoke(app, ["find", "mobilenet-v1"]).output
    assert "differs from the paper: ReLU6 for ReLU" in shown
    assert "timm:mobilenetv1_100" in shown
