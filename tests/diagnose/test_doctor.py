"""Planted faults are found, healthy runs are left in peace."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import netwright as nw
from contract_kit import batch
from netwright._errors import NonFinite
from netwright.data.batch import Batch
from netwright.diagnose import examine
from netwright.diagnose.preflight import initial_loss, input_scale
from netwright.methods.output_units.catalogue import create
from netwright.methods.supervised import Supervised
from netwright.runs.events import events
from netwright.runs.records import Finding
from netwright.workflow.run import Run
from workflow_kit import TINY, blobs


@pytest.fixture(autouse=True)
def quick(request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if "real_report" not in request.fixturenames:
        monkeypatch.setattr(Run, "report", lambda self: "")


@pytest.fixture
def real_report():
    """Ask for it to have the page drawn."""


def symptoms(run):
    """What the doctor found, as the record has it."""
    recorded = events(run.folder.path, "finding")
    assert [Finding.from_json(event) for event in recorded] == run.findings
    return {event["symptom"]: event for event in recorded}


def classifier(width=3, *, scale=1.0, seed=0):
    torch.manual_seed(seed)
    model = nn.Linear(4, width)
    with torch.no_grad():
        model.weight *= scale
    names = tuple("abcdefgh"[:width])
    return Supervised(model, create("classes", names=names, targets=None))


def examples(scale=1.0, *, count=90, offset=0.0):
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(count, 4, generator=generator) * scale + offset
    return batch(inputs, torch.arange(count) % 3)


# --- preflight: input scale ---------------------------------------------------------------------


@pytest.mark.parametrize("scale", [0.06, 0.5, 1.0, 5.0, 18.0])
def test_inputs_of_a_usual_size_are_no_news(scale):
    assert input_scale(classifier(), examples(scale)) == []


@pytest.mark.parametrize(("scale", "offset"), [(0.01, 0), (30, 0), (1000, 0), (1, 128)])
def test_inputs_of_an_unusual_size_are_told(scale, offset):
    data = examples(scale, offset=offset)
    (found,) = input_scale(classifier(), data)
    assert (found.symptom, found.severity, found.where, found.step) == (
        "input-scale", "warning", "data", 0,
    )  # fmt: skip
    size = data.inputs.double().square().mean().sqrt().item()
    assert found.measurements["root_mean_square"] == pytest.approx(size)
    assert f"{size:.3g}" in found.message
    assert found.repairs == ("standardise-inputs",)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_inputs_that_are_not_finite_are_an_error(value):
    data = examples()
    data.inputs[2, 1] = value
    (found,) = input_scale(classifier(), data)
    assert found.severity == "error"
    assert "NaN or infinity" in found.message


def test_inputs_without_a_scale_are_passed_over():
    whole = Batch(torch.full((3, 4), 1000), torch.zeros(3), torch.arange(3))
    mapping = Batch({"a": torch.full((3, 4), 1e3)}, torch.zeros(3), torch.arange(3))
    for one in (whole, mapping):
        assert input_scale(classifier(), one) == []


# --- preflight: initial loss --------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_a_fresh_network_costs_about_what_knowing_nothing_does(seed):
    assert initial_loss(classifier(seed=seed), examples()) == []


@pytest.mark.parametrize("seed", range(3))
def test_a_network_that_is_sure_of_wrong_answers_is_told(seed):
    (found,) = initial_loss(classifier(scale=200, seed=seed), examples())
    assert (found.symptom, found.severity, found.where) == ("initial-loss", "warning", "loss")
    assert found.measurements["constant_answer"] == pytest.approx(math.log(3), rel=1e-3)
    assert found.measurements["loss"] > 10 * math.log(3)


def test_a_first_loss_that_is_not_finite_is_an_error():
    (found,) = initial_loss(classifier(scale=math.inf), examples())
    assert found.severity == "error"


def test_examining_changes_nothing():
    method = Supervised(
        nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout(0.5)),
        create("classes", names=("a", "b", "c"), targets=None),
    ).eval()
    before = {name: value.clone() for name, value in method.state_dict().items()}
    generator = torch.get_rng_state()
    assert examine(method, examples(1000))
    assert all(torch.equal(value, before[name]) for name, value in method.state_dict().items())
    assert not any(module.training for module in method.modules())
    assert all(parameter.grad is None for parameter in method.parameters())
    assert torch.equal(torch.get_rng_state(), generator)


def test_several_streams_are_not_examined():
    assert examine(classifier(), {"source": examples(1000), "target": examples(1000)}) == []


# --- whole runs ---------------------------------------------------------------------------------

HEALTHY = ["iris", "wine", "breast-cancer", "diabetes"]


@pytest.mark.parametrize("data", HEALTHY)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_healthy_runs_are_left_in_peace(data, seed):
    run = nw.fit(data, seed=seed, changes=[*TINY, "training.epochs=10"])
    assert set(symptoms(run)) <= {"duplicates-across-splits", "small-validation"}


def test_healthy_pictures_are_left_in_peace():
    run = nw.fit("digits", epochs=1, changes=["augment=[]", "model={name: mlp, hidden: [32]}"])
    assert symptoms(run) == {}


def test_columns_that_were_not_standardised_are_in_record_and_report(real_report):
    run = nw.fit("wine", changes=[*TINY, "preprocess.name=none", "training.epochs=1"])
    found = symptoms(run)["input-scale"]
    assert found["severity"] == "warning"
    page = (run.folder.path / "report.html").read_text()
    assert "Choose a preprocessing" in page


class Blind(nn.Module):
    """Gives everybody the same answer."""

    def __init__(self, width):
        super().__init__()
        self.answer = nn.Parameter(torch.zeros(width))

    def forward(self, x):
        return self.answer.expand(len(x), -1)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(("data", "width"), [("iris", 3), ("breast-cancer", 1)])
def test_a_network_that_never_looks_at_its_inputs_is_told(data, width, seed):
    run = nw.fit(data, model=Blind(width), epochs=3, seed=seed)
    found = symptoms(run)["not-learning"]
    assert found["severity"] == "error"
    measured = found["measurements"]
    assert measured["last"] == pytest.approx(measured["constant_answer"], rel=0.1)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("data", ["iris", "wine", "diabetes"])
def test_a_frozen_network_is_told_whatever_its_luck(data, seed):
    changes = ["model={name: mlp, hidden: [4]}"]
    run = nw.fit(data, epochs=2, learning_rate=1e-12, seed=seed, changes=changes)
    assert "not-learning" in symptoms(run)


def test_a_learning_rate_far_too_low_is_told(real_report):
    run = nw.fit("iris", epochs=2, learning_rate=1e-12, changes=["model={name: mlp, hidden: [4]}"])
    found = symptoms(run)["not-learning"]
    page = (run.folder.path / "report.html").read_text()
    assert "always giving the same" in page
    assert found["message"].startswith("The training loss went from ")


def test_not_learning_is_judged_at_the_end_only():
    run = nw.fit("iris", model=Blind(3), epochs=4)
    assert len([one for one in run.findings if one.symptom == "not-learning"]) == 1


class NaNAt(nn.Linear):
    """Its gradient is NaN in one training step."""

    step, calls = 4, 0

    def forward(self, x):
        scores = super().forward(x)
        if self.training:
            self.calls += 1
        return scores * math.nan if self.training and self.calls == self.step else scores


def test_an_update_that_was_left_out_is_told():
    run = nw.fit(blobs(), model=NaNAt(4, 3), epochs=3, changes=["training.batch_size=16"])
    found = [one for one in run.findings if one.symptom == "non-finite-update"]
    assert [one.measurements["updates"] for one in found] == [1]  # in one epoch, and not again
    assert found[0].step == 5  # the last of the epoch in which it happened
    assert math.isfinite(run.metrics["accuracy"])


def test_a_run_that_is_given_up_says_so_first(tmp_path):
    class AlwaysNaN(nn.Linear):
        def forward(self, x):
            return super().forward(x) * (math.nan if self.training else 1)

    with pytest.raises(NonFinite):
        nw.fit(blobs(6000), model=AlwaysNaN(4, 3), epochs=1, changes=["training.batch_size=16"])
    (folder,) = (tmp_path / "runs").iterdir()
    found = {one["symptom"]: one for one in events(folder, "finding")}
    assert found["initial-loss"]["severity"] == "error"
    assert found["non-finite-update"]["measurements"]["updates"] == 20


def test_examples_in_two_splits_are_told():
    x, y = blobs()
    x[50:] = x[:10]
    y[50:] = y[:10]
    parts = {"train": (x[:40], y[:40]), "test": (x[40:], y[40:])}
    run = nw.fit(parts, changes=TINY)
    found = symptoms(run)["duplicates-across-splits"]
    assert found["measurements"]["pairs"] == 10


def test_a_resumed_run_is_not_examined_again(monkeypatch):
    from netwright.train.loop import Loop

    one_step = Loop._step

    def stopping(self):
        one_step(self)
        self.request_stop()

    monkeypatch.setattr(Loop, "_step", stopping)
    nw.fit("wine", changes=[*TINY, "preprocess.name=none"], name="stopped")
    monkeypatch.setattr(Loop, "_step", one_step)
    run = nw.resume("stopped")
    assert [one.symptom for one in run.findings].count("input-scale") == 1


def test_a_run_without_held_out_data_is_told():
    x, y = blobs()
    loader = DataLoader(TensorDataset(torch.as_tensor(x), torch.as_tensor(y)), batch_size=16)
    alone = nw.fit(loader, model=nn.Linear(4, 3), epochs=1)
    judged = nw.fit({"train": loader, "val": loader}, model=nn.Linear(4, 3), epochs=1)
    assert "no held-out data" in symptoms(alone)["not-judged"]["message"]
    assert "not-judged" not in symptoms(judged)


def test_a_method_without_metrics_is_told():
    class Plain(nw.Method):
        def __init__(self):
            super().__init__()
            self.net = nn.Linear(10, 1)

        def phases(self, stage):
            return (nw.Phase(name="main", optimizers=("main",), loss=self.loss),)

        def loss(self, batch):
            total = (self.net(batch.inputs)[:, 0] - batch.targets).square().sum()
            return nw.Loss(total=total, count=len(batch))

        def predict(self, inputs):
            return nw.Prediction(outputs=self.net(inputs)[:, 0])

    run = nw.fit("diabetes", method=Plain(), epochs=1)
    assert "names no metrics" in symptoms(run)["not-judged"]["message"]
