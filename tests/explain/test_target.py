"""What of an output is explained."""

from __future__ import annotations

import pytest
import torch

from netwright._errors import BadType, BadValue
from netwright.explain.inside.target import chosen, scores

TABLE = torch.tensor([[1.0, 3.0, 2.0], [5.0, 4.0, 6.0]])


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (None, [3.0, 6.0]),
        (0, [1.0, 5.0]),
        ([2, 1], [2.0, 4.0]),
        (torch.tensor([1, 0]), [3.0, 5.0]),
        (lambda output: output.sum(1), [6.0, 15.0]),
    ],
)
def test_one_number_for_each_example(target, expected):
    assert scores(TABLE, target).tolist() == expected


def test_a_single_score_is_that_score():
    assert scores(torch.tensor([1.0, -2.0])).tolist() == [1.0, -2.0]
    assert scores(torch.tensor([[1.0], [-2.0]])).tolist() == [1.0, -2.0]


def test_a_chosen_class_stays_while_the_scores_change():
    target = chosen(TABLE)
    assert scores(-TABLE, target).tolist() == [-3.0, -6.0]


@pytest.mark.parametrize(
    ("output", "target", "error", "words"),
    [
        (TABLE, 3, BadValue, "from 0 to 2"),
        (TABLE, -1, BadValue, "from 0 to 2"),
        (TABLE, [0, 1, 2], BadValue, "2: one for each example"),
        (TABLE, 1.0, BadType, "a class"),
        (TABLE, lambda output: output, BadValue, "one number for each example"),
        (torch.zeros(2, 3, 4, 4), 1, BadType, "target=lambda output"),
        ({"out": TABLE}, None, BadType, "target=lambda output"),
    ],
)
def test_what_can_not_be_explained_is_refused(output, target, error, words):
    with pytest.raises(error, match=words):
        scores(output, target)


def test_a_class_by_name_is_refused_in_one_sentence():
    with pytest.raises(BadType, match=r"target must be a class, or one for each.*whole number"):
        chosen(torch.zeros(2, 3), "cat")
