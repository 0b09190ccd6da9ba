"""`initialise` of a recipe: what the run begins with."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from netwright import initialise
from netwright._errors import BadValue
from netwright._random import derive
from netwright.methods.base import Method, Phase
from netwright.models.classifiers.mlp import MLP
from netwright.runs.recipe import Recipe
from netwright.workflow.fit import fit, run_recipe
from netwright.workflow.session import Given, open_session
from workflow_kit import TINY, blobs, weights


def opened(*changes, model=None, method=None, data=None, seed=0):
    recipe = Recipe.parse({"data": {"name": "given"}, "seed": seed}).changed([*TINY, *changes])
    return open_session(recipe, Given(data=data or blobs(), model=model, method=method))


def test_the_default_is_the_models_own_and_is_told():
    session = opened()
    assert [one.name for one in session.recipe.initialise] == ["default"]
    again = opened("initialise=default")
    for ours, theirs in zip(session.method.parameters(), again.method.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_the_law_is_put_on_the_recipes_seed():
    session = opened("initialise={name: kaiming-normal, activation: tanh}", seed=4)
    expected = MLP(3, in_channels=4, hidden=(8,))
    initialise(expected, "kaiming-normal", activation="tanh", seed=derive(4, "initialise"))
    for ours, theirs in zip(session.method.model.parameters(), expected.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    other = opened("initialise={name: kaiming-normal, activation: tanh}", seed=5)
    assert not torch.equal(other.method.model.head.weight, expected.head.weight)


def test_steps_follow_each_other():
    session = opened("initialise=[lsuv, output-bias]")
    assert [one.name for one in session.recipe.initialise] == ["lsuv", "output-bias"]
    inputs, targets = session.prepared.first_inputs(256), session.prepared.task.targets
    shares = torch.bincount(targets).double() / len(targets)
    torch.testing.assert_close(session.method.model.head.bias.double(), shares.log())
    with torch.no_grad():
        assert session.method.model.linear1(inputs).var(correction=0).item() == pytest.approx(1)


def test_a_run_repeats_itself_from_its_recipe(tmp_path):
    changes = ["initialise=[{name: orthogonal, gain: 1.4}, {name: output-bias}]"]
    run = fit(blobs(), changes=[*TINY, *changes], root=tmp_path)
    again = run_recipe(Recipe.read(run.folder.path / "recipe.yaml"), data=blobs(), root=tmp_path)
    assert weights(run) == weights(again)
    plain = fit(blobs(), changes=TINY, root=tmp_path)
    assert weights(run) != weights(plain)


def test_residual_branches_of_a_named_network():
    pictures = np.random.default_rng(0).random((40, 3, 32, 32)).astype(np.float32)
    session = opened(
        "model={name: 'torchvision:resnet18'}",
        "initialise=[kaiming-normal, zero-residual]",
        data=(pictures, np.arange(40) % 2),
    )
    model = session.method.model
    assert not model.layer1[0].bn2.weight.any()
    assert model.layer1[0].bn1.weight.all()


def test_loaders_show_their_first_batch():
    x, y = blobs()
    loader = DataLoader(TensorDataset(torch.tensor(x), torch.tensor(y)), batch_size=20)
    session = opened_with_loader(loader)
    inputs = torch.tensor(x[:20])
    with torch.no_grad():
        assert session.method.model.linear1(inputs).var(correction=0).item() == pytest.approx(1)


def opened_with_loader(loader):
    content = {"data": {"name": "given"}, "initialise": "lsuv"}
    recipe = Recipe.parse(content).changed(["model={name: mlp, hidden: [8]}"])
    return open_session(recipe, Given(data=loader))


def test_a_given_modules_weights_are_its_owners():
    with pytest.raises(BadValue, match="a module that was given, whose weights are yours"):
        opened("initialise=orthogonal", model=MLP(3, in_channels=4))
    model = MLP(3, in_channels=4)
    before = model.linear1.weight.clone()
    opened("initialise=output-bias", model=model)
    assert torch.equal(model.linear1.weight, before)
    assert model.head.bias.tolist() == pytest.approx([np.log(1 / 3)] * 3, abs=0.1)


def test_trained_weights_are_not_overwritten(tmp_path):
    from safetensors.torch import save_file

    save_file(MLP(3, in_channels=4, hidden=(8,)).state_dict(), tmp_path / "w.safetensors")
    model = f"model={{name: mlp, hidden: [8], pretrained: {tmp_path}/w.safetensors}}"
    with pytest.raises(BadValue, match="pretrained weights, which it would overwrite"):
        opened(model, "initialise=zeros")
    opened(model, "initialise=output-bias")


class Own(Method):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def phases(self, stage):
        return (Phase(name="main", optimizers=("main",), loss=lambda batch: None),)

    def predict(self, inputs):
        raise NotImplementedError


def test_a_method_without_an_output_unit_has_no_prior():
    with pytest.raises(BadValue, match="without an output unit"):
        opened("initialise=output-bias", method=Own())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("initialise=ortogonal", "Did you mean orthogonal"),
        ("initialise={name: normal, seed: 3}", "silent on what the run itself gives it"),
        ("initialise={name: normal, deviation: wide}", "given options of the right kind"),
        ("initialise={name: default, gain: 2}", "initialisation must be a known"),
        ("initialise={name: xavier-normal, gian: 2}", "Did you mean gain"),
        ("initialise=3", "initialise"),
    ],
)
def test_what_can_not_be_is_refused_in_one_sentence(change, words):
    with pytest.raises(BadValue, match=words):
        opened(change)
