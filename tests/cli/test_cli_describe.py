"""netwright describe, of a name, a file and a run."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

import netwright as nw
from netwright._errors import BadValue
from netwright.cli.main import app
from netwright.workflow.run import Run
from workflow_kit import TINY

MINE = """
from torch import nn

class Net(nn.Module):
    def __init__(self, num_classes, width=4):
        super().__init__()
        self.conv = nn.Conv2d(1, width, 3)
        self.head = nn.Linear(width, num_classes)

    def forward(self, x):
        return self.head(self.conv(x).mean((2, 3)))

class Words(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.words = nn.Embedding(9, 4)
        self.head = nn.Linear(4, num_classes)

    def forward(self, words, *more):
        return self.head(self.words(words).mean(1) + sum(more))

ready = nn.Sequential(nn.Conv2d(1, 2, 5), nn.ReLU())
"""


def netwright(*words):
    answer = CliRunner().invoke(app, [str(word) for word in words])
    if answer.exception:
        raise answer.exception
    return answer.stdout


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(MINE)
    return tmp_path


def test_a_network_by_name(here):
    text = netwright("describe", "lenet", "--input", "1x28x28", "--classes", 10, "-o", "net.svg")
    assert "Conv2d 5×5" in text
    assert "drawn: net.svg" in text
    assert (here / "net.svg").read_text().startswith("<?xml")


def test_as_data_with_an_option_and_effective_fields():
    words = ("describe", "small-resnet", "--input", "1x8x8", "--set", "model.width=4")
    data = json.loads(netwright(*words, "--effective", 2, "--json"))
    assert data["layers"][0]["output_shape"] == [1, 4, 8, 8]
    assert data["effective"]["stem.0"]["axes"][0]["sigma"] > 0
    whole = json.loads(netwright(*words, "--json", "--depth", 1))
    assert len(whole["layers"]) < len(data["layers"])
    assert whole["flops"] == data["flops"]


def test_a_file_with_a_class_or_a_module():
    assert "1×7×26×26" in netwright(
        "describe", "mine.py:Net", "--input", "1x28x28", "--set", "model.width=7"
    )
    assert "Conv2d 5×5" in netwright("describe", "mine.py:ready", "--input", "1x28x28")


def test_integers_and_several_inputs():
    assert "Words on 1×5: 5,036 parameters" in netwright(
        "describe", "mine.py:Words", "--input", "5:int"
    )
    two = ("describe", "mine.py:Words", "--input", "5:int", "--input", "4", "--json")
    assert json.loads(netwright(*two))["input_shape"] == [1, 5]


def test_a_run(here, monkeypatch):
    monkeypatch.setattr(Run, "report", lambda self: "-")
    nw.fit("iris", changes=TINY, name="other", root=here / "elsewhere")
    words = ("describe", "other", "--root", here / "elsewhere")
    assert "MLP on 1×4" in netwright(*words)
    assert "MLP on 1×4" in netwright("describe", here / "elsewhere" / "other")
    with pytest.raises(BadValue, match="options must be left out for a run"):
        netwright(*words, "--set", "model.hidden=[3]")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("mlp",), "--input must be given for mlp"),
        (("lenet", "--input", "20:word"), "--input must be sizes such as 3x224x224"),
        (("mine.py:Words", "--input", "5:int", "--effective", 1), "--effective must be left out"),
        (("lenet", "--input", "1xa"), "--input must be sizes such as 3x224x224"),
        (("lenet", "--set", "optimizer.name=sgd"), "--set must be an option of the network"),
        (("nosuch",), "model must be a known model"),
    ],
)
def test_refusals(words, said):
    with pytest.raises(BadValue, match=said):
        netwright("describe", *words)
