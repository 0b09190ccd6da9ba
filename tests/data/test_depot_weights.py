"""Conversions of weights: both networks are run, in the source's arithmetic and in torch's."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

from netwright.data.depot import (
    efficientnet_lite,
    perceptual_features,
    resnet50,
    torchvision_weights,
    vgg19_normalised,
)
from netwright.data.depot.entry import NotFetched
from netwright.data.depot.verify import content_digest
from netwright.data.depot.weights import WeightsCard, checkpoint, save


def convolve(pictures, kernel, *, stride=1):
    """Valid convolution of (n, h, w, c) with (h, w, in, out), by its definition, in numpy."""
    height, width = kernel.shape[:2]
    windows = np.lib.stride_tricks.sliding_window_view(pictures, (height, width), axis=(1, 2))
    return np.einsum("nijcyx,yxco->nijo", windows[:, ::stride, ::stride], kernel)


def close(channels_first, channels_last, tolerance=1e-5):
    np.testing.assert_allclose(
        channels_first.detach().permute(0, 2, 3, 1).numpy(), channels_last, tolerance, tolerance
    )


@pytest.fixture
def random():
    return np.random.default_rng(0)


def keys(model):
    return {name for name in model.state_dict() if not name.endswith("num_batches_tracked")}


def torchvision_model(name):
    import torchvision.models

    with torch.device("meta"):
        return getattr(torchvision.models, name)()


def test_flax_convolutions_give_the_same_maps_in_torch(random):
    kernels = [random.normal(size=(3, 2, 4, 5)), random.normal(size=(2, 2, 5, 6))]
    biases = [random.normal(size=5), random.normal(size=6)]
    layers = {
        f"Conv_{place}": {"kernel": kernel, "bias": bias}
        for place, (kernel, bias) in enumerate(zip(kernels, biases, strict=True))
    }
    state = perceptual_features.convert(layers, places=(0, 2))
    pictures = random.normal(size=(2, 7, 9, 4))
    maps = torch.from_numpy(pictures).permute(0, 3, 1, 2)
    for place in (0, 2):
        weight, bias = state[f"features.{place}.weight"], state[f"features.{place}.bias"]
        assert weight.is_contiguous()
        maps = F.conv2d(maps, weight, bias)
    expected = pictures
    for kernel, bias in zip(kernels, biases, strict=True):
        expected = convolve(expected, kernel) + bias
    close(maps, expected, 1e-10)


@pytest.mark.parametrize("features", [perceptual_features.VGG16, perceptual_features.ALEXNET])
def test_flax_features_fit_torchvision(features):
    model = torchvision_model(features.card.architecture.split(":")[1])
    places = [int(n) for n, layer in model.features.named_children() if type(layer) is nn.Conv2d]
    assert list(features.places) == places


def test_lpips_heads_are_one_by_one_convolutions(random):
    layers = {
        f"NetLinLayer_{depth}": {"Conv_0": {"kernel": random.normal(size=(1, 1, depth + 2, 1))}}
        for depth in range(5)
    }
    heads = perceptual_features.heads(layers)
    assert {name: tuple(head.shape) for name, head in heads.items()} == {
        f"{depth}.weight": (1, depth + 2, 1, 1) for depth in range(5)
    }


def keras_unit(random, *, inputs, outputs, side, name="c", norm="b"):
    return {
        f"{name}/kernel": torch.from_numpy(random.normal(size=(side, side, inputs, outputs))),
        f"{name}/bias": torch.from_numpy(random.normal(size=outputs)),
        f"{norm}/gamma": torch.from_numpy(random.normal(size=outputs)),
        f"{norm}/beta": torch.from_numpy(random.normal(size=outputs)),
        f"{norm}/moving_mean": torch.from_numpy(random.normal(size=outputs)),
        # Small variances: there the two epsilons matter.
        f"{norm}/moving_variance": torch.from_numpy(random.uniform(1e-4, 1e-2, size=outputs)),
    }


def keras_forward(pictures, layers, *, name="c", norm="b", stride=1):
    part = {path: tensor.numpy() for path, tensor in layers.items()}
    maps = convolve(pictures, part[f"{name}/kernel"], stride=stride) + part[f"{name}/bias"]
    scale = part[f"{norm}/gamma"] / np.sqrt(part[f"{norm}/moving_variance"] + 1e-3)
    return (maps - part[f"{norm}/moving_mean"]) * scale + part[f"{norm}/beta"]


def test_a_keras_convolution_and_norm_give_the_same_maps_in_torch(random):
    layers = keras_unit(random, inputs=3, outputs=5, side=3)
    state = resnet50.unit(layers, ("conv", "norm"), convolution="c", norm="b")
    unit = nn.Sequential()
    unit.add_module("conv", nn.Conv2d(3, 5, 3, bias=False))
    unit.add_module("norm", nn.BatchNorm2d(5))
    unit.double().eval().load_state_dict(state)
    pictures = random.normal(size=(2, 8, 8, 3))
    close(unit(torch.from_numpy(pictures).permute(0, 3, 1, 2)), keras_forward(pictures, layers))


def keras_resnet50(random):
    """All layers, one channel wide, but for the first convolution, which must see colour."""
    layers = keras_unit(random, inputs=3, outputs=2, side=7, name="conv1", norm="bn_conv1")
    for stage, letters in ((2, "abc"), (3, "abcd"), (4, "abcdef"), (5, "abc")):
        for letter in letters:
            for branch in ("2a", "2b", "2c", *(["1"] if letter == "a" else [])):
                place = f"{stage}{letter}_branch{branch}"
                layers |= keras_unit(
                    random, inputs=1, outputs=1, side=1, name=f"res{place}", norm=f"bn{place}"
                )
    return layers | {"fc1000/kernel": torch.rand(2, 7), "fc1000/bias": torch.rand(7)}


def test_resnet50_takes_bytes_as_caffe_does(random):
    """The first layer on normalised RGB is Keras' on blue-green-red bytes, border included."""
    layers = keras_resnet50(random)
    state = resnet50.convert(layers)
    card = resnet50._CARD
    pixels = random.integers(0, 256, (1, 16, 16, 3)).astype(float)
    caffe = pixels[..., ::-1] - np.array([103.939, 116.779, 123.68])
    padded = np.pad(caffe, ((0, 0), (3, 3), (3, 3), (0, 0)))
    expected = keras_forward(padded, layers, name="conv1", norm="bn_conv1", stride=2)
    inputs = torch.from_numpy((pixels / 255 - np.array(card.mean)) / np.array(card.std))
    first = nn.Sequential(nn.Conv2d(3, 2, 7, 2, 3, bias=False), nn.BatchNorm2d(2)).double().eval()
    first.load_state_dict(
        {"0.weight": state["conv1.weight"]}
        | {f"1.{n}": state[f"bn1.{n}"] for n in ("weight", "bias", "running_mean", "running_var")}
    )
    close(first(inputs.permute(0, 3, 1, 2)), expected)
    torch.testing.assert_close(state["fc.weight"], layers["fc1000/kernel"].T)


