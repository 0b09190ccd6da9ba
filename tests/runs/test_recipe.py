"""Recipes: what they hold, how they are changed, and what they refuse."""

from __future__ import annotations

import pytest

from netwright._errors import BadValue
from netwright.runs.recipe import Recipe, parse_assignment

DIGITS = {"data": {"name": "digits"}}
WHOLE = {
    "data": {"name": "pets.csv", "target": "kind, size", "image_size": 8, "skip_bad": True},
    "split": {"kind": "temporal", "val": 0.2, "test": 0.0, "seed": 3},
    "preprocess": {"name": "standardise"},
    "augment": [{"name": "flip"}, {"name": "shift", "pixels": 2}],
    "model": {"name": "mlp", "hidden": [8, 4], "dropout": 1e-3},
    "method": {"name": "supervised", "label_smoothing": 0.1},
    "optimizer": {"name": "sgd", "learning_rate": 0.1, "weight_decay": 1e-4},
    "schedule": {"name": "one-cycle", "warmup": 0.2},
    "training": {
        "epochs": 3,
        "clip_norm": 1.0,
        "early_stopping": {"trigger": "no-change", "epochs": 4, "least": 0.01},
    },
    "seed": 7,
    "device": "cpu",
    "doctor": False,
}


def written(recipe, tmp_path):
    (tmp_path / "recipe.yaml").write_text(recipe.to_yaml(), encoding="utf8")
    return Recipe.read(tmp_path / "recipe.yaml")


@pytest.mark.parametrize("content", [DIGITS, WHOLE])
def test_written_and_read_it_is_the_same(content, tmp_path):
    recipe = Recipe.parse(content)
    assert written(recipe, tmp_path) == recipe
    assert Recipe.parse(recipe.plain()) == recipe
    assert recipe.with_fields({}) == recipe
    assert recipe.changed([]) == recipe


@pytest.mark.parametrize(
    "name",
    ["1e-3", "1.5E+10", "-2e5", ".5e3", "12", "no", "null", "~", "2020-01-01", "ä ß", "a: b"],
)
def test_text_that_looks_like_something_else_stays_text(name, tmp_path):
    recipe = Recipe.parse({"data": {"name": name, "target": name}})
    assert written(recipe, tmp_path) == recipe


@pytest.mark.parametrize("value", [1e-3, 1e-30, 1e22, 0.1, 1 / 3])
def test_numbers_come_back_to_the_bit(value, tmp_path):
    recipe = Recipe.parse({**DIGITS, "optimizer": {"name": "sgd", "learning_rate": value}})
    assert written(recipe, tmp_path).optimizer.learning_rate == value


def test_an_optimiser_is_adamw_where_only_its_numbers_are_given():
    assert Recipe.parse(DIGITS).changed(["optimizer.learning_rate=1e-2"]).optimizer.name == "adamw"


def test_options_stand_beside_the_name():
    recipe = Recipe.parse(WHOLE)
    assert recipe.model.options == {"hidden": (8, 4), "dropout": 1e-3}
    assert recipe.optimizer.options == {"weight_decay": 1e-4}  # its learning rate is a field
    assert [one.name for one in recipe.augment] == ["flip", "shift"]


@pytest.mark.parametrize(
    ("assignment", "path", "value"),
    [
        ("training.epochs=5", ["training", "epochs"], 5),
        ("optimizer.learning_rate=1e-3", ["optimizer", "learning_rate"], 0.001),
        (
            "optimizer={name: sgd, weight_decay: 1e-4}",
            ["optimizer"],
            {"name": "sgd", "weight_decay": 1e-4},
        ),
        ("model.hidden=[1, 2]", ["model", "hidden"], [1, 2]),
        ("data.target=a=b", ["data", "target"], "a=b"),
        ("data.target=", ["data", "target"], None),
        ("doctor=false", ["doctor"], False),
        ('data.target="12"', ["data", "target"], "12"),
        (" seed =4", ["seed"], 4),
    ],
)
def test_an_assignment_is_read_as_yaml(assignment, path, value):
    assert parse_assignment(assignment) == (path, value)
    assert type(parse_assignment(assignment)[1]) is type(value)


@pytest.mark.parametrize("assignment", ["training.epochs", "=5", "", "a=[1", "a={b"])
def test_what_is_no_assignment_is_refused(assignment):
    with pytest.raises(BadValue, match="--set must be"):
        parse_assignment(assignment)


def test_a_power_of_ten_is_a_number_at_any_depth_and_in_a_file(tmp_path):
    recipe = Recipe.parse(DIGITS).changed(["training={clip_norm: 1e-3, clip_value: 2E2}"])
    assert (recipe.training.clip_norm, recipe.training.clip_value) == (0.001, 200.0)
    (tmp_path / "r.yaml").write_text("data: {name: digits}\ntraining: {clip_norm: 5e-1}\n")
    assert Recipe.read(tmp_path / "r.yaml").training.clip_norm == 0.5


