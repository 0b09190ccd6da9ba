"""Which layers transfer, from the command and from Python."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

import netwright as nw
from netwright._errors import BadValue
from netwright.cli.main import app
from netwright.models import create
from netwright.runs.recipe import Recipe


def recipe(**model) -> Recipe:
    return Recipe.parse({"data": {"name": "digits"}, "model": {"name": "small-resnet", **model}})


FLAT = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Something else than what the recipe's seed draws."""
    torch.manual_seed(5)
    network = create("small-resnet", num_classes=10, in_channels=1, image_size=8)
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    save_file(network.state_dict(), path)
    return path


def test_the_command_gives_a_table_data_and_a_picture(weights, tmp_path):
    words = ["layers", "digits", "--model", "small-resnet", "--examples", "120"]
    words += ["--set", f"model.pretrained={weights}"]
    picture = tmp_path / "curve.png"
    answer = CliRunner().invoke(app, [*words, "--draw", str(picture)])
    assert answer.exit_code == 0, answer.output
    assert "stages.2" in answer.output
    assert picture.is_file()
    found = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert [layer["after"] for layer in found["layers"]] == [
        *("input", "stem", "stages.0", "stages.1", "stages.2")
    ]
    assert found["n_train"] == found["n_test"] == 120
    assert found["layers"][0]["trained"] == found["layers"][0]["untrained"]
    assert found["layers"][4]["trained"] != found["layers"][4]["untrained"]


def test_it_is_told_again_by_the_seed_and_leaves_the_random_state(weights):
    asked = recipe(pretrained=str(weights))
    state = torch.get_rng_state()
    one = nw.which_layers(asked, examples=60)
    assert torch.equal(torch.get_rng_state(), state)
    assert one == nw.which_layers(asked, examples=60)
    assert one != nw.which_layers(asked.with_fields({"seed": 1}), examples=60)


def test_modules_that_were_given_are_compared():
    torch.manual_seed(0)
    fresh = create("small-resnet", num_classes=10, in_channels=1, image_size=8)
    zeros = create("small-resnet", num_classes=10, in_channels=1, image_size=8)
    for parameter in zeros.parameters():
        parameter.data.zero_()
    asked = Recipe.parse({"data": {"name": "digits"}})
    found = nw.which_layers(asked, model=zeros, untrained=fresh, examples=60)
    assert found.layers[-1].trained[0] < found.layers[-1].untrained[0]  # of zeros, nothing


@pytest.mark.parametrize(
    ("fields", "options", "message"),
    [
        ({"model.pretrained": False}, {}, "pretrained must be other than false"),
        ({}, {"examples": 5}, "examples must be at least 10"),
        ({}, {"model": torch.nn.Linear(64, 10)}, "untrained must be given with model"),
        ({"data.name": "diabetes"}, {"model": torch.nn.Linear(10, 1)}, "data must be of classes"),
        ({"split.val": 0.0}, {"model": torch.nn.Linear(10, 1)}, "split must be with a train, val"),
    ],
)
def test_what_is_refused(fields, options, message):
    if "model" in options and "untrained" not in message:
        twin = options["model"] if fields.get("data.name") else FLAT
        options = {"model": twin, "untrained": twin}
    with pytest.raises(BadValue, match=message):
        nw.which_layers(recipe().with_fields(fields), **options)
