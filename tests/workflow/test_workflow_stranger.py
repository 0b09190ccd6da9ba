"""A stranger's run folder executes nothing, whatever is done with it."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import netwright as nw
from netwright._errors import NetwrightError
from netwright.cli.main import app
from netwright.report import write_report
from netwright.runs.clean import clean
from netwright.runs.compare import compare
from netwright.runs.overview import overview
from netwright.runs.store import RunFolder
from netwright.workflow.answer import predict
from workflow_kit import TINY

MARK = Path("executed")


class Bomb:
    def __reduce__(self):
        return Path.touch, (MARK,)


CODE = """
from pathlib import Path
from torch import nn

Path("executed").touch()

class Net(nn.Module):
    def __init__(self, num_classes, in_channels, image_size=None):
        super().__init__()
        self.inner = nn.Linear(in_channels, num_classes)

    def forward(self, x):
        return self.inner(x)

class Fitted(nn.Module):
    def __init__(self, **learned):
        super().__init__()
"""
PICKLED = pickle.dumps(Bomb())
YAML = "data: !!python/object/apply:os.mkdir [executed]\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A finished run, made once."""
    root = tmp_path_factory.mktemp("made")
    nw.fit("iris", changes=TINY, root=root, name="run")
    return root / "run"


def in_recipe(old: str, new: str):
    def change(run: Path) -> None:
        text = (run / "recipe.yaml").read_text()
        assert old in text
        (run / "recipe.yaml").write_text(text.replace(old, new, 1))

    return change


def every_snapshot(content: bytes):
    def change(run: Path) -> None:
        for file in (run / "snapshots").iterdir():
            file.write_bytes(content)

    return change


def in_preprocess(run: Path) -> None:
    file = run / "preprocess.json"
    text = file.read_text()
    assert '"name": "standardise"' in text
    file.write_text(text.replace('"name": "standardise"', '"name": "bomb.py:Fitted"', 1))


HOSTILE = {
    "pickled snapshots": every_snapshot(PICKLED),
    "pickled weights": lambda run: (run / "model.safetensors").write_bytes(PICKLED),
    "pickled everything": lambda run: [
        file.write_bytes(PICKLED) for file in run.rglob("*") if file.is_file()
    ],
    "tags in the recipe": lambda run: (run / "recipe.yaml").write_text(YAML),
    "a method of a file": in_recipe("name: supervised", "name: bomb.py:Net"),
    "a model of a file": in_recipe("name: mlp", "name: bomb.py:Net"),
    "an optimizer of a file": in_recipe("name: adamw", "name: bomb.py:Net"),
    "a schedule of a file": in_recipe("name: one-cycle", "name: bomb.py:Net"),
    "a preprocessing of a file": in_recipe("name: standardise", "name: bomb.py:Fitted"),
    "an augmentation of a file": in_recipe("augment: []", "augment: [{name: 'bomb.py:Net'}]"),
    "a unit of a file": in_recipe("name: supervised", "name: supervised\n  unit: bomb.py:Net"),
    "data of a file": in_recipe("name: iris", "name: bomb.py:Net"),
    "a fitted preprocessing of a file": in_preprocess,
    "weights that timm unpickles": in_recipe(
        "name: mlp", "name: timm:resnet10t\n  checkpoint_path: bomb.pth"
    ),
}


def everything(run: Path) -> list[str]:
    """All that people do with a run; what each is refused with."""
    folder = RunFolder(run)
    refused = []
    for name, act in {
        "load": lambda: nw.load(run),
        "predict": lambda: predict(nw.load(run), "iris"),
        "resume": lambda: nw.resume(run),
        "report": lambda: write_report(folder),
        "overview": lambda: overview(folder),
        "compare": lambda: compare([folder, folder]),
        "clean": lambda: clean([folder], dry=True),
    }.items():
        try:
            act()
        except NetwrightError as error:
            refused.append(f"{name}: {error}")
    return refused


@pytest.mark.parametrize("how", HOSTILE)
def test_nothing_is_executed(made, tmp_path, how):
    run = tmp_path / "runs" / "run"
    shutil.copytree(made, run)
    (tmp_path / "bomb.py").write_text(CODE)
    torch.save(Bomb(), tmp_path / "bomb.pth")
    HOSTILE[how](run)
    (run / "report.html").unlink(missing_ok=True)  # so that it can be taken up
    refused = everything(run)
    assert not MARK.exists()
    assert refused
    assert CliRunner().invoke(app, ["resume", "run"]).exit_code != 0
    assert not MARK.exists()


def test_a_file_of_ones_own_is_run_when_that_is_said(tmp_path):
    (tmp_path / "mine.py").write_text(CODE.replace("executed", "mine"))
    (tmp_path / "other.py").write_text(CODE)
    run = nw.fit("iris", model="mine.py:Net", epochs=1, name="run")
    assert isinstance(nw.load("run").model, nn.Module)  # this process has run the file already
    in_recipe("mine.py:Net", "other.py:Net")(run.folder.path)
    with pytest.raises(NetwrightError, match=r"other\.py.*trust=True, or --trust"):
        nw.load("run")
    assert not MARK.exists()
    assert nw.load("run", trust=True).model is not None
    assert MARK.exists()
