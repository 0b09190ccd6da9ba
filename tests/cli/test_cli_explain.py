"""netwright explain: pictures, folders, tables; runs, own modules and weights by name."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import netwright as nw
from netwright._errors import BadData, BadValue
from netwright.cli.main import app
from netwright.workflow.asked import open_asked
from netwright.workflow.run import Run
from workflow_kit import TINY, pictures, table

MINE = """
import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
                    nn.Flatten(), nn.Linear(4, 5))
one = nn.Sequential(nn.Flatten(), nn.LazyLinear(2))

class Needs(nn.Module):
    def __init__(self, width):
        super().__init__()

def maps(x):
    return x
three = nn.Conv2d(3, 4, 3)

def bright(model, inputs, *, target=None, power=1.0):
    "Of three colours: their mean."
    return inputs.mean(1) ** power

def never(model, inputs, *, target=None):
    from netwright._errors import BadValue
    raise BadValue("model must be deep, got model='shallow'.")
"""
PICTURES = ["model={name: small-resnet, width: 4}", *TINY[1:]]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with runs on pictures and on tables, and a file of one's own."""
    here = tmp_path_factory.mktemp("explain")
    (here / "mine.py").write_text(MINE)
    pictures(here / "data", classes="abc")
    (here / "some.csv").write_text(table(here / "x.csv").read_text())
    wide = here / "new" / "b"
    wide.mkdir(parents=True)
    Image.fromarray(np.full((30, 50, 3), 90, np.uint8)).save(wide / "wide.png")
    Image.fromarray(np.full((9, 9), 90, np.uint8)).save(here / "plain.png")
    (here / "new" / "broken.jpg").write_bytes(b"no picture")
    (here / "new" / "notes.txt").write_text("not a picture")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        patch.setattr(Run, "report", lambda self: "-")
        nw.fit("data", changes=PICTURES, name="pictures")
        nw.fit("some.csv", changes=TINY, name="rows")
        both = [*PICTURES[:1], "training.epochs=1", "ensemble={members: 2}"]
        nw.fit("data", changes=both, name="both")
    return here


@pytest.fixture(autouse=True)
def here(made, monkeypatch):
    monkeypatch.chdir(made)
    return made


def netwright(*words):
    answer = CliRunner().invoke(app, [str(word) for word in words])
    if answer.exception:
        raise answer.exception
    return answer.stdout


def as_data(*words):
    return json.loads(netwright("explain", *words, "--json", "--no-figures"))


def test_a_picture_by_several_methods(here):
    words = ("explain", "pictures", "data/a/0.png", "--method", "saliency", "--method", "gradient")
    text = netwright(*words)
    assert re.search(r"^0\.png: [abc], \d+\.\d %$", text, re.MULTILINE)
    assert "written: 0-explained.png" in text
    with Image.open(here / "0-explained.png") as drawn:
        assert drawn.format == "PNG"
        three = drawn.width
    assert re.search(r"saliency: deletion \d.\d\d .random \d.*; like an untrained", text)
    netwright(*words[:3], "--method", "saliency", "-o", "one.webp", "--no-figures")
    with Image.open(here / "one.webp") as drawn:
        assert drawn.format == "WEBP"
        assert drawn.width < three


def test_the_usual_method_is_grad_cam_and_saliency_where_there_are_no_maps(here, monkeypatch):
    assert as_data("pictures", "data/a/0.png", "-o", "x.png")["methods"] == ["integrated-gradients"]
    (here / "flat.py").write_text(
        "from torch import nn\nnet = nn.Sequential(nn.Flatten(), nn.Linear(12288, 2))"
    )
    found = as_data("flat.py:net", "data/a/0.png", "--size", 64, "-o", "x.png")
    assert found["methods"] == ["saliency"]
    assert found["refused"] == {}


def test_all_methods_with_the_reasons_of_those_that_are_not_defined(monkeypatch):
    from netwright.explain import explanations

    listed = lambda: ["saliency", "mine.py:never"]  # noqa: E731
    monkeypatch.setattr("netwright.workflow.explaining.wishes.map_methods", listed)
    assert explanations is not None
    text = netwright("explain", "pictures", "data/a/0.png", "--all", "-o", "x.png")
    assert "left out: mine.py:never: model must be deep" in text
    found = as_data("pictures", "data/a/0.png", "--all", "-o", "x.png")
    assert found["methods"] == ["saliency"]
    assert list(found["refused"]) == ["mine.py:never"]


def test_an_option_of_a_method_of_ones_own():
    words = ("mine.py:net", "data/a/0.png", "--method", "mine.py:bright", "--channels", 1)
    with pytest.raises(Exception, match="expected input"):  # grey pictures for three colours
        netwright("explain", *words, "-o", "x.png")
    words = ("explain", "rows", "some.csv", "--method", "gradient", "-o", "x.png")
    with pytest.raises(BadValue, match="option of gradient must be a known one"):
        netwright(*words, "--set", "gradient.power=2")
    with pytest.raises(BadValue, match="--set must be an option of a method"):
        netwright(*words, "--set", "power=2")


