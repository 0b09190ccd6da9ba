"""Which number format "auto" stands for."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import netwright as nw
from netwright.models.catalogue import create
from netwright.runs.recipe import Recipe
from netwright.train.precision import choose_precision
from netwright.workflow.session import Given, open_session

CPU = torch.device("cpu")
ABLE = ({"avx512_bf16": True}, {"amx_bf16": True, "avx512_bf16": False})
UNABLE = ({"avx512_bf16": False}, {})


def pretend(monkeypatch, capabilities):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)


def small_resnet(**options):
    return create("small-resnet", num_classes=10, in_channels=3, image_size=(32, 32), **options)


class Grouped(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(64, 64, 3), nn.Conv2d(64, 64, 3, groups=64))


@pytest.mark.parametrize("capabilities", ABLE)
def test_auto_is_bf16_for_wide_convolutions_on_a_processor_that_computes_in_it(
    monkeypatch, capabilities
):
    pretend(monkeypatch, capabilities)
    assert choose_precision("auto", CPU, classifier=small_resnet()).name == "bf16"


@pytest.mark.parametrize("capabilities", UNABLE)
def test_auto_is_fp32_on_a_processor_that_would_have_to_emulate_bf16(monkeypatch, capabilities):
    pretend(monkeypatch, capabilities)
    assert choose_precision("auto", CPU, classifier=small_resnet()).name == "fp32"


@pytest.mark.parametrize(
    "classifier",
    [
        None,
        create("mlp", num_classes=10, in_channels=64, hidden=[512, 512]),
        create("lenet", num_classes=10, in_channels=1, image_size=(28, 28)),
        small_resnet(width=8),
        Grouped(),
        nn.Sequential(nn.Conv2d(64, 64, 3), nn.Flatten(), nn.Linear(6400, 64)),
    ],
    ids=["nothing known", "mlp", "six channels", "eight channels", "grouped", "mostly linear"],
)
def test_auto_is_fp32_for_what_loses_by_bf16_on_a_processor(monkeypatch, classifier):
    pretend(monkeypatch, ABLE[0])
    assert choose_precision("auto", CPU, classifier=classifier).name == "fp32"


def test_what_is_asked_for_is_taken_whatever_the_processor(monkeypatch):
    pretend(monkeypatch, UNABLE[0])
    assert choose_precision("bf16", CPU).name == "bf16"
    pretend(monkeypatch, ABLE[0])
    assert choose_precision("fp32", CPU, classifier=small_resnet()).name == "fp32"


def session(targets, **training):
    pictures = torch.randint(0, 256, (60, 1, 8, 8), dtype=torch.uint8)
    asked = {"data": {"name": "given"}, "device": "cpu", "training": training}
    return open_session(Recipe.parse(asked), Given(data=(pictures, targets)))


def test_the_completed_recipe_names_the_format(monkeypatch):
    classes = torch.arange(60) % 3
    pretend(monkeypatch, ABLE[0])
    assert session(classes).recipe.training.precision == "bf16"
    assert session(classes % 2).recipe.training.precision == "bf16"
    assert session(classes, precision="fp32").recipe.training.precision == "fp32"
    pretend(monkeypatch, UNABLE[0])
    assert session(classes).recipe.training.precision == "fp32"


def test_quantities_keep_their_digits(monkeypatch):
    pretend(monkeypatch, ABLE[0])
    assert session(torch.rand(60)).recipe.training.precision == "fp32"


def test_a_run_in_bf16_answers_alike_when_it_is_loaded_elsewhere(monkeypatch, tmp_path):
    pretend(monkeypatch, ABLE[0])
    pictures = torch.randint(0, 256, (60, 1, 8, 8), dtype=torch.uint8)
    run = nw.fit((pictures, torch.arange(60) % 3), epochs=1, doctor=False, root=tmp_path)
    here = run.predict(pictures[:4])
    pretend(monkeypatch, UNABLE[0])
    there = nw.load(run.folder.path).predict(pictures[:4])
    assert run.recipe.training.precision == "bf16"
    assert here.probabilities.tolist() == there.probabilities.tolist()
