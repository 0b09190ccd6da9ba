"""Networks that others trained, by name, from a cache made for the test."""

import pytest
import torch

from netwright._errors import BadData, BadValue
from netwright.data.depot import entry
from netwright.data.depot.cache import write_manifest
from netwright.data.depot.weights import WeightsCard, read_card, save
from netwright.models.catalogue import create
from netwright.workflow.pretrained import is_pretrained, pretrained


def kept(cache, name, tensors, **card):
    """Weights as `netwright data get` leaves them."""
    folder = cache / name
    folder.mkdir()
    save(folder, tensors, card=WeightsCard(licence="CC0", origin="here", **card))
    write_manifest(folder, entry(name), route="test")
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    torch.manual_seed(0)
    whole = create("torchvision:mobilenet_v2", num_classes=1000)
    kept(
        folder,
        "mobilenet-v2",
        whole.state_dict(),
        architecture="torchvision:mobilenet_v2",
        classes=1000,
        mean=(0.1, 0.2, 0.3),
        std=(0.4, 0.5, 0.6),
        input_size=(3, 64, 96),
    )
    whole = create("torchvision:alexnet", num_classes=2)
    kept(
        folder,
        "alexnet-features",
        {key: value for key, value in whole.state_dict().items() if key.startswith("features.")},
        architecture="torchvision:alexnet",
        part="features",
        input_size=None,
        changes={"features.0": {"stride": [2, 2]}, "features.2": {"ceil_mode": True}},
    )
    return folder


def test_a_classifier_comes_with_its_inputs_and_names(cache):
    known = pretrained("mobilenet-v2", cache=cache)
    assert known.input_size == (3, 64, 96)
    assert (known.class_names[281], len(known.class_names)) == ("tabby", 1000)
    torch.manual_seed(0)
    same = create("torchvision:mobilenet_v2", num_classes=1000).eval()
    inputs = known.preprocess(torch.zeros(1, 3, 100, 100, dtype=torch.uint8))
    assert inputs.shape == (1, 3, 64, 96)
    torch.testing.assert_close(inputs[0, :, 0, 0], torch.tensor([-0.25, -0.4, -0.5]))
    with torch.no_grad():
        assert torch.equal(known.model(inputs), same(inputs))


def test_a_part_is_that_part_with_the_changes_made(cache):
    known = pretrained("alexnet-features", cache=cache)
    assert known.class_names == ()
    assert (known.model[0].stride, known.model[2].ceil_mode) == ((2, 2), True)
    wanted = read_card(cache / "alexnet-features")
    assert wanted.changes["features.0"] == {"stride": (2, 2)}
    inputs = torch.rand(1, 3, 70, 70)
    assert known.preprocess(inputs).shape == inputs.shape
    assert known.model(inputs).shape[1] == 256


def test_other_weights_are_refused(cache, tmp_path):
    kept(tmp_path, "resnet18", {"fc.weight": torch.zeros(2)}, architecture="torchvision:resnet18")
    with pytest.raises(BadData, match="must fit the network key by key"):
        pretrained("resnet18", cache=tmp_path)


def test_what_can_not_be_had_is_said(tmp_path):
    with pytest.raises(BadValue, match=r"fetched before .* Run: netwright data get resnet18$"):
        pretrained("resnet18", cache=tmp_path)
    with pytest.raises(BadValue, match="name of weights, not of data, got pretrained='mnist'"):
        pretrained("mnist", cache=tmp_path)
    with pytest.raises(BadValue, match="Did you mean resnet18"):
        pretrained("resnet17", cache=tmp_path)
    kept(tmp_path, "minilm", {"a": torch.zeros(2)}, architecture="transformers:BertModel")
    with pytest.raises(BadValue, match=r"a network for pictures.*BertModel"):
        pretrained("minilm", cache=tmp_path)


def test_names_are_told_apart():
    assert is_pretrained("resnet18")
    assert not is_pretrained("mnist")
    assert not is_pretrained("torchvision:resnet18")