def test_resnet50_has_torchvisions_keys_and_the_strides_of_the_paper(random):
    model = torchvision_model("resnet50")
    layers = keras_resnet50(random)
    assert set(resnet50.convert(layers)) == keys(model)
    for layer in (2, 3, 4):
        block = model.get_submodule(f"layer{layer}.0")
        for name in ("conv1", "conv2"):
            change = resnet50._CARD.changes[f"layer{layer}.0.{name}"]["stride"]
            assert list(getattr(block, name).stride) == [3 - stride for stride in change]
    third = resnet50.convert(layers)["layer3.2.bn2.weight"]
    torch.testing.assert_close(third, layers["bn4c_branch2b/gamma"])


def test_tfjs_shards_are_read_across_their_borders(tmp_path):
    first, second = np.arange(6, dtype="<f4").reshape(2, 3), np.arange(6, 10, dtype="<f4")
    content = first.tobytes() + second.tobytes()
    (tmp_path / "1.bin").write_bytes(content[:10])
    (tmp_path / "2.bin").write_bytes(content[10:])
    weights = [{"name": "a", "shape": [2, 3]}, {"name": "b", "shape": [4]}]
    manifest = {"weightsManifest": [{"paths": ["1.bin", "2.bin"], "weights": weights}]}
    (tmp_path / "model.json").write_text(json.dumps(manifest))
    layers = resnet50.read_layers(tmp_path)
    np.testing.assert_array_equal(layers["a"].numpy(), first)
    np.testing.assert_array_equal(layers["b"].numpy(), second)


def vgg19_layers():
    generator = torch.Generator().manual_seed(0)
    layers = {}
    for place in vgg19_normalised._FROM[1:]:
        layers[f"{place}.weight"] = torch.randn(1, 1, 3, 3, generator=generator)
        layers[f"{place}.bias"] = torch.randn(1, generator=generator)
    layers["0.weight"] = torch.randn(3, 3, 1, 1, generator=generator)
    layers["0.bias"] = torch.randn(3, generator=generator)
    layers["2.weight"] = torch.randn(4, 3, 3, 3, generator=generator)
    layers["2.bias"] = torch.randn(4, generator=generator)
    return layers


def test_vgg19_folds_its_colour_layer_exactly_border_included():
    layers = vgg19_layers()
    state = vgg19_normalised.convert(layers)
    pictures = torch.rand(2, 3, 9, 8)
    mixed = F.conv2d(pictures, layers["0.weight"], layers["0.bias"])
    padded = F.pad(mixed, (1, 1, 1, 1), mode="reflect")
    expected = F.conv2d(padded, layers["2.weight"], layers["2.bias"])
    folded = nn.Conv2d(3, 4, 3, padding=1)
    folded.padding_mode = "reflect"  # as the card's changes are applied
    folded.load_state_dict({"weight": state["features.0.weight"], "bias": state["features.0.bias"]})
    torch.testing.assert_close(folded(pictures), expected, rtol=1e-4, atol=1e-4)


