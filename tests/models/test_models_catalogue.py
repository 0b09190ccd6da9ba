from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file

from netwright._catalogue import Catalogue, Entry
from netwright._errors import BadData, BadType, BadValue
from netwright.models import catalogue, create, describe, names, search
from netwright.models.catalogue import CATALOGUE

OURS = [entry.name for entry in CATALOGUE if "library" not in entry.facts]


def test_ours_come_first():
    assert names()[: len(OURS)] == OURS
    assert set(OURS) >= {"linear", "mlp", "lenet", "small-resnet", "convnet"}


@pytest.mark.parametrize("name", OURS)
def test_what_differs_from_the_paper_is_said_in_the_class_and_in_the_catalogue(name):
    entry = describe(name)
    in_class = "\n    Differs: " in entry.load().__doc__
    assert ("differs" in entry.facts) is in_class
    assert entry.paper or not in_class


def test_a_row_needs_no_image_size():
    assert create("mlp", num_classes=3, in_channels=7)(torch.randn(2, 7)).shape == (2, 3)


def test_looking_a_name_up_loads_nothing_heavy():
    code = (
        "import sys; from netwright import models;"
        "[models.describe(name) for name in ('mlp', 'resnet50', 'xception', 'vgg')];"
        "models.names('torchvision:*'); models.search('vg');"
        "sys.exit(', '.join({'torch', 'torchvision', 'timm'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""


def test_a_bare_name_is_ours_then_torchvisions_then_timms(monkeypatch):
    assert describe("lenet").name == "lenet"
    assert describe("resnet50").name == "torchvision:resnet50"
    ours = Entry(name="resnet50", target="builtins:object", summary="")
    monkeypatch.setattr(catalogue, "CATALOGUE", Catalogue("model", (ours, *CATALOGUE)))
    assert describe("resnet50").name == "resnet50"
    pytest.importorskip("timm")
    assert describe("convnext_atto").name == "timm:convnext_atto"


def test_a_bare_name_builds_the_network_of_its_full_name():
    torch.manual_seed(0)
    bare = create("squeezenet1_1", num_classes=3, image_size=32)
    torch.manual_seed(0)
    full = create("torchvision:squeezenet1_1", num_classes=3, image_size=32)
    assert type(bare) is type(full)
    for key, value in full.state_dict().items():
        assert torch.equal(bare.state_dict()[key], value)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("lenett", "Did you mean lenet"),
        ("small_resnet", "Did you mean small-resnet"),
        ("torchvision:resnet81", "Did you mean torchvision:resnet18"),
        ("nowhere:resnet18", "torchvision:resnet18"),
    ],
)
def test_an_unknown_name_lists_the_nearest(name, near):
    with pytest.raises(BadValue, match=near):
        describe(name)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("linear", "bias"),
        ("perceptron", "association_units"),
        ("mlp", "activation, dropout, hidden, norm"),
        ("lenet", "activation"),
        ("small-resnet", "blocks, dropout, stem_stride, width"),
        ("convnet", "activation, block, dropout, norm, padding, pool, widths"),
        ("googlenet", "auxiliaries, auxiliary_dropout, dropout"),
        ("vit", "depth, dropout, heads, mlp_width, patch, width"),
        ("alexnet", "dropout"),
        ("shufflenet-v1", "groups, scale"),
        ("inception-resnet-v1", "blocks, dropout, scales"),
    ],
)
def test_unknown_options_are_named_with_the_known_ones(name, known):
    with pytest.raises(BadValue, match=rf"options of {name}, .*drpout, hiden.*takes {known}\."):
        create(name, num_classes=2, image_size=16, drpout=0.5, hiden=3)


@pytest.mark.parametrize(
    "settings", [{"num_classes": 0}, {"num_classes": 2.0}, {"num_classes": 2, "in_channels": 0}]
)
def test_impossible_settings_are_refused(settings):
    with pytest.raises(BadValue, match="a whole number of at least 1"):
        create("mlp", **settings)


def test_patterns():
    assert names("torchvision:squeezenet?_1") == ["torchvision:squeezenet1_1"]
    assert names("small-*") == ["small-resnet"]
    assert set(names("*resnet18")) >= {"torchvision:resnet18"}
    assert names("nothing-like-it") == []


