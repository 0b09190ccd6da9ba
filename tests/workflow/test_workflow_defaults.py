"""What a recipe leaves open is filled in by the data."""

from __future__ import annotations

import pytest

from netwright.runs.recipe import Recipe
from netwright.workflow.defaults import Facts, complete


def completed(**facts):
    recipe = Recipe.parse({"data": {"name": "given"}})
    return complete(recipe, Facts(count=1000, preprocess="pixels", **facts))


@pytest.mark.parametrize(
    ("size", "names"),
    [((8, 8), []), ((12, 40), []), ((13, 13), ["shift"]), ((28, 28), ["shift"]), (None, [])],
)
def test_pictures_too_small_to_be_moved_by_a_pixel_are_not(size, names):
    assert [one.name for one in completed(picture_size=size).augment] == names
