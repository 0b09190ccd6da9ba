"""Prototypes: against distances worked out by hand, and refusals."""

from __future__ import annotations

import pytest
import torch

from netwright._errors import BadType, BadValue
from netwright.explain import prototypes

ROWS = torch.tensor([[0.0, 0.0], [4.0, 0.0], [2.0, 1.0], [2.0, 90.0], [7.0, 7.0]])
CLASSES = torch.tensor([3, 3, 3, 3, 5])


def test_the_nearest_to_the_mean_come_first():
    third, fifth = prototypes(ROWS, CLASSES, right=torch.tensor([1, 1, 1, 0, 1]).bool())
    middle = ROWS[:3].mean(0)  # of those that were right: the far one does not draw it away
    far = (ROWS[:3] - middle).norm(dim=1)
    assert (third.label, third.examined) == (3, 3)
    assert third.index.tolist() == [2, 0, 1]
    torch.testing.assert_close(third.distance.float(), far[[2, 0, 1]])
    assert (fifth.label, fifth.index.tolist(), fifth.distance.tolist()) == (5, [4], [0.0])


def test_without_what_is_right_all_count():
    assert prototypes(ROWS, CLASSES, count=1)[0].index.tolist() == [2]
    assert prototypes(ROWS, CLASSES)[0].examined == 4


def test_a_class_without_a_right_answer_has_none():
    found = prototypes(ROWS, CLASSES, right=torch.tensor([1, 0, 0, 0, 0]).bool())
    assert [one.label for one in found] == [3]
    assert prototypes(ROWS, CLASSES, right=torch.zeros(5).bool()) == ()


@pytest.mark.parametrize(
    ("wrong", "error", "told"),
    [
        ({"targets": torch.zeros(5)}, BadType, "targets must be one whole number for each row"),
        ({"targets": CLASSES[:2]}, BadValue, "targets must be 5: one for each row"),
        ({"right": torch.ones(2).bool()}, BadValue, "right must be 5: one for each row"),
        ({"count": 0}, BadValue, "count must be at least 1, got count=0"),
        ({"features": ROWS * float("nan")}, BadValue, "features must be finite"),
    ],
)
def test_refusals(wrong, error, told):
    asked = {"features": ROWS, "targets": CLASSES, **wrong}
    with pytest.raises(error, match=told):
        prototypes(asked.pop("features"), asked.pop("targets"), **asked)
