"""Whatever a person gets wrong: one sentence with the way out, code 2, nothing half-written."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from netwright.cli import main
from netwright.workflow.run import Run
from workflow_kit import pictures, table

QUICK = ["--set", "model={name: mlp, hidden: [8]}", "--epochs", "1", "--batch-size", "16"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Run, "report", lambda self: self.folder.write_text("report.html", "-"))
    return tmp_path


@pytest.fixture
def netwright(capsys, monkeypatch):
    """Run a command in this process: (exit code, standard output, standard error)."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["netwright", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        return end.value.code or 0, said.out, said.err

    return call


def refused(answer, *parts):
    code, out, error = answer
    assert code == 2
    assert out == ""
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert "Traceback" not in error
    for part in parts:
        assert part in error
    assert not Path("runs").exists() or list(Path("runs").iterdir()) == []


def add_picture(path, *, mode="L"):
    Image.new(mode, (8, 8)).save(path)


def unreadable_image():
    folder = pictures(Path("data"))
    for name in ("a/torn.png", "b/empty.png"):
        (folder / name).write_bytes(b"\x89PNG\r\n\x1a\n" if "torn" in name else b"")
    return "data", ["readable pictures", "a/torn.png", "b/empty.png"], 2


def empty_class():
    folder = pictures(Path("data"))
    (folder / "nobody").mkdir()
    (folder / "nothing").mkdir()
    return "data", ["at least one picture", "nobody", "nothing"], 2


def mixed_channels():
    folder = pictures(Path("data"))
    add_picture(folder / "b" / "colour.png", mode="RGB")
    return "data", ["mixed channels", "b/colour.png", "channels=1"], 1


def infinite_numbers():
    path = table(Path("data.csv"))
    lines = path.read_text().splitlines()
    lines[4], lines[9] = "inf,red,cat", "1e400,red,dog"
    path.write_text("\n".join(lines))
    return "data.csv", ["finite numbers", "height is infinite", "row 4", "row 9"], 2


def missing_targets():
    path = table(Path("data.csv"))
    lines = path.read_text().splitlines()
    lines[2], lines[7] = "1.0,red,", "2.0,blue,"
    path.write_text("\n".join(lines))
    return "data.csv", ["kind is missing", "row 2", "row 7"], 2


def wrong_length():
    path = table(Path("data.csv"))
    lines = path.read_text().splitlines()
    lines[3], lines[5] = "1.0,red", "1.0,red,cat,more"
    path.write_text("\n".join(lines))
    return "data.csv", ["row 3", "row 5"], 2


SKIPPABLE = [
    unreadable_image, empty_class, mixed_channels, infinite_numbers, missing_targets, wrong_length,
]  # fmt: skip


@pytest.mark.parametrize("case", SKIPPABLE)
def test_bad_examples_are_refused_by_name(case, netwright):
    data, parts, _ = case()
    refused(netwright("train", data, *QUICK), *parts)


@pytest.mark.parametrize("case", SKIPPABLE)
def test_skip_bad_leaves_them_out_and_records_which(case, netwright):
    data, _, count = case()
    code, _, error = netwright("train", data, "--skip-bad", *QUICK)
    assert (code, error) == (0, "")
    skipped = json.loads(Path("runs/data-1/data.json").read_text())["skipped"]
    assert len(skipped) == count
    assert all(one["what"] and one["why"] for one in skipped)
    code, _out, error = netwright("train", "--recipe", "runs/data-1/recipe.yaml", "--name", "again")
    assert (code, error) == (0, "")  # the recipe says that they are left out


def one_class():
    pictures(Path("data"), classes="a")
    return "data", ["one class only", "a"]


def one_class_in_a_table():
    Path("data.csv").write_text("x,kind\n1,cat\n2,cat\n3,cat\n")
    return "data.csv", ["one class only", "cat"]


def missing_column():
    table(Path("data.csv"))
    return "data.csv", ["target", "knid", "Did you mean kind"], ["--target", "knid"]


def no_path():
    return "datta", ["must be", "datta", "nothing at"]


def no_pictures():
    Path("data").mkdir()
    return "data", ["no pictures"]


def no_data_file():
    Path("data.txt").write_text("hello")
    return "data.txt", ["CSV or Parquet"]


def header_alone():
    Path("data.csv").write_text("a,b\n")
    return "data.csv", ["row"]


def loose_pictures():
    add_picture(pictures(Path("data")) / "loose.png")
    return "data", ["outside class folders", "loose.png"]


def not_fetched():
    return "cifar10", ["netwright data get cifar10"]


def nan_in_arrays():
    np.save("x.npy", np.zeros(3))
    return "x.npy", ["CSV or Parquet"]


def too_few_rows():
    Path("data.csv").write_text("a,kind\n1,x\n2,y\n")
    return "data.csv", ["must be"]


HOPELESS = [
    one_class, one_class_in_a_table, missing_column, no_path, no_pictures, no_data_file,
    header_alone, loose_pictures, not_fetched, nan_in_arrays, too_few_rows,
]  # fmt: skip


