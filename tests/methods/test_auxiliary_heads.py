"""Main and auxiliary losses, summed."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import netwright as nw
from netwright._errors import BadValue
from netwright.data.batch import Batch
from netwright.methods.auxiliary_heads import AuxiliaryHeads
from netwright.methods.base import Stage
from netwright.methods.output_units.catalogue import create
from netwright.methods.supervised import Supervised
from netwright.runs.events import events


class Tower(nn.Module):
    """Two layers; a classifier behind each."""

    def __init__(self, classes=3, *, features=4):
        super().__init__()
        self.low, self.high = nn.Linear(features, 5), nn.Linear(5, 5)
        self.first, self.head = nn.Linear(5, classes), nn.Linear(5, classes)

    def forward(self, inputs):
        return self.head(self.high(self.low(inputs.flatten(1)).tanh()).tanh())

    def auxiliary_scores(self, inputs):
        low = self.low(inputs.flatten(1)).tanh()
        return self.head(self.high(low).tanh()), self.first(low), -self.first(low)


def method_of(model, **keywords):
    return AuxiliaryHeads(model, create("classes", names=("a", "b", "c"), targets=None), **keywords)


def batch(count=7, *, weight=None):
    return Batch(torch.randn(count, 4), torch.arange(count) % 3, torch.arange(count), weight=weight)


@pytest.mark.parametrize(("keywords", "share"), [({}, 0.3), ({"auxiliary_weight": 0.7}, 0.7)])
def test_the_loss_is_the_sum_written_out(keywords, share):
    tower, given = Tower(), batch()
    method = method_of(tower, **keywords)
    (phase,) = method.phases(Stage())
    cost = phase.loss(given)
    costs = [
        F.cross_entropy(scores, given.targets) for scores in tower.auxiliary_scores(given.inputs)
    ]
    expected = costs[0] + share * costs[1] + share * costs[2]
    torch.testing.assert_close(cost.total / cost.count, expected)
    leaves = list(tower.parameters())
    found = torch.autograd.grad(cost.total / cost.count, leaves)
    torch.testing.assert_close(found, torch.autograd.grad(expected, leaves, retain_graph=True))
    assert dict(cost.term_weights) == {"main": 1.0, "auxiliary_1": share, "auxiliary_2": share}
    assert list(cost.terms) == list(cost.term_weights)
    torch.testing.assert_close(list(cost.terms.values()), [one.detach() for one in costs])
    weighed = sum(weight * cost.terms[name] for name, weight in cost.term_weights.items())
    torch.testing.assert_close(weighed, expected.detach())


def test_examples_count_by_their_weight():
    times = torch.tensor([0, 1, 2, 3, 0, 1, 1])
    given, method = batch(weight=times.float()), method_of(Tower())
    rows = torch.arange(7).repeat_interleave(times)
    repeated = method.loss(Batch(given.inputs[rows], given.targets[rows], rows))
    cost = method.loss(given)
    torch.testing.assert_close(cost.total, repeated.total)
    assert int(cost.count) == repeated.count == 8
    torch.testing.assert_close(dict(cost.terms), dict(repeated.terms))


def test_the_main_classifier_alone_predicts():
    tower, given = Tower(), batch()
    prediction = method_of(tower).predict(given.inputs)
    torch.testing.assert_close(prediction.logits, tower(given.inputs).detach())


def test_without_weight_it_is_supervised():
    given, method = batch(), method_of(Tower(), auxiliary_weight=0)
    expected = Supervised(method.model, method.unit).loss(given)
    torch.testing.assert_close(method.loss(given).total, expected.total)


class NoneBeside(Tower):
    def auxiliary_scores(self, inputs):
        return (self(inputs),)


class TooWide(Tower):
    def auxiliary_scores(self, inputs):
        return self(inputs), torch.zeros(len(inputs), 4)


def test_a_model_without_auxiliaries_is_refused():
    with pytest.raises(BadValue, match=r"model must be one with auxiliary classifiers .*Linear"):
        method_of(nn.Linear(4, 3))
    with pytest.raises(BadValue, match=r"at least one more, got model=1\. Without"):
        method_of(NoneBeside()).loss(batch())
    with pytest.raises(BadValue, match="model must be one that gives 3 scores"):
        method_of(TooWide()).loss(batch())


@pytest.mark.parametrize("weight", [-0.1, float("inf"), "0.3"])
def test_a_weight_must_be_a_number(weight):
    with pytest.raises(BadValue, match="auxiliary_weight must be a finite number of at least 0"):
        method_of(Tower(), auxiliary_weight=weight)


def test_a_run_records_each_loss_with_its_weight(tmp_path):
    data = (torch.randn(60, 1, 2, 2), torch.arange(60) % 3)
    changes = ["method.auxiliary_weight=0.5", "training.epochs=2"]
    run = nw.fit(
        data, model=Tower(), method="auxiliary-heads", changes=changes, root=tmp_path, doctor=False
    )
    last = events(run.folder, "step")[-1]
    weights = {"main": 1.0, "auxiliary_1": 0.5, "auxiliary_2": 0.5}
    assert last["term_weights"] == weights
    weighed = sum(weights[name] * value for name, value in last["terms"].items())
    assert weighed == pytest.approx(last["loss"], rel=1e-5)
    assert run.recipe.method.name == "auxiliary-heads"
