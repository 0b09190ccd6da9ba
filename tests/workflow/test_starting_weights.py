"""Runs that begin with trained weights: their sources, what belongs to them, what is said."""

import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

import netwright as nw
from netwright._errors import BadValue, DamagedRun
from netwright.data.depot import entry
from netwright.data.depot.cache import write_manifest
from netwright.data.depot.verify import file_digest
from netwright.data.depot.weights import WeightsCard, save
from netwright.models.backbones import torchvision as adapter
from netwright.models.catalogue import create
from netwright.runs.beginning import began_with
from netwright.runs.recipe import Named, Recipe
from netwright.workflow.answer import evaluate
from netwright.workflow.fit import resume
from netwright.workflow.starting_weights import with_weights
from netwright.workflow.weight_sources import find_weights
from workflow_kit import pictures

SHORT = ["training.epochs=1", "augment=[]"]
NUMBERS = {"mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6)}


@pytest.fixture
def photos(tmp_path):
    return pictures(tmp_path / "photos")


@pytest.fixture
def trained(tmp_path):
    """A small network in colour with a card beside its weights."""
    folder = tmp_path / "trained"
    folder.mkdir()
    torch.manual_seed(5)
    card = WeightsCard(
        architecture="small-resnet",
        licence="CC0",
        origin="here",
        input_size=(3, 16, 16),
        changes={"stem.0": {"padding_mode": "circular"}},
        **NUMBERS,
    )
    save(folder, create("small-resnet", num_classes=9).state_dict(), card=card)
    return folder / "model.safetensors"


def begun(photos, path, *changes):
    model = f"model={{name: small-resnet, pretrained: {path}}}"
    return nw.fit(photos, changes=[model, *SHORT, *changes], name="run", doctor=False)


def test_the_recipe_says_what_belongs_to_the_weights(photos, trained):
    run = begun(photos, trained)
    assert run.recipe.preprocess == Named.model_validate(
        {
            "name": "photographs",
            "mean": [0.1, 0.2, 0.3],
            "deviation": [0.4, 0.5, 0.6],
            "size": [16, 16],
        }
    )
    assert run.recipe.model.options["pretrained"] == str(trained)
    assert run.model.stem[0].padding_mode == "circular"
    assert run.model.stem[0].weight.shape[1] == 3
    told = run.folder.read_json("starting_weights.json")
    assert told["digest"] == file_digest(trained)
    assert told["fresh"] == ["head.weight", "head.bias"]
    assert told["about"] == {"licence": "CC0", "origin": "here"}


def test_weights_of_a_part_are_taken_and_what_they_lack_is_never_frozen(photos, tmp_path):
    folder = tmp_path / "part"
    folder.mkdir()
    donor = create("small-resnet", num_classes=9).state_dict()
    card = WeightsCard(architecture="small-resnet", part="stem", licence="CC0", origin="here")
    stem = {key: value for key, value in donor.items() if key.startswith("stem.")}
    save(folder, stem, card=replace(card, input_size=(3, 16, 16)))
    path = folder / "model.safetensors"
    with pytest.raises(BadValue, match=r"all that is frozen.*its stem alone.*fine-tuning"):
        begun(photos, path, "method=frozen-features")
    run = begun(photos, path, "optimizer={name: sgd, learning_rate: 1.0e-30}")
    torch.testing.assert_close(run.model.stem[0].weight, donor["stem.0.weight"])
    told = run.folder.read_json("starting_weights.json")
    assert told["part"] == "stem"
    assert "its stem alone, the rest is drawn anew" in began_with(told)


def test_a_recipe_may_say_otherwise(photos, trained):
    run = begun(photos, trained, "preprocess={name: photographs, size: 8}")
    options = run.recipe.preprocess.options
    assert (options["size"], options["mean"]) == (8, [0.1, 0.2, 0.3])
    run = nw.fit(
        photos,
        changes=[
            f"model={{name: small-resnet, pretrained: {trained}}}",
            *SHORT,
            "data.image_size=8",
        ],
    )
    assert run.recipe.preprocess.options["size"] == [8, 8]
    run = nw.fit(
        photos,
        changes=[
            f"model={{name: small-resnet, pretrained: {trained}, changes: {{}}}}",
            "preprocess=channel-mean-std",
            *SHORT,
        ],
    )
    assert run.folder.read_json("starting_weights.json")["spread"] == ["stem.0.weight"]
    assert run.model.stem[0].padding_mode == "zeros"


def test_a_finished_run_needs_the_source_no_more(photos, trained):
    run = begun(photos, trained)
    shutil.rmtree(trained.parent)
    again = nw.load(run.folder.path)
    raw = torch.randint(0, 256, (2, 1, 8, 8), dtype=torch.uint8)
    torch.testing.assert_close(again.predict(raw).logits, run.predict(raw).logits)
    assert evaluate(again, photos)["n"] == run.folder.read_json("evaluation/test.json")["n"]


def test_the_weights_are_those_before_the_first_step(photos, trained):
    frozen = ["optimizer={name: sgd, learning_rate: 1.0e-30, momentum: 0.0, weight_decay: 0.0}"]
    run = begun(photos, trained, *frozen)
    torch.manual_seed(5)
    donor = create("small-resnet", num_classes=9).state_dict()
    mine = run.model.state_dict()
    for key, value in donor.items():
        if not key.startswith("head") and "running" not in key and "tracked" not in key:
            torch.testing.assert_close(mine[key], value)


def stopped_after(monkeypatch, epochs):
    from netwright.train.loop import Loop

    end = Loop._end_epoch

    def ended(self):
        end(self)
        if self.counters.epoch == epochs:
            self.request_stop()

    monkeypatch.setattr(Loop, "_end_epoch", ended)


def test_a_run_goes_on_without_the_source(photos, trained, monkeypatch):
    model = f"model={{name: small-resnet, pretrained: {trained}}}"
    straight = nw.fit(photos, changes=[model, *SHORT, "training.epochs=2"], name="straight")
    with monkeypatch.context() as patched:
        stopped_after(patched, 1)
        begun(photos, trained, "training.epochs=2")
    shutil.rmtree(trained.parent)
    run = resume("run")
    ours, theirs = run.method.state_dict(), straight.method.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


def test_a_run_that_has_to_begin_again_does_so_from_the_same_weights(photos, trained, monkeypatch):
    with monkeypatch.context() as patched:
        stopped_after(patched, 1)
        run = begun(photos, trained, "training.epochs=2")
    for file in (run.folder.path / "snapshots").glob("*"):
        file.unlink()
    save_file(create("small-resnet", num_classes=9).state_dict(), trained)
    with pytest.raises(DamagedRun, match="weights must be those that run began with"):
        resume("run")


def test_true_means_what_was_fetched_then_the_library(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert find_weights("mobilenet_v2", True).word == "library"
    folder = tmp_path / "netwright" / "mobilenet-v2"
    folder.mkdir(parents=True)
    card = WeightsCard(
        architecture="torchvision:mobilenet_v2",
        classes=1000,
        licence="CC0",
        origin="here",
        **NUMBERS,
    )
    save(folder, {"a": torch.zeros(1)}, card=card)
    write_manifest(folder, entry("mobilenet-v2"), route="test")
    found = find_weights("mobilenet_v2", True)
    assert (found.word, found.mean, found.size) == ("mobilenet-v2", NUMBERS["mean"], (224, 224))
    assert find_weights("mobilenet_v2", "library").deviation == (0.229, 0.224, 0.225)
    with pytest.raises(BadValue, match=r"weights of torchvision:resnet18.*mobilenet_v2"):
        find_weights("resnet18", "mobilenet-v2")
    with pytest.raises(BadValue, match="Run: netwright data get resnet50"):
        find_weights("resnet50", "resnet50")
    with pytest.raises(BadValue, match=r"known pretrained weights.*Did you mean"):
        find_weights("resnet50", "resnet5")
    with pytest.raises(BadValue, match=r"False or a path for lenet.*model\.pretrained=false"):
        find_weights("lenet", True)


def test_what_belongs_to_timms_weights_and_to_files_without_a_card(tmp_path):
    found = find_weights("timm:vit_tiny_patch16_224", "library")
    assert (found.mean, found.deviation, found.size) == ((0.5,) * 3, (0.5,) * 3, (224, 224))
    found = find_weights("timm:resnet10t", "library")
    assert (found.mean, found.deviation) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    save_file({"a": torch.zeros(1)}, tmp_path / "plain.safetensors")
    found = find_weights("resnet18", tmp_path / "plain.safetensors")
    assert (found.mean, found.deviation) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert find_weights("lenet", tmp_path / "plain.safetensors").mean is None


def test_weights_of_a_part_begin_it_and_are_never_guessed(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "netwright" / "vgg16-features"
    folder.mkdir(parents=True)
    card = WeightsCard(
        architecture="torchvision:vgg16", part="features", licence="CC0", origin="here", **NUMBERS
    )
    save(folder, {"a": torch.zeros(1)}, card=card)
    write_manifest(folder, entry("vgg16-features"), route="test")
    assert find_weights("vgg16", "vgg16-features").part == "features"
    assert find_weights("vgg16", True).word == "library"


def test_the_librarys_weights_are_taken_with_a_fresh_head(photos, monkeypatch):
    from torchvision import models

    torch.manual_seed(3)
    donor = models.shufflenet_v2_x0_5()
    monkeypatch.setattr(adapter, "_fetched", lambda *_: donor)
    run = nw.fit(
        photos,
        changes=[
            "model={name: shufflenet_v2_x0_5, pretrained: library}",
            *SHORT,
            "optimizer={name: sgd, learning_rate: 1.0e-30}",
            "data.image_size=32",
        ],
    )
    assert torch.allclose(run.model.conv1[0].weight, donor.conv1[0].weight)
    assert run.recipe.preprocess.options["mean"] == [0.485, 0.456, 0.406]
    assert run.folder.read_json("starting_weights.json")["fresh"] == ["fc.weight", "fc.bias"]


def test_a_network_that_converts_its_colours_goes_on_doing_so():
    recipe = Recipe.parse(
        {"data": {"name": "x"}, "model": {"name": "inception_v3", "pretrained": "library"}}
    )
    settled = with_weights(recipe, raw_shape=(1, 80, 80), given=False)
    assert settled.model.options["changes"] == {"": {"transform_input": True}}
    grey = recipe.changed(["preprocess=none"])
    assert "changes" not in with_weights(grey, raw_shape=(1, 80, 80), given=False).model.options
    assert with_weights(settled, raw_shape=(1, 80, 80), given=False) == settled
