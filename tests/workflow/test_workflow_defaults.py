"""What a recipe leaves open is filled in by the data."""

from __future__ import annotations

import pytest

from netwright.runs.recipe import Recipe
from netwright.workflow.defaults import Facts, complete


def completed(*changes, **facts):
    recipe = Recipe.parse({"data": {"name": "given"}}).changed(changes)
    return complete(recipe, Facts(count=1000, preprocess="pixels", **facts))


@pytest.mark.parametrize(
    ("size", "names"),
    [((8, 8), []), ((12, 40), []), ((13, 13), ["shift"]), ((28, 28), ["shift"]), (None, [])],
)
def test_pictures_too_small_to_be_moved_by_a_pixel_are_not(size, names):
    assert [one.name for one in completed(picture_size=size).augment] == names


@pytest.mark.parametrize(("epochs", "names"), [(9, []), (10, ["shift"])])
def test_pictures_that_are_seen_a_few_times_are_seen_as_they_are(epochs, names):
    found = completed(f"training.epochs={epochs}", picture_size=(28, 28)).augment
    assert [one.name for one in found] == names


def test_the_schedule_suits_what_is_made_of_the_run():
    plain = {"data": {"name": "digits"}}
    cycles = Recipe.parse({**plain, "ensemble": {"kind": "snapshots", "members": 4}})
    chosen = complete(cycles, Facts(count=1000, preprocess="none")).schedule
    assert (chosen.name, chosen.options) == ("cosine-restarts", {"cycles": 4, "multiplier": 1.0})
    averaged = Recipe.parse({**plain, "training": {"swa_start": 0.5}})
    assert complete(averaged, Facts(count=1000, preprocess="none")).schedule.name == "constant"
    own = averaged.with_fields({"schedule": {"name": "cosine"}})
    assert complete(own, Facts(count=1000, preprocess="none")).schedule.name == "cosine"


@pytest.mark.parametrize("name", ["lbfgs", "truncated-newton"])
def test_what_looks_for_its_own_step_sees_everything_at_once(name):
    found = completed(f"optimizer.name={name}")
    assert (found.training.batch_size, found.schedule.name) == (1000, "constant")
    assert completed("optimizer.name=adam").training.batch_size < 100
    assert found.training.epochs == 50


def test_lbfgs_looks_along_its_direction():
    assert completed("optimizer.name=lbfgs").optimizer.options["line_search_fn"] == "strong_wolfe"
    own = completed("optimizer={name: lbfgs, line_search_fn: null}")
    assert own.optimizer.options["line_search_fn"] is None


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("lenet", "lenet"),
        ("resnet50", "torchvision:resnet50"),
        ("wide-resnet", "torchvision:wide_resnet50_2"),
        ("xception", "timm:legacy_xception"),
        ("given", "given"),
        ("mine.py:Net", "mine.py:Net"),
    ],
)
def test_a_completed_recipe_has_the_full_name_of_its_model(name, full):
    model = completed(f"model={{name: '{name}', dropout: 0.5}}").model
    assert (model.name, model.options) == (full, {"dropout": 0.5})


def test_trained_weights_learn_at_a_third_of_the_usual_rate():
    usual = completed(picture_size=(224, 224)).optimizer.learning_rate
    tuned = completed("method=fine-tuning", picture_size=(224, 224)).optimizer.learning_rate
    assert tuned == pytest.approx(0.3 * usual)
    asked = ("method=fine-tuning", "optimizer={name: adamw, learning_rate: 0.01}")
    assert completed(*asked, picture_size=(224, 224)).optimizer.learning_rate == 0.01
