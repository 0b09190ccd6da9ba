"""When the learning rate falls, against torch's scheduler and by hand."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch

from netwright._errors import BadValue
from netwright.train.control import SetLearningRate
from netwright.train.on_plateau import OnPlateau


def rates(scores, *, cut=None, **options):
    """The rate in force after each score; the controller may be made anew on the way."""
    make = {"metric": "loss", "higher_is_better": False, **options}
    plateau = OnPlateau(**make)
    view = SimpleNamespace(learning_rates={"main": 1.0}, step=7, epoch=3)
    found = []
    for place, score in enumerate(scores):
        if place == cut:
            state, plateau = plateau.state_dict(), OnPlateau(**make)
            plateau.load_state_dict(state)
        for command in plateau.after_validation(view, metrics={"loss": score}):
            view.learning_rates[command.optimizer] *= command.factor
        found.append(view.learning_rates["main"])
    return found


def of_torch(scores, **options):
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, threshold=0.0, **options)
    found = []
    for score in scores:
        scheduler.step(score)
        found.append(optimizer.param_groups[0]["lr"])
    return found


SCORES = torch.randn(60, generator=torch.Generator().manual_seed(1)).mul(0.3).add(1)
SCORES = (SCORES * torch.linspace(1, 0.5, 60)).tolist()


@pytest.mark.parametrize("factor", [0.1, 0.5])
@pytest.mark.parametrize("patience", [1, 2, 5])
def test_as_torch_has_it_but_for_the_count(factor, patience):
    wanted = of_torch(SCORES, factor=factor, patience=patience - 1, eps=0.0)
    assert min(wanted) < 1
    found = rates(SCORES, factor=factor, patience=patience, lowest=1e-30)
    assert found == pytest.approx(wanted, rel=1e-12)


def test_by_hand():
    scores = [1.0, 0.9, 0.95, 0.9, 0.8, 0.85, 0.85, 0.85, 0.85]
    assert rates(scores, patience=2, factor=0.5) == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125]
    assert rates(scores, patience=2, factor=0.5, rest=2)[-3:] == [0.5, 0.25, 0.25]
    assert rates(scores, patience=2, factor=0.5, least=0.2)[:4] == [1, 1, 0.5, 0.5]
    assert rates(scores, patience=2, factor=0.1, lowest=0.05)[-3:] == pytest.approx([0.05] * 3)
    assert rates([1.0, math.nan, math.nan], patience=2, factor=0.5)[-1] == 0.5


def test_it_remembers_over_an_interruption():
    wanted = rates(SCORES, patience=2, rest=1)
    for cut in range(1, len(SCORES), 3):
        assert rates(SCORES, cut=cut, patience=2, rest=1) == wanted


def test_it_says_what_it_does_and_why_and_begins_each_stage_anew():
    plateau = OnPlateau(metric="accuracy", higher_is_better=True, patience=1, factor=0.5)
    view = SimpleNamespace(learning_rates={"one": 0.1, "two": 0.4}, step=7, epoch=3)
    assert plateau.after_validation(view, metrics={"accuracy": 0.5}) == ()
    commands = plateau.after_validation(view, metrics={"accuracy": 0.5})
    assert [command.optimizer for command in commands] == ["one", "two"]
    assert {type(command) for command in commands} == plateau.owns == {SetLearningRate}
    assert commands[0].finding.message == (
        "accuracy got no better in 1 validation: the learning rate goes of one from 0.1 to 0.05, "
        "of two from 0.4 to 0.2."
    )
    plateau.after_stage_entered(view)
    assert plateau.after_validation(view, metrics={"accuracy": 0.1}) == ()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"factor": 1.0}, "factor must be above 0 and below 1"),
        ({"patience": 0}, "patience must be a whole number of at least 1"),
        ({"least": -0.1}, "least must be at least 0"),
        ({"rest": -1}, "rest must be at least 0"),
        ({"lowest": 0.0}, "lowest must be above 0"),
    ],
)
def test_what_is_refused(options, sentence):
    with pytest.raises(BadValue, match=sentence):
        OnPlateau(metric="loss", higher_is_better=False, **options)
    plateau = OnPlateau(metric="acuracy", higher_is_better=True)
    with pytest.raises(BadValue, match=r"one that is measured \(accuracy\)"):
        plateau.after_validation(None, metrics={"accuracy": 0.5})
