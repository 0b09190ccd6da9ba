"""Three triggers of early stopping, and the controller that carries them."""

from __future__ import annotations

import math

import pytest

from netwright._errors import BadValue
from netwright.train.control import EndStage
from netwright.train.early_stopping import (
    EarlyStopping,
    average_change,
    no_change,
    steady_decrease,
)


def stops_at(trigger, scores):
    """How many scores it takes; None where it never fires."""
    for seen in range(1, len(scores) + 1):
        if trigger(scores[:seen]):
            return seen
    return None


@pytest.mark.parametrize(
    ("trigger", "scores", "wanted"),
    [
        (no_change(epochs=2), [0.1, 0.2, 0.3, 0.4, 0.5], None),
        (no_change(epochs=2), [0.5, 0.4, 0.3], 3),
        (no_change(epochs=2), [0.5, 0.4, 0.6, 0.5, 0.6], 5),  # equal is no gain
        (no_change(epochs=3), [0.5, 0.4, 0.6, 0.5, 0.6], None),
        (no_change(epochs=2, least=0.05), [0.5, 0.52, 0.54, 0.60], 3),
        (no_change(epochs=2, least=0.05), [0.5, 0.52, 0.56, 0.60], None),
        (no_change(epochs=1), [0.5], None),
        (steady_decrease(epochs=2), [0.5, 0.4, 0.45, 0.4, 0.3], 5),
        (steady_decrease(epochs=2), [0.5, 0.4, 0.4, 0.3, 0.3], None),
        (steady_decrease(epochs=1), [0.5, 0.5, 0.4], 3),
        (average_change(epochs=2, least=0.1), [0.5, 0.65, 0.5, 0.53, 0.5], 4),
        (average_change(epochs=2, least=0.1), [0.0, 0.3, 0.1, 0.3, 0.1], None),
        (average_change(epochs=3, least=0.1), [0.5, 0.9, 0.9, 0.9, 0.9], 5),
    ],
)
def test_triggers_by_hand(trigger, scores, wanted):
    assert stops_at(trigger, scores) == wanted


def judge(stopping, scores, metric="loss"):
    return [bool(stopping.after_validation(None, metrics={metric: s})) for s in scores]


def test_lower_may_be_better():
    stopping = EarlyStopping(no_change(epochs=2), metric="loss", higher_is_better=False)
    assert judge(stopping, [1.0, 0.9, 0.8, 0.85, 0.8]) == [False, False, False, False, True]


def test_a_score_that_is_not_a_number_is_the_worst():
    stopping = EarlyStopping(no_change(epochs=2), metric="loss", higher_is_better=False)
    assert judge(stopping, [math.nan, 0.9, math.nan, 0.95]) == [False, False, False, True]


def test_it_says_stop_and_why():
    stopping = EarlyStopping(steady_decrease(epochs=1), metric="accuracy", higher_is_better=True)
    stopping.after_validation(None, metrics={"accuracy": 0.5, "loss": 3.0})
    (command,) = stopping.after_validation(None, metrics={"accuracy": 0.4, "loss": 2.0})
    assert isinstance(command, EndStage)
    assert "accuracy" in command.reason
    assert type(command) in stopping.owns


def test_it_remembers_over_an_interruption():
    scores = [1.0, 0.9, 0.95, 0.92, 0.91, 0.93]
    whole = EarlyStopping(no_change(epochs=3), metric="loss", higher_is_better=False)
    wanted = judge(whole, scores)
    for cut in range(1, len(scores)):
        first = EarlyStopping(no_change(epochs=3), metric="loss", higher_is_better=False)
        second = EarlyStopping(no_change(epochs=3), metric="loss", higher_is_better=False)
        found = judge(first, scores[:cut])
        second.load_state_dict(first.state_dict())
        assert found + judge(second, scores[cut:]) == wanted


def test_what_is_refused():
    for trigger in (no_change, steady_decrease):
        with pytest.raises(BadValue, match="epochs must be at least 1"):
            trigger(epochs=0)
    with pytest.raises(BadValue, match="epochs must be at least 1"):
        average_change(epochs=0, least=0.1)
    stopping = EarlyStopping(no_change(epochs=1), metric="acuracy", higher_is_better=True)
    with pytest.raises(BadValue, match=r"one that is measured \(accuracy\)"):
        stopping.after_validation(None, metrics={"accuracy": 0.5})