def test_options_change_what_is_drawn(here):
    words = ("explain", "mine.py:net", "new/b/wide.png", "--no-figures")
    words += ("--method", "mine.py:bright")
    netwright(*words, "-o", "one.png")
    netwright(*words, "-o", "two.png", "--set", "mine.py:bright.power=2")
    assert (here / "one.png").read_bytes() != (here / "two.png").read_bytes()


def test_which_class_is_explained():
    words = ("pictures", "data/c/0.png", "-o", "x.png", "--method", "gradient")
    by_name = as_data(*words, "--class", "b")["examples"][0]
    assert by_name["explained"].startswith("b, ")
    assert as_data(*words, "--class", 1)["examples"][0] == by_name
    true = as_data(*words, "--class", "true")["examples"][0]
    assert true["explained"].startswith("c, ")
    assert true["true"] == "c"
    with pytest.raises(BadValue, match=r"class must be a known class, got class='d'.*Known: a, b"):
        as_data(*words, "--class", "d")
    with pytest.raises(
        BadValue, match="class must be a name, or a number from 0 to 2, got class='3'"
    ):
        as_data(*words, "--class", 3)
    with pytest.raises(BadValue, match="--class must be a class for pictures without labels"):
        as_data("pictures", "plain.png", "--class", "true")
    with pytest.raises(BadValue, match="--class must be from 0 to 4 for 5 scores"):
        as_data("mine.py:net", "data/a/0.png", "-o", "x.png", "--class", 5)


def test_the_layer_that_is_looked_at(here):
    words = ("explain", "pictures", "data/a/0.png", "--method", "grad-cam", "--no-figures")
    netwright(*words, "-o", "one.png")
    with pytest.raises(BadValue, match="layer must be a known layer"):
        netwright(*words, "--layer", "nowhere", "-o", "x.png")
    with pytest.raises(BadValue, match="layer must be a known layer"):  # of the usual method
        netwright(*words[:3], "--layer", "nowhere", "-o", "x.png")
    with pytest.raises(BadValue, match=r"--layer must be left out for random-map.*grad-cam"):
        netwright(*words[:3], "--method", "random-map", "--layer", "stem")


def test_a_folder_becomes_a_page_and_a_broken_picture_is_named(here):
    answer = CliRunner().invoke(app, ["explain", "pictures", "new", "--no-figures"])
    assert answer.exit_code == 0
    assert "warning: broken.jpg was left out: not a picture" in answer.stderr
    html = (here / "new-explained.html").read_text()
    assert "<b>broken.jpg</b> could not be used: not a picture" in html
    assert "b/wide.png" in html
    assert "notes.txt" not in html
    assert html.count("<img") == 2
    assert "http:" not in re.sub(r"data:image[^\"]*", "", html)


def test_examples_of_the_runs_own_data(here):
    found = as_data("pictures", "--count", 2, "-o", "x.png")
    assert len(found["examples"]) == 2
    assert found["left_out"] > 0
    assert {one["true"] for one in found["examples"]} <= set("abc")
    every = as_data("pictures", "--split", "all", "--count", 99, "-o", "x.png")
    assert len(every["examples"]) == 24
    with pytest.raises(BadValue, match="--split must be left out for pictures"):
        as_data("pictures", "data", "--split", "test")


def test_rows_of_a_table(here):
    found = as_data("rows", "some.csv", "-o", "x.png", "--method", "gradient", "--count", 3)
    values = found["examples"][0]["methods"]["gradient"]["values"]
    assert {"height", "colour=red"} <= set(values)
    assert found["examples"][0]["explained"].split(",")[0] in {"cat", "dog"}
    netwright("explain", "rows", "some.csv", "-o", "rows.html", "--method", "gradient")
    assert 'class="for"' in (here / "rows.html").read_text()
    (here / "unlabelled.csv").write_text("height,colour\n1.0,red\n")
    assert as_data("rows", "unlabelled.csv", "-o", "x.png")["examples"][0]["true"] is None


def test_one_score_speaks_for_one_class_and_against_the_other():
    words = ("rows", "some.csv", "-o", "x.png", "--method", "gradient", "--count", 1, "--class")
    cat, dog = (as_data(*words, name)["examples"][0] for name in ("cat", "dog"))
    assert cat["probability"] + dog["probability"] == pytest.approx(1)
    for name, value in cat["methods"]["gradient"]["values"].items():
        assert dog["methods"]["gradient"]["values"][name] == pytest.approx(-value)