def test_changes_leave_everything_else():
    recipe = Recipe.parse(WHOLE)
    changed = recipe.changed(["training.epochs=9", "model.hidden=[3]", "seed=1"])
    assert changed.training.epochs == 9
    assert changed.model.options == {"hidden": (3,), "dropout": 1e-3}
    back = changed.changed(["training.epochs=3", "model.hidden=[8, 4]", "seed=7"])
    assert back == recipe
    assert recipe.training.epochs == 3  # the old one is as it was


def test_a_change_makes_the_section_it_needs():
    changed = Recipe.parse(DIGITS).changed(["model.name=mlp", "training.early_stopping.epochs=3"])
    assert changed.model.name == "mlp"
    assert changed.training.early_stopping.trigger == "no-change"


def test_the_last_of_two_changes_counts():
    assert Recipe.parse(DIGITS).changed(["seed=1", "seed=2"]).seed == 2


def test_a_path_through_something_that_is_no_section_is_refused():
    with pytest.raises(BadValue, match="a path into a section, and seed is none"):
        Recipe.parse(DIGITS).changed(["seed.more=1"])


def test_every_offender_is_listed_with_its_way_out():
    content = {
        "dat": {},
        "data": {"name": 3, "traget": "x"},
        "split": {"val": 2.0, "kind": "random"},
        "training": {"epochs": "many", "early_stopping": {"epohcs": 1}},
        "model": {"hidden": 3},
        "seed": 1.5,
    }
    with pytest.raises(BadValue) as refusal:
        Recipe.parse(content)
    said = str(refusal.value)
    for part in (
        "dat is unknown (did you mean data?)",
        "data.name=3 breaks",
        "data.traget is unknown (did you mean target?)",
        "split.val=2.0 breaks",
        "split.kind='random' breaks",
        "training.epochs='many' breaks",
        "training.early_stopping.epohcs is unknown (did you mean epochs?)",
        "model.name is missing",
        "seed=1.5 breaks",
        "--set path.to.field=value",
    ):
        assert part in said
    assert "\n" not in said


def test_data_are_what_a_recipe_can_not_do_without():
    with pytest.raises(BadValue, match="data is missing"):
        Recipe.parse({})


def test_a_field_that_resembles_nothing_lists_what_is_known():
    known = "kind, val, test, calibration, seed, gap, fold"
    with pytest.raises(BadValue, match=rf"split.qqq is unknown \(known: {known}\)"):
        Recipe.parse({**DIGITS, "split": {"qqq": 1}})


@pytest.mark.parametrize(
    "field", ["training.epochs=true", "seed=true", "training.clip_norm=yes", "training.epochs=3.0"]
)
def test_truth_values_and_fractions_are_no_whole_numbers(field):
    with pytest.raises(BadValue, match=field.split("=")[0]):
        Recipe.parse(DIGITS).changed([field])


FILES = {
    "not there": (None, "readable file"),
    "no YAML": (b"data: [1", "valid YAML"),
    "too deep": (b"[" * 5000, "a few levels deep"),
    "within itself": (b"data: &all {name: *all}", "a few levels deep"),
    "no text": (b"\xff\xfe\x00\x01", "text in UTF-8"),
    "a list": (b"- data", "mapping of sections"),
    "empty": (b"", "mapping of sections"),
    "commands": (b"data: !!python/object/apply:os.system ['true']", "valid YAML"),
    "a number for a key": (b"data: {name: digits}\n3: 4", "recipe must hold known fields"),
}


@pytest.mark.parametrize("case", FILES)
def test_files_that_hold_no_recipe(case, tmp_path):
    content, said = FILES[case]
    if content is not None:
        (tmp_path / "recipe.yaml").write_bytes(content)
    with pytest.raises(BadValue, match=said) as refusal:
        Recipe.read(tmp_path / "recipe.yaml")
    assert "\n" not in str(refusal.value)


def test_a_folder_is_no_recipe(tmp_path):
    with pytest.raises(BadValue, match="readable file"):
        Recipe.read(tmp_path)


def test_a_recipe_is_never_changed_in_place():
    recipe = Recipe.parse(WHOLE)
    with pytest.raises(ValueError, match="frozen"):
        recipe.seed = 3


@pytest.mark.parametrize("rate", [True, "0.1", float("inf"), float("nan"), 0])
def test_a_learning_rate_is_a_number_above_0(rate):
    content = {**DIGITS, "optimizer": {"name": "sgd", "learning_rate": rate}}
    with pytest.raises(BadValue, match=r"optimizer\.learning_rate="):
        Recipe.parse(content)
