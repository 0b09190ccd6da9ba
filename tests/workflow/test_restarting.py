"""Random restarts by a field of the recipe."""

from __future__ import annotations

import pytest
from torch import nn

import netwright as nw
from contract_kit import same_bits
from netwright import _random
from netwright._errors import BadValue
from netwright.runs.events import events
from netwright.workflow.build import build_method
from workflow_kit import TINY, blobs


def test_by_a_field_of_the_recipe_and_recorded(real_report):
    data, changes = blobs(), [*TINY, "training.restarts=3", "optimizer.learning_rate=0.003"]
    run = nw.fit(data, changes=changes, name="three")
    (finding,) = [one for one in run.findings if one.symptom == "random-restarts"]
    scores, chosen = finding.measurements["scores"], finding.measurements["chosen"]
    assert len(scores) == 3
    assert scores[chosen - 1] == max(scores)
    assert [event["start"] for event in events(run.folder.path, "stage")] == [1, 2, 3]
    assert f"Start {chosen} of 3 is kept" in (run.folder.path / "report.html").read_text()
    again = nw.run_recipe(run.recipe, data=data, name="again")
    assert same_bits(again.method, run.method)


def test_each_start_has_weights_of_its_own(monkeypatch):
    made = []

    def spy(recipe, **options):
        made.append(recipe.seed)
        return build_method(recipe, **options)

    monkeypatch.setattr("netwright.workflow.restarting.build_method", spy)
    nw.fit(blobs(), changes=[*TINY, "training.restarts=3", "seed=7"])
    assert made == [_random.derive(7, "start", 1), _random.derive(7, "start", 2)]


def test_a_module_that_cannot_be_made_again_is_refused():
    with pytest.raises(BadValue, match="restarts must be 1 with a model or method given as an obj"):
        nw.fit(blobs(), model=nn.Linear(4, 3), changes=["training.restarts=2"])