def test_vgg19_has_torchvisions_keys_and_every_padding_and_pooling_is_changed():
    model = torchvision_model("vgg19")
    state = vgg19_normalised.convert(vgg19_layers())
    assert set(state) == {name for name in keys(model) if name.startswith("features.")}
    changes = vgg19_normalised._CARD.changes
    for name, layer in model.features.named_children():
        if isinstance(layer, nn.Conv2d):
            assert changes[f"features.{name}"] == {"padding_mode": "reflect"}
        elif isinstance(layer, nn.MaxPool2d):
            assert changes[f"features.{name}"] == {"ceil_mode": True}
        else:
            assert f"features.{name}" not in changes


@pytest.mark.parametrize("number", [0, 1, 2])
def test_efficientnet_lite_gets_timms_keys(number):
    timm = pytest.importorskip("timm")
    lite = efficientnet_lite.ENTRIES[number].routes[0].prepare
    with torch.device("meta"):
        model = timm.create_model(lite.card.architecture.split(":")[1])
    norms = [f"{part}.{leaf}" for part in ("_bn0", "_bn1", "_bn2") for leaf in NORM]
    names = [f"{part}.weight" for part in ("_conv_stem", "_conv_head", "_fc")] + ["_fc.bias"]
    names += norms[: 2 * len(NORM)]
    for block in range(sum(lite.blocks)):
        parts = ["_depthwise_conv.weight", "_project_conv.weight", *norms]
        parts += ["_expand_conv.weight"] if block else []
        skipped = () if block else ("_bn0",)
        names += [
            f"_blocks.{block}.{part}" for part in parts if not part.startswith(skipped or "-")
        ]
    renamed = efficientnet_lite.convert(dict.fromkeys(names, torch.zeros(1)), blocks=lite.blocks)
    assert len(renamed) == len(names)
    assert set(renamed) == keys(model)


NORM = ("weight", "bias", "running_mean", "running_var")


def test_weights_are_kept_without_counters_and_with_their_card(tmp_path):
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    card = WeightsCard(architecture="torchvision:toy", licence="CC0", origin="nowhere")
    save(tmp_path, net.state_dict(), card=card)
    kept = load_file(tmp_path / "model.safetensors")
    assert set(kept) == keys(net)
    fresh = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    fresh.load_state_dict(kept, strict=True)
    read = json.loads((tmp_path / "weights.json").read_text())
    assert (read["architecture"], read["licence"], read["origin"]) == (
        "torchvision:toy",
        "CC0",
        "nowhere",
    )
    assert not (tmp_path / "classes.txt").exists()


def test_classifiers_come_with_the_names_of_imagenet(tmp_path):
    card = WeightsCard(architecture="t:t", classes=1000, licence="CC0", origin="nowhere")
    save(tmp_path, {"fc.weight": torch.zeros(1)}, card=card)
    names = (tmp_path / "classes.txt").read_text().splitlines()
    assert len(names) == 1000
    assert (names[0], names[281], names[999]) == ("tench", "tabby", "toilet tissue")


def test_content_digest_of_weights_sees_names_shapes_types_and_values(tmp_path):
    base = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.zeros(2)}
    variants = [
        base,
        {"b": base["b"], "a": base["a"]},
        {"a": base["a"].reshape(3, 2), "b": base["b"]},
        {"a": base["a"].double(), "b": base["b"]},
        {"a": base["a"] + 1, "b": base["b"]},
        {"c": base["a"], "b": base["b"]},
    ]
    card = WeightsCard(architecture="t:t", licence="CC0", origin="nowhere")
    digests = []
    for place, tensors in enumerate(variants):
        (tmp_path / str(place)).mkdir()
        save(tmp_path / str(place), tensors, card=card)
        digests.append(content_digest(tmp_path / str(place) / "model.safetensors"))
    assert digests[0] == digests[1]
    assert len(set(digests)) == 5


def test_a_checkpoint_is_read_without_running_it(tmp_path):
    torch.save({"a": torch.ones(2)}, tmp_path / "toy-1.pth")
    torch.testing.assert_close(checkpoint(tmp_path, "toy-*.pth")["a"], torch.ones(2))
    with pytest.raises(NotFetched, match="0 files match"):
        checkpoint(tmp_path, "other-*.pth")


def test_resnet18_is_the_same_from_a_checkpoint_and_from_a_pickle(tmp_path):
    import pickle

    state = nn.BatchNorm2d(3).state_dict()
    file = tmp_path / torchvision_weights._RESNET18_FILE
    file.parent.mkdir(parents=True)
    file.write_bytes(pickle.dumps(state))
    torch.save(state, tmp_path / "resnet18-00000000.pth")
    made = [tmp_path / "one", tmp_path / "two"]
    for folder, prepare in zip(
        made, (torchvision_weights.resnet18, torchvision_weights.resnet18_from_pickle), strict=True
    ):
        folder.mkdir()
        prepare(tmp_path, folder)
    first, second = (content_digest(folder / "model.safetensors") for folder in made)
    assert first == second
