"""netwright explain: --judge with a twin, neighbours and matches."""

from __future__ import annotations

import json

import pytest
from PIL import Image
from typer.testing import CliRunner

import netwright as nw
from netwright._errors import BadValue
from netwright.cli.main import app
from netwright.workflow.run import Run
from workflow_kit import TINY, pictures, table

SMALL = ["model={name: small-resnet, width: 4}", *TINY[1:], "explain=false"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    here = tmp_path_factory.mktemp("judging")
    pictures(here / "data", classes="ab")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        patch.setattr(Run, "report", lambda self: "-")
        nw.fit("data", changes=SMALL, name="net")
        nw.fit("data", changes=[*SMALL, "data.shuffle_labels=true"], name="twin")
        nw.fit("data", changes=["model={name: small-resnet, width: 6}", *SMALL[1:]], name="wider")
        table(here / "rows.csv")
        nw.fit("rows.csv", changes=TINY, name="rows")
    return here


@pytest.fixture(autouse=True)
def here(made, monkeypatch):
    monkeypatch.chdir(made)
    return made


def netwright(*words):
    answer = CliRunner().invoke(app, ["explain", *(str(word) for word in words)])
    if answer.exception:
        raise answer.exception
    return answer.stdout


def test_methods_are_ranked_beside_a_twin(here):
    words = ("net", "--judge", "--twin", "twin", "--count", 2, "--method", "grad-cam")
    text = netwright(*words, "-o", "judge.json")
    assert "twin alike" in text
    assert "2 pictures. Below the line is" in text
    assert "written: judge.json" in text
    written = json.loads((here / "judge.json").read_text())
    assert (written["network"], written["twin"], written["count"]) == ("net", "twin", 2)
    assert {row["method"] for row in written["rows"]} == {"grad-cam", "saliency", "random-map"}
    printed = json.loads(netwright("net", "data/a", *words[1:], "--json"))
    assert printed["count"] == 2


def test_without_a_count_there_are_as_many_pictures_as_time_allows(monkeypatch):
    monkeypatch.setattr("netwright.workflow.explaining.judged.SECONDS", 1e-6)
    assert json.loads(netwright("net", "--judge", "--json"))["count"] == 2
    few = ("net", "--judge", "--json", "--method", "gradient", "--count", 3)
    assert [one["method"] for one in json.loads(netwright(*few))["left_out"]] == ["gradient"]
    found = json.loads(netwright(*few, "--seconds", 60))
    assert (found["count"], found["left_out"]) == (3, [])


def test_neighbours_are_training_pictures_in_a_row(here):
    netwright("net", "data/a/0.png", "--method", "neighbours", "-o", "n.png")
    with Image.open(here / "n.png") as drawn:
        six = drawn.width
    netwright(
        "net",
        "data/a/0.png",
        "--method",
        "neighbours",
        "-o",
        "n.png",
        "--set",
        "neighbours.count=1",
    )
    with Image.open(here / "n.png") as drawn:
        assert drawn.width < six


def test_matches_are_drawn_between_two_pictures(here):
    words = ("data/a/0.png", "data/a/1.png", "--method", "feature-matching", "-o", "m.png")
    netwright("net", *words, "--layer", "stem")
    with Image.open(here / "m.png") as drawn:
        assert drawn.size == (2 * 288, 288)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("rows --judge", "network must be a network that tells classes of pictures apart"),
        ("net --judge --all", "--all must be left out with --judge"),
        ("net --judge --layer stem", "--layer must be left out with --judge"),
        ("net --judge -o x.png", "--output must be a .json file with --judge"),
        ("net --seconds 3", "--seconds must be given with --judge"),
        ("net --twin twin", "--twin must be given with --judge"),
        ("net --judge --twin wider", "--twin must be a run of the same architecture"),
        ("net --judge --method neighbours", "method must be one that gives maps"),
        ("rows --method neighbours", "--method neighbours must be asked of a run on pictures"),
        ("net data/a/0.png --method feature-matching --layer stem", "asked of two pictures"),
        ("net data/a/0.png data/a/1.png --method feature-matching", "--layer must be given for"),
        ("net --method neighbours --method saliency", "--method must be neighbours alone"),
    ],
)
def test_refusals(words, said):
    with pytest.raises(BadValue, match=said):
        netwright(*words.split())
