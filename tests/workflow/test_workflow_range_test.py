"""A sweep of rates: against one written by hand, and that nothing is left of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import netwright as nw
from netwright._errors import BadValue
from netwright.methods.base import Method, Phase
from netwright.runs.recipe import Recipe
from netwright.workflow.range_test import draw_sweep
from workflow_kit import blobs

PLAIN = ["optimizer={name: sgd}", "training.batch_size=60", "preprocess={name: none}"]
PLAIN += ["model={name: mlp, hidden: []}", "split.val=0.1", "split.test=0.0"]


def recipe(*changes):
    return Recipe.parse({"data": {"name": "given"}}).changed([*PLAIN, *changes])


def by_hand(model, x, y, *, low, high, steps):
    """Descent on the whole of the training split."""
    optimizer = torch.optim.SGD(model.parameters(), lr=low, momentum=0.9)
    rates, losses = np.geomspace(low, high, steps), []
    for rate in rates:
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        losses.append(loss.item())
        optimizer.step()
    return rates, losses


def test_it_is_the_sweep_written_by_hand_and_leaves_nothing(tmp_path):
    x, y = blobs(60)
    data = {"train": (x, y), "val": (x[:6], y[:6])}
    model = nn.Linear(4, 3)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(11)
    state = torch.get_rng_state()
    asked = (
        Recipe.parse({"data": {"name": "given"}})
        .changed(["optimizer={name: sgd, weight_decay: 0.0}", "training.batch_size=60"])
        .with_fields({"preprocess": {"name": "none"}})
    )
    found = nw.range_test(asked, data=data, model=model, low=1e-4, high=1.0, steps=40)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert list(Path(tmp_path).iterdir()) == []
    rates, losses = by_hand(
        model, torch.as_tensor(x), torch.as_tensor(y), low=1e-4, high=1.0, steps=40
    )
    np.testing.assert_allclose(found.rates, rates[: len(found.rates)], rtol=1e-9)
    np.testing.assert_allclose(found.losses, losses[: len(found.rates)], rtol=1e-4)
    assert found.suggested is not None


def test_it_ends_where_the_loss_diverges_and_is_drawn(tmp_path):
    found = nw.range_test(recipe(), data=blobs(120), high=1e6, steps=60)
    assert 10 < len(found.rates) < 60
    assert found.rates[-1] < 1e6
    draw_sweep(found, tmp_path / "sweep.png")
    assert (tmp_path / "sweep.png").stat().st_size > 5000
    with pytest.raises(BadValue, match="picture must be a file that can be written"):
        draw_sweep(found, tmp_path / "nowhere" / "sweep.png")


def test_the_suggested_rate_trains():
    found = nw.range_test(recipe(), data=blobs(120), steps=60)
    run = nw.fit(
        blobs(120),
        changes=[*PLAIN, "training.epochs=20", f"optimizer.learning_rate={found.suggested}"],
    )
    assert run.metrics["accuracy"] > 0.7


class Two(Method):
    def __init__(self):
        super().__init__()
        self.net = nn.Linear(4, 3)

    def phases(self, stage):
        one = Phase(name="one", optimizers=("main",), loss=print)
        return (one, Phase(name="two", optimizers=("main",), loss=print))

    def predict(self, inputs):
        raise AssertionError


@pytest.mark.parametrize(
    ("options", "changes", "sentence"),
    [
        ({"low": 0.0}, [], "low must be above 0 and below high"),
        ({"low": 1.0, "high": 0.1}, [], "low must be above 0 and below high"),
        ({"steps": 5}, [], "steps must be at least 10"),
        ({}, ["optimizer={name: truncated-newton}"], "does not look for its own step length"),
        ({"method": Two()}, [], "of one phase for a range test"),
    ],
)
def test_what_is_refused(options, changes, sentence):
    with pytest.raises(BadValue, match=sentence):
        nw.range_test(recipe(*changes), data=blobs(60), **options)