@pytest.mark.parametrize("case", HOPELESS)
def test_data_that_can_not_be_learned_from_are_refused(case, netwright):
    data, parts, *more = case()
    refused(netwright("train", data, *QUICK, *(more[0] if more else [])), *parts)


SETS = {
    "training.epohcs=3": ["training.epohcs is unknown", "epochs"],
    "training.epochs=many": ["training.epochs='many'"],
    "training.epochs=0": ["training.epochs=0"],
    "seed=1.5": ["seed=1.5"],
    "nothing": ["--set must be", "path.to.field=value"],
    "optimizer.name=sdg": ["optimizer", "sgd"],
    "split.val=1.5": ["split.val=1.5"],
    "data.kind=clases": ["classes"],
    "model.hidden=many": ["hidden"],
    "model.hiden=[3]": ["hiden"],
    "optimizer.momentun=0.3": ["momentun"],
    "optimizer={name: sgd, momentum: lots}": ["momentum"],
    "schedule={name: one-cycle, warmup: long}": ["warmup"],
    "preprocess={name: standardise, mode: fast}": ["mode"],
    "method.label_smothing=0.1": ["label_smoothing"],
    "method.label_smoothing=much": ["label_smoothing"],
    "schedule={name: one-cycle, warmup: [1]}": ["warmup"],
    "data.kind=[classes]": ["data.kind"],
    "device=cuda:77": ["device"],
}


@pytest.mark.parametrize("change", SETS)
def test_fields_that_are_unknown_or_ill_typed(change, netwright):
    refused(netwright("train", "iris", *QUICK, "--set", change), *SETS[change])


@pytest.mark.parametrize(
    "step", ["name: filp", "name: flip, probabilty: 1", "name: flip, probability: x"]
)
def test_augmentation_that_is_unknown_or_ill_typed(step, netwright):
    pictures(Path("data"))
    refused(netwright("train", "data", "--epochs", "1", "--set", f"augment=[{{{step}}}]"), "flip")


def test_all_offending_fields_are_in_the_sentence(netwright):
    changes = ["--set", "trainig.epochs=3", "--set", "seed=x", "--set", "split.vla=0.2"]
    refused(netwright("train", "iris", *changes), "trainig", "seed='x'", "split.vla", "val")


def test_a_recipe_with_bad_fields_and_one_that_is_not_there(netwright):
    Path("bad.yaml").write_text("data: {name: iris}\nmodle: {name: mlp}\nseed: [1]\n")
    refused(netwright("train", "--recipe", "bad.yaml"), "modle", "model", "seed")
    refused(netwright("train", "--recipe", "bda.yaml"), "bda.yaml", "readable")


def test_train_without_anything(netwright):
    refused(netwright("train"), "--recipe", "netwright train digits")


def test_asking_for_runs_that_are_not_there(netwright):
    for words in (["report", "x"], ["predict", "x", "y"], ["evaluate", "x", "y"], ["resume", "x"]):
        refused(netwright(*words), "run must be a known run")
    refused(netwright("compare", "x", "y"), "run must be a known run")
    refused(netwright("data", "get", "cifar"), "cifar10")


def test_words_that_are_no_command_or_option(netwright):
    for words in (["trian", "iris"], ["train", "iris", "--epoch", "3"], ["train", "--epochs", "x"]):
        code, out, error = netwright(*words)
        assert (code, out) == (2, "")
        assert "Usage:" in error
        assert "Traceback" not in error


# --- --debug ------------------------------------------------------------------------------------


def test_debug_shows_where_an_error_comes_from(monkeypatch):
    from netwright._errors import BadValue

    monkeypatch.setattr(sys, "argv", ["netwright", "--debug", "train", "datta"])
    with pytest.raises(BadValue, match="datta"):  # python prints its traceback
        main()


def test_an_error_that_is_not_a_persons_names_its_kind_and_debug(netwright, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("the sky fell")

    monkeypatch.setattr("netwright.workflow.fit.open_session", broken)
    code, out, error = netwright("train", "iris")
    assert (code, out) == (1, "")
    assert error == "error: RuntimeError: the sky fell (netwright --debug … shows where)\n"
    monkeypatch.setattr(sys, "argv", ["netwright", "--debug", "train", "iris"])
    with pytest.raises(RuntimeError, match="sky"):
        main()


def test_a_run_that_blows_up(netwright):
    changes = ["--set", "schedule.name=constant", "--set", "preprocess.name=none"]
    words = ["--learning-rate", "1e10", "--epochs", "60", "--set", "model.name=mlp"]
    code, out, error = netwright("train", "iris", *words, *changes, "--set", "optimizer.name=sgd")
    assert (code, out) == (2, "")
    assert error.startswith("error: gradients must be finite")
    assert "Lower the learning rate" in error
    code, out, error = netwright("runs")
    assert "non-finite" in out
