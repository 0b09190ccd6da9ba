"""What the commands say, in words and as data."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

import netwright as nw
from netwright._errors import BadValue
from netwright.cli.main import app
from netwright.runs.recipe import Recipe
from netwright.workflow.run import Run
from workflow_kit import TINY, pictures, table

STUB = {"report": lambda self: str(self.folder.write_text("report.html", "-"))}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A folder with three runs: two on one table, one on numbers."""
    here = tmp_path_factory.mktemp("here")
    table(here / "pets.csv")
    rows = [f"{place},{place % 7},{place * 0.5 + place % 7}" for place in range(60)]
    (here / "sum.csv").write_text("\n".join(["a,b,total", *rows]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "report", STUB["report"])
        for seed in (0, 1):
            nw.fit(here / "pets.csv", seed=seed, changes=TINY, root=here / "runs")
        nw.fit(here / "sum.csv", changes=TINY, root=here / "runs")
    return here


@pytest.fixture(autouse=True)
def at_root(request, tmp_path, monkeypatch):
    monkeypatch.setattr(Run, "report", STUB["report"])
    wants = "root" in request.fixturenames
    monkeypatch.chdir(request.getfixturevalue("root") if wants else tmp_path)


def netwright(*words, code=0):
    answer = CliRunner().invoke(app, [str(word) for word in words])
    if answer.exit_code != code and answer.exception:
        raise answer.exception
    assert answer.exit_code == code
    return answer.stdout


def data_of(*words):
    return json.loads(netwright(*words, "--json"))


# --- runs, compare, report ----------------------------------------------------------------------


def test_runs_as_data(root):
    rows = data_of("runs")
    assert [row["name"] for row in rows] == ["pets-1", "pets-2", "sum-1"]
    keys = ["name", "path", "state", "data", "model", "split", "metric", "figure"]
    assert all(list(row) == keys for row in rows)
    assert rows[0]["state"] == "finished"
    recorded = json.loads(Path("runs/pets-1/evaluation/test.json").read_text())
    assert rows[0]["figure"] == recorded["metrics"]["accuracy"]["value"]


def test_no_runs():
    assert netwright("runs") == "no runs in runs; netwright train digits makes one\n"
    assert data_of("runs") == []


def test_a_damaged_run_does_not_hide_the_others(root, tmp_path):
    import shutil

    shutil.copytree("runs", tmp_path / "runs")
    (tmp_path / "runs/pets-1/recipe.yaml").write_text("data: [")
    (tmp_path / "runs/pets-2/evaluation/test.json").write_text("{")
    rows = data_of("runs", "--root", tmp_path / "runs")
    assert [row["state"] for row in rows] == ["damaged", "damaged", "finished"]


def test_compare_says_what_differs(root):
    said = netwright("compare", "pets-1", "pets-2")
    assert "recipe:\n  seed: 0 | 1\n" in said
    assert "environment: the same" in said
    assert "pets-1 − pets-2, accuracy on the same 12 examples of test:" in said
    found = data_of("compare", "pets-1", "pets-2")
    assert list(found) == ["runs", "recipe", "environment", "outcome", "paired"]
    assert found["recipe"] == {"seed": [0, 1]}
    assert set(found["outcome"]) == {"test", "val"}
    assert found["paired"][0]["n"] == 12


def test_compare_wants_two(root):
    with pytest.raises(BadValue, match="two runs or more"):
        netwright("compare", "pets-1")


def test_clean_removes_whole_runs_by_their_whole_names(root):
    wanted = [run["name"] for run in data_of("runs")]
    with pytest.raises(BadValue, match="whole name is asked for"):
        netwright("clean", "--whole", "sum")
    with pytest.raises(BadValue, match="named for --whole"):
        netwright("clean", "--whole")
    assert re.fullmatch(r"sum-1 +[\d.]+ .B\n[\d.]+ .B would be freed\n", netwright(
        "clean", "--whole", "--dry-run", "sum-1"))  # fmt: skip
    (root / "recipe.yaml").write_text("data: iris")
    assert "all of it kept: it has no record" in netwright("clean", "--whole", ".")
    (root / "recipe.yaml").unlink()
    assert [run["name"] for run in data_of("runs")] == wanted


def test_report_as_data(root):
    assert data_of("report", "sum-1") == {"report": str(Path("runs/sum-1/report.html"))}


# --- predict, evaluate --------------------------------------------------------------------------


def test_predict_in_words_and_as_data(root):
    lines = netwright("predict", "pets-1", "pets.csv").splitlines()
    rows = data_of("predict", "pets-1", "pets.csv")
    assert len(lines) == len(rows) == 60
    assert list(rows[0])[:4] == ["label", "prediction", "probabilities", "numbers"]
    label, prediction, share = lines[0].split("\t")
    assert (label, prediction) == (rows[0]["label"], rows[0]["prediction"])
    assert float(share) == pytest.approx(max(rows[0]["probabilities"].values()), abs=1e-3)


def test_predict_numbers(root, tmp_path):
    first = netwright("predict", "sum-1", "sum.csv").splitlines()[0]
    assert first.count("\t") == 1
    float(first.split("\t")[1])
    assert netwright("predict", "sum-1", "sum.csv", "-o", tmp_path / "o.csv").startswith(
        "60 answers"
    )
    head, line, *_ = (tmp_path / "o.csv").read_text().splitlines()
    label, number = line.split(",")
    assert head == "example,total"
    assert label == first.split("\t")[0]
    assert float(number) == pytest.approx(float(first.split("\t")[1]), rel=1e-6)
    (told,) = data_of("predict", "sum-1", "sum.csv")[0]["numbers"].values()
    assert told == float(number)


def test_a_file_that_can_not_be_written_leaves_nothing(root, tmp_path):
    from netwright._errors import DamagedRun

    (tmp_path / "file").write_text("")
    with pytest.raises(DamagedRun, match="written"):
        netwright("predict", "sum-1", "sum.csv", "-o", tmp_path / "file" / "out.csv")


def test_evaluate_as_data(root):
    record = data_of("evaluate", "pets-1", "pets.csv", "--split", "val")
    assert {"split", "n", "metrics", "confusion", "names", "per_class", "data", "skipped"} <= set(
        record
    )
    assert (record["split"], record["n"]) == ("val", 6)
    assert set(record["metrics"]["accuracy"]) == {"value", "low", "high", "n"}
    said = netwright("evaluate", "pets-1", "pets.csv", "--split", "all")
    assert said.splitlines()[0] == "all of pets.csv, n = 60"


def test_skip_bad_where_it_is_asked_for(root, tmp_path):
    from netwright._errors import BadData

    text = Path("pets.csv").read_text() + "inf,red,cat\n"
    (tmp_path / "bad.csv").write_text(text)
    for command in ("predict", "evaluate"):
        with pytest.raises(BadData, match="row 61"):
            netwright(command, "pets-1", tmp_path / "bad.csv")
    assert len(data_of("predict", "pets-1", tmp_path / "bad.csv", "--skip-bad")) == 60
    assert data_of("evaluate", "pets-1", tmp_path / "bad.csv", "--skip-bad")["skipped"] == 1


# --- train ----------------------------------------------------------------------------------------


def recipe_of(*words):
    netwright("train", *words)
    (folder,) = Path("runs").iterdir()
    return Recipe.read(folder / "recipe.yaml")


QUICK = ["--set", "model={name: mlp, hidden: [8]}", "--epochs", "1"]


def test_shortcuts_reach_the_recipe(tmp_path):
    table(tmp_path / "pets.csv")
    recipe = recipe_of(
        "pets.csv", "--epochs", "2", "--batch-size", "8", "--learning-rate", "0.02", "--seed", "5",
        "--target", "colour", "--no-doctor", "--device", "cpu", "--skip-bad", "--model", "mlp",
        "--method", "supervised", "--set", "training.clip_norm=1e-1",
    )  # fmt: skip
    assert recipe.training.epochs == 2
    assert recipe.training.batch_size == 8
    assert recipe.training.clip_norm == 0.1
    assert recipe.optimizer.learning_rate == 0.02
    assert recipe.seed == 5
    assert recipe.data.target == "colour"
    assert recipe.data.skip_bad is True
    assert recipe.doctor is False
    assert recipe.device == "cpu"
    assert recipe.model.name == "mlp"


def test_name_and_root():
    netwright("train", "iris", *QUICK, "--name", "mine", "--root", "there")
    assert Path("there/mine/model.safetensors").is_file()


def test_a_learning_rate_alone_keeps_the_optimiser():
    recipe = recipe_of("iris", *QUICK, "--learning-rate", "0.5")
    assert (recipe.optimizer.name, recipe.optimizer.learning_rate) == ("adamw", 0.5)


def test_ones_own_network_and_method_from_a_file(tmp_path):
    (tmp_path / "my.py").write_text(
        "from torch import nn\n"
        "from netwright.methods.supervised import Supervised\n"
        "class Net(nn.Linear):\n"
        "    def __init__(self, num_classes, in_channels, image_size=None):\n"
        "        super().__init__(in_channels, num_classes)\n"
        "class Mine(Supervised):\n"
        "    pass\n"
    )
    recipe = recipe_of("iris", "--model", "my.py:Net", "--method", "my.py:Mine", "--epochs", "1")
    assert (recipe.model.name, recipe.method.name) == ("my.py:Net", "my.py:Mine")
    assert type(nw.load("iris-1").method).__name__ == "Mine"


def test_a_recipe_is_changed_by_the_words_beside_it():
    recipe_of("iris", *QUICK)
    netwright("train", "--recipe", "runs/iris-1/recipe.yaml", "--epochs", "2", "--name", "more")
    assert Recipe.read(Path("runs/more/recipe.yaml")).training.epochs == 2
    netwright("train", "--recipe", "runs/iris-1/recipe.yaml", "--seed", "2", "--name", "other")
    first, other = (Path("runs") / name / "model.safetensors" for name in ("iris-1", "other"))
    assert first.read_bytes() != other.read_bytes()


def test_a_recipe_on_other_data(tmp_path):
    recipe_of("iris", *QUICK)
    netwright("train", "wine", "--recipe", "runs/iris-1/recipe.yaml")
    assert Recipe.read(Path("runs/wine-1/recipe.yaml")).data.name == "wine"


def test_findings_are_told(tmp_path):
    said = netwright("train", "wine", *QUICK, "--set", "preprocess.name=none")
    assert "warning: The inputs have a root mean square of" in said


def test_pictures_are_trained_on(tmp_path):
    pictures(tmp_path / "shades")
    said = netwright("train", "shades", "--epochs", "1")
    assert "test: accuracy" in said


# --- time -----------------------------------------------------------------------------------------

MEASURED = ("--set", "model={name: mlp, hidden: [8]}", "--batch-size", "16", "--steps", "4")


def test_time_in_words_leaves_nothing_behind(tmp_path):
    said = netwright("time", "iris", *MEASURED)
    assert said.startswith("iris: 150 rows of 4 columns")
    assert "mlp · cpu · fp32 · batches of 16" in said
    for part in ("load", "augment", "preprocess", "forward", "backward", "update", "record"):
        assert re.search(rf"^ *{part} .*[µm]s .*% *$", said, re.MULTILINE), part
    assert re.search(r"^ *whole step .* 100.0% *$", said, re.MULTILINE)
    assert re.search(r"^the whole run: about .* s \(1400 steps, 200 epochs, .* a validation\)$",
                     said, re.MULTILINE)  # fmt: skip
    assert "memory: about" in said
    assert list(tmp_path.iterdir()) == []


def test_time_as_data(tmp_path):
    found = data_of("time", "iris", *MEASURED, "--epochs", "3")
    (stage,) = found["stages"]
    assert sum(part["seconds"] for part in stage["parts"]) == pytest.approx(
        stage["whole"]["seconds"]
    )
    assert sum(part["share"] for part in stage["parts"]) == pytest.approx(1)
    assert (stage["measured"], stage["steps"], stage["epochs"]) == (4, 21, 3)
    assert stage["examples_per_second"] == pytest.approx(15 * stage["steps_per_second"], rel=0.1)
    assert found["memory"]["total"] > found["memory"]["parameters"] == 4 * (4 * 8 + 8 + 8 * 3 + 3)


def test_time_of_a_recipe(tmp_path):
    (tmp_path / "one.yaml").write_text("data: {name: iris}\ntraining: {batch_size: 7}\n")
    found = data_of("time", "--recipe", "one.yaml", "--model", "mlp", "--steps", "2")
    assert found["batch_size"] == 7
    with pytest.raises(BadValue, match="DATA must be given, or --recipe"):
        netwright("time")
    with pytest.raises(BadValue, match="steps must be at least 2"):
        netwright("time", "iris", "--steps", "1")


# --- find, data -----------------------------------------------------------------------------------


def test_find_as_data():
    rows = data_of("find", "cross entropy")
    assert {"kind", "name", "full", "summary", "differs", "paper", "place"} == set(rows[0])
    assert "cross-entropy" in {row["name"] for row in rows}
    kinds = {row["kind"] for word in ("a", "e") for row in data_of("find", word)}
    assert {"model", "loss", "metric", "optimizer", "schedule", "data", "probe", "method"} <= kinds


def test_names_come_before_summaries():
    names = [row["name"] for row in data_of("find", "adam")]
    holding = ["adam" in name for name in names]
    assert holding == sorted(holding, reverse=True)


def test_find_all_of_a_kind():
    names = {
        row["name"] for row in data_of("find", "augmentation") if row["kind"] == "augmentation"
    }
    assert {"flip", "elastic", "mixup", "cutmix"} < names


def test_find_nothing():
    assert netwright("find", "qqqqqq", code=1) == "nothing is called 'qqqqqq'\n"
    assert data_of("find", "qqqqqq") == []


def test_data_get_and_remove(monkeypatch):
    from netwright.data import depot

    monkeypatch.setattr(depot, "get", lambda name, progress: f"/there/{name}")
    monkeypatch.setattr(depot, "remove", lambda name: name == "mnist")
    assert netwright("data", "get", "mnist") == "/there/mnist\n"
    assert netwright("data", "remove", "mnist") == "removed\n"
    assert netwright("data", "remove", "emoji") == "was not there\n"


@pytest.mark.parametrize(
    "command",
    ["train", "time", "resume", "predict", "evaluate", "runs", "compare", "report", "find", "data"],
)
def test_every_command_explains_itself(command):
    said = netwright(command, "--help")
    assert f"netwright {command}" in said or "Usage:" in said
    options = [line for line in said.splitlines() if line.strip().startswith("--")]
    undescribed = [line for line in options if len(line.split("  ")) < 3]
    assert undescribed == []
