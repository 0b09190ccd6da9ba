"""Each command once as a person calls it: a process of its own."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from workflow_kit import table

QUICK = ["--set", "model={name: mlp, hidden: [8]}", "--batch-size", "16"]


def netwright(*words, cwd, code=0):
    """Standard output of a command; all that it left where it fails."""
    done = subprocess.run(
        [sys.executable, "-c", "from netwright.cli import main; main()", *map(str, words)],
        cwd=cwd, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    if code == 0:
        assert done.stderr == ""  # quiet where there is no terminal
        return done.stdout
    return done


@pytest.fixture(scope="module")
def here(tmp_path_factory) -> Path:
    """A folder with a table and a run on it."""
    folder = tmp_path_factory.mktemp("here")
    table(folder / "pets.csv")
    said = netwright("train", "pets.csv", "--epochs", "5", "--seed", "3", *QUICK, cwd=folder)
    assert re.search(r"^test: accuracy [\d.]+ \[[\d.]+, [\d.]+\].*\(n = 12\)$", said, re.MULTILINE)
    assert said.splitlines()[-2:] == [
        f"run:    {Path('runs/pets-1')}",
        f"report: {Path('runs/pets-1/report.html')}",
    ]
    return folder


def test_train_leaves_a_whole_run(here):
    for name in (
        "recipe.yaml", "environment.json", "events.jsonl", "data.json", "preprocess.json",
        "model.safetensors", "report.html", "evaluation/test.json", "evaluation/val.json",
    ):  # fmt: skip
        assert (here / "runs/pets-1" / name).stat().st_size > 0
    assert list((here / "runs/pets-1/snapshots").iterdir())


def test_a_recipe_repeats_the_run_bit_for_bit_in_another_process(here):
    netwright(
        "train",
        "--recipe",
        "runs/pets-1/recipe.yaml",
        "--name",
        "again",
        "--root",
        "other",
        cwd=here,
    )
    one, other = (here / root / "model.safetensors" for root in ("runs/pets-1", "other/again"))
    assert one.read_bytes() == other.read_bytes()
    logs = []
    for folder in (one.parent, other.parent):
        lines = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
        logs.append([{k: v for k, v in line.items() if k != "clock"} for line in lines])
    assert logs[0] == logs[1]
    found = json.loads(netwright("compare", "pets-1", "other/again", "--json", cwd=here))
    assert found["recipe"] == {}
    assert found["environment"] == {}


def test_runs_lists_it(here):
    (line,) = netwright("runs", cwd=here).splitlines()
    assert re.match(r"pets-1 +finished +mlp +test accuracy [\d.]+$", line)


def test_report_says_where_it_is(here):
    assert netwright("report", "pets-1", cwd=here).strip() == str(Path("runs/pets-1/report.html"))


def test_predict_writes_a_table(here):
    said = netwright("predict", "runs/pets-1", "pets.csv", "-o", "out.csv", cwd=here)
    assert said == "60 answers: out.csv\n"
    with (here / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["example", "prediction", "p(cat)", "p(dog)"]
    assert len(rows) == 60
    for row in rows:
        shares = {name: float(row[f"p({name})"]) for name in ("cat", "dog")}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-4)
        assert row["prediction"] == max(shares, key=shares.get)


def test_evaluate_judges_the_test_split_of_its_own_data(here):
    said = netwright("evaluate", "pets-1", "pets.csv", cwd=here)
    assert said.splitlines()[0] == "test of pets.csv, n = 12"
    recorded = json.loads((here / "runs/pets-1/evaluation/test.json").read_text())
    value = recorded["metrics"]["accuracy"]["value"]
    assert re.search(rf"accuracy +{value:.4f}  \[", said)


def test_find_names_models_and_where_they_are(here):
    said = netwright("find", "lenet", cwd=here)
    assert re.search(r"^model +lenet ", said, re.MULTILINE)
    assert "netwright.models.classifiers.lenet" in said


def test_data_lists_size_licence_and_origin(here):
    said = netwright("data", cwd=here)
    assert re.search(r"^cifar10 +\d+\.\d MB", said, re.MULTILINE)
    rows = json.loads(netwright("data", "--json", cwd=here))
    assert {"name", "megabytes", "licence", "origin", "fetched"} <= set(rows[0])


def test_version_and_help(here):
    import netwright as package

    assert netwright("--version", cwd=here) == f"netwright {package.__version__}\n"
    said = netwright("--help", cwd=here)
    for command in ("train", "resume", "predict", "evaluate", "runs", "compare", "report", "find"):
        assert re.search(rf"^  {command} ", said, re.MULTILINE)


def test_help_loads_no_torch(here):
    code = (
        "import sys\nfrom netwright.cli import main\n"
        "sys.argv = ['netwright', 'train', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'numpy', 'sklearn', 'pandas', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_error_is_one_sentence_and_code_2(here):
    done = netwright("train", "pest.csv", cwd=here, code=2)
    assert done.stdout == ""
    assert done.stderr.startswith("error: data must be a built-in set")
    assert "pets.csv" in done.stderr  # the nearest there is
    assert done.stderr.count("\n") == 1


def test_resume_finishes_what_was_killed(here):
    run = here / "runs" / "killed"
    netwright(
        "train", "pets.csv", "--epochs", "5", "--seed", "3", "--name", "killed", *QUICK, cwd=here
    )
    for path in (run / "model.safetensors", run / "report.html"):
        path.unlink()
    sorted((run / "snapshots").iterdir())[-1].unlink()
    said = netwright("resume", "killed", cwd=here)
    assert "report: " in said
    whole = here / "runs/pets-1/model.safetensors"
    assert (run / "model.safetensors").read_bytes() == whole.read_bytes()


SLOW = """
import time
from torch import nn

class Slow(nn.Module):
    def __init__(self, num_classes, in_channels, image_size=None):
        super().__init__()
        self.inner = nn.Linear(in_channels, num_classes)

    def forward(self, x):
        time.sleep(0.03)
        return self.inner(x)
"""


def test_a_terminal_gets_a_bar(here):
    (here / "slow.py").write_text(SLOW)
    words = ["train", "iris", "--model", "slow.py:Slow", "--epochs", "6", "--root", "bars"]
    master, slave = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", "from netwright.cli import main; main()", *words],
        cwd=here,
        stdout=subprocess.PIPE,
        stderr=slave,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "160"},
    ) as process:
        os.close(slave)
        seen = b""
        while True:
            try:
                piece = os.read(master, 4096)
            except OSError:  # the other side has closed
                break
            if not piece:
                break
            seen += piece
        process.communicate(timeout=100)
    os.close(master)
    assert process.returncode == 0
    drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode())
    for part in (
        r"iris: 150 rows of 4 columns → 3 classes",
        r"training",
        r"\d+ %",
        r"\d:\d\d:\d\d",
        r"epoch [1-6]/6",
        r"loss \d\.\d{4}",
        r"val accuracy \d\.\d{4}",
        r"\d+/s",
    ):
        assert re.search(part, drawn), f"{part} in {drawn}"
    assert seen.count(b"\x1b[?25l") <= seen.count(b"\x1b[?25h")  # the cursor is back