def test_search_reads_names_summaries_and_papers():
    assert [entry.name for entry in search("perceptron")] == ["perceptron", "mlp"]
    assert search("Gradient-Based Learning")[0].name == "lenet"
    found = [entry.name for entry in search("resnet", most_of_timm=3)]
    assert found[0] == "small-resnet"
    assert "torchvision:resnet18" in found
    assert [entry.name for entry in search("SqueezeNet", most_of_timm=0)] == [
        "squeezenet",
        "torchvision:squeezenet1_0",
        "torchvision:squeezenet1_1",
    ]


def test_search_in_timm_is_capped_and_needs_three_letters():
    pytest.importorskip("timm")

    def of_timm(word, **keywords):
        return [entry for entry in search(word, **keywords) if entry.name.startswith("timm:")]

    assert len(of_timm("resnet")) == 20
    assert len(of_timm("resnet", most_of_timm=2)) == 2
    assert of_timm("vi") == []


def test_ones_own_network_takes_what_it_names(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "from torch import nn\n"
        "class Net(nn.Linear):\n"
        "    def __init__(self, num_classes, in_channels, bias=True):\n"
        "        super().__init__(in_channels, num_classes, bias=bias)\n"
        "def wrong(num_classes):\n"
        "    return num_classes\n"
    )
    network = create(f"{file}:Net", num_classes=3, in_channels=5, image_size=8, bias=False)
    assert (network.in_features, network.out_features, network.bias) == (5, 3, None)
    with pytest.raises(BadValue, match="It takes bias"):
        create(f"{file}:Net", num_classes=3, bais=False)
    with pytest.raises(BadType, match=r"torch\.nn\.Module"):
        create(f"{file}:wrong", num_classes=3)


def test_a_weights_file_is_loaded(tmp_path):
    first = create("lenet", num_classes=3)
    save_file(first.state_dict(), tmp_path / "lenet.safetensors")
    second = create("lenet", num_classes=3, pretrained=tmp_path / "lenet.safetensors")
    for key, value in first.state_dict().items():
        assert torch.equal(second.state_dict()[key], value)


def test_counters_of_batches_may_be_left_out_of_a_weights_file(tmp_path):
    first = create("small-resnet", num_classes=3)
    state = first.state_dict()
    lean = {key: value for key, value in state.items() if "num_batches" not in key}
    assert len(lean) < len(state)
    save_file(lean, tmp_path / "lean.safetensors")
    second = create("small-resnet", num_classes=3, pretrained=tmp_path / "lean.safetensors")
    for key, value in state.items():
        assert torch.equal(second.state_dict()[key], value)


def test_a_weights_file_that_does_not_fit_is_listed_key_by_key(tmp_path):
    state = create("mlp", num_classes=3, in_channels=4, hidden=[8]).state_dict()
    state["extra"] = torch.zeros(1)
    state["head.weight"] = torch.zeros(2, 8)
    del state["linear1.bias"]
    path = tmp_path / "weights.safetensors"
    save_file(state, path)
    with pytest.raises(BadData) as refused:
        create("mlp", num_classes=3, in_channels=4, hidden=[8], pretrained=str(path))
    sentence = str(refused.value)
    assert f"got {path} with keys 1 missing (linear1.bias), 1 not in the network" in sentence
    assert "(extra), 1 of another shape" in sentence
    assert "head.weight is (2, 8) and should be (3, 8)" in sentence


def test_weights_that_are_not_there_or_no_weights(tmp_path):
    with pytest.raises(BadValue, match=r"an existing file \(\.safetensors"):
        create("lenet", num_classes=3, pretrained=str(tmp_path / "none.safetensors"))
    (tmp_path / "broken.safetensors").write_bytes(b"not weights")
    with pytest.raises(BadData, match="must be a safetensors file"):
        create("lenet", num_classes=3, pretrained=tmp_path / "broken.safetensors")
    with pytest.raises(BadValue, match="pretrained must be False or a path for lenet"):
        create("lenet", num_classes=3, pretrained=True)
