"""The wording of refusals."""

from __future__ import annotations

import pytest

from netwright._errors import BadType, BadValue, must_be, offenders, unknown


def test_a_refusal_names_the_argument_the_rule_the_value_and_the_way_out():
    error = must_be("epochs", "at least 1", 0, "10 is usual.")
    assert str(error) == "epochs must be at least 1, got epochs=0. 10 is usual."
    assert isinstance(error, BadValue)
    assert isinstance(error, ValueError)
    assert isinstance(must_be("epochs", "a number", "x", error=BadType), TypeError)


def test_a_long_value_is_cut():
    assert len(str(must_be("x", "short", "y" * 1000))) < 400


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (["resnet18", "mlp"], "Did you mean resnet18?"),
        (["mlp", "cnn"], "Known: cnn, mlp."),
        ([f"name-{place:02}" for place in range(14)], "name-11 and 2 more."),
        ([], "There is none."),
    ],
)
def test_an_unknown_name_lists_what_is_near_or_there(known, said):
    assert str(unknown("model", "resnt18", known)).endswith(said)


def test_offenders_are_all_counted():
    assert offenders(["a", "b"]) == "a, b"
    assert offenders(range(12), shown=2) == "0, 1 and 10 more"