def test_an_ensemble_is_explained_by_the_mean_of_its_members(made, monkeypatch):
    from netwright.workflow.explaining.examples import read_examples
    from netwright.workflow.explaining.explainable import explainable
    from netwright.workflow.explaining.reasons import explain_examples
    from netwright.workflow.explaining.wishes import wishes

    both = explainable("both")
    assert len(both.networks) == 2
    examples = read_examples(both, ["data/a/0.png"], count=1)
    (reason,) = explain_examples(
        both, examples, wishes=wishes(["gradient"]), wished_class="b"
    ).items
    raw = examples.items[0].raw[None]
    each = [nw.explain.gradient(n.model, n.preprocess(raw), target=1)[0] for n in both.networks]
    torch.testing.assert_close(reason.maps["gradient"], (each[0] + each[1]) / 2)


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (("nosuch", "data"), BadValue, "network must be a known network.*my.py:net"),
        (("resnet81", "data"), BadValue, "Did you mean resnet18"),
        (("resnet18", "data"), BadValue, "Run: netwright data get resnet18"),
        (("pictures", "nowhere.png"), BadData, "data must be pictures that are there.*nowhere"),
        (("pictures", "new/broken.jpg"), BadData, "can be read.*broken.jpg .not a picture"),
        (("pictures", "some.csv"), BadData, "of the kind the run was trained on"),
        (("rows", "data/a/0.png"), BadData, "of the kind the run was trained on"),
        (("pictures", "some.csv", "data"), BadData, "data must be one table or data set"),
        (("mine.py:net",), BadData, "pictures or folders of them.*For example: netwright explain"),
        (("mine.py:net", "new/notes.txt"), BadData, "pictures, or folders of them, got"),
        (("mine.py:net", "nowhere"), BadData, "pictures, or folders of them, that are there"),
        (("pictures", "data", "--set", "occlusion.window=4"), BadValue, "Add --method occlusion"),
        (
            ("pictures", "data", "--method", "occlusion", "--set", "occlusion.window=0"),
            BadValue,
            "--method must be defined for .*pictures with its options.*window must be at least 1",
        ),
        (("mine.py:Needs", "data"), BadValue, "or made without arguments"),
        (("mine.py:maps", "data"), BadValue, "or made without arguments"),
        (("mine.py:three", "data"), BadValue, "network must be one that gives scores"),
        (("pictures", "data", "--size", 3), BadValue, "--size must be left out"),
        (("pictures", "data", "-o", "x.txt"), BadValue, "--output must be a file that ends in"),
        (("pictures", "data", "-o", "no/x.png"), BadValue, "in a folder that is there"),
        (("pictures", "data", "--method", "grad-can"), BadValue, "Did you mean grad-cam"),
        (("pictures", "data", "--method", "mine.py:never"), BadValue, "model must be deep"),
        (("pictures", "data", "--all", "--method", "saliency"), BadValue, "left out with --all"),
    ],
)
def test_refusals_leave_nothing(here, words, error, said):
    before = sorted(path.name for path in here.iterdir() if path.name != "__pycache__")
    with pytest.raises(error, match=said):
        netwright("explain", *words)
    after = sorted(path.name for path in here.iterdir() if path.name != "__pycache__")
    assert before == after


def test_what_the_figures_below_a_map_mean_is_written_where_they_stand(here):
    words = ("explain", "pictures", "data/a/0.png", "--method", "saliency", "-o", "meant.html")
    answer = CliRunner().invoke(app, words)
    assert "deletion: less is better; insertion: more is better" in answer.stdout
    html = (here / "meant.html").read_text()
    for word in ("deletion", "insertion", "kept under noise", "like an untrained model"):
        assert f"<b>{word}" in html
    netwright(*words, "--no-figures")
    assert "<b>deletion</b>" not in (here / "meant.html").read_text()


def test_a_runs_own_examples_begin_with_the_errors_it_recorded(here):
    folder = here / "runs" / "pictures" / "pictures"
    folder.mkdir(exist_ok=True)
    labels = [one["label"] for one in as_data("pictures", "-o", "x.png")["examples"]]
    asked = open_asked(nw.load("runs/pictures"), None, skip_bad=True)
    index = asked.index(asked.split(None)).tolist()
    kept = (folder / "errors.json").read_bytes() if (folder / "errors.json").exists() else None
    (folder / "errors.json").write_text(json.dumps([{"index": index[-1]}, {"index": -5}]))
    found = as_data("pictures", "-o", "x.png", "--count", 2, "--no-figures")["examples"]
    assert found[0]["label"] == asked.opened.labels[index[-1]]
    assert found[1]["label"] != found[0]["label"]
    (folder / "errors.json").write_text("[]") if kept is None else (
        folder / "errors.json"
    ).write_bytes(kept)
    assert labels
