"""Models that do not fit are refused before anything is written; two scores for two classes fit."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import netwright as nw
from netwright._errors import BadValue

X = torch.randn(80, 3, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] > 0).long()
QUICK = {"epochs": 8, "learning_rate": 0.05}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def runs(folder):
    return sorted((folder / "runs").glob("*")) if (folder / "runs").exists() else []


@pytest.mark.parametrize("width", [1, 2])
def test_two_classes_may_have_one_score_or_two(width):
    run = nw.fit((X, Y), model=nn.Linear(3, width), **QUICK)
    assert run.metrics["accuracy"] > 0.8
    assert run.recipe.method.options == ({"unit": "classes"} if width == 2 else {})


def test_a_loader_of_two_classes_may_have_a_network_of_two_scores():
    loader = DataLoader(TensorDataset(X, Y), batch_size=16)
    run = nw.fit({"train": loader, "test": loader}, model=nn.Linear(3, 2), **QUICK)
    assert run.metrics["accuracy"] > 0.8


def test_a_run_of_two_scores_loads_and_answers(here):
    run = nw.fit((X, Y), model=nn.Linear(3, 2), **QUICK)
    again = nw.load(run.folder, model=nn.Linear(3, 2)).predict(X)
    assert torch.equal(again.outputs, run.predict(X).outputs)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (nn.Linear(5, 1), r"takes inputs of shape \('n', 3\), got model='Linear'.*RuntimeError"),
        (nn.Linear(3, 7), "gives 1 scores? an example"),
        ("lenet", "pictures|inputs of shape"),
    ],
)
def test_a_model_that_does_not_fit_is_refused_before_the_run_begins(model, said, here):
    with pytest.raises(BadValue, match=said):
        nw.fit((X, Y), model=model, **QUICK)
    assert runs(here) == []


def test_trying_a_model_out_changes_nothing_of_it():
    class Counting(nn.Linear):
        calls = 0

        def forward(self, x):
            self.calls += 1
            return super().forward(x)

    model = Counting(3, 1)
    before = torch.get_rng_state()
    nw.fit((X, Y), model=model, epochs=1, changes=["training.batch_size=28", "doctor=false"])
    assert model.calls <= 6  # two steps, and a pass over each held-out split
    assert torch.equal(torch.get_rng_state(), before)
