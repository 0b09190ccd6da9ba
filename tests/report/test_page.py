from __future__ import annotations

import itertools
import re
import shutil
import sys
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from netwright.report import curves
from netwright.report.contents import Contents
from netwright.report.curves import learning_charts
from netwright.report.page import render, write_report
from netwright.runs.environment import environment
from netwright.runs.store import Recorder, RunFolder

sys.path.insert(0, str(Path(__file__).parent))
from synthetic_run import classification, regression

EVIL = "<script>alert('x')</script>\"&amp;$a_b$"


class Page(HTMLParser):
    """What a browser would see: tags with their attributes, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data


def words(html):
    """The text with single spaces; the narrow ones within numbers stay."""
    return re.sub(r"[ \n]+", " ", Page(html).text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return classification(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def html(folder):
    return render(folder)


def assert_alone(html):
    """The page asks for nothing that isn't in it."""
    for tag, attributes in Page(html).tags:
        assert tag not in ("script", "link", "iframe", "object", "base", "form")
        for name, value in attributes.items():
            if name in ("src", "href", "xlink:href", "srcset", "action", "poster", "data"):
                assert value.startswith(("#", "data:image/")), (tag, name, value)
            assert not name.startswith("on")
            assert "http:" not in (value or "")
            assert "https:" not in (value or "")
    assert not re.search(r"@import|url\((?!#)", html)
    assert "xmlns" not in html


def test_the_page_needs_nothing_else(html):
    assert_alone(html)
    assert "Content-Security-Policy" in html
    assert "prefers-color-scheme: dark" in html


def test_it_says_what_came_out(html):
    text = words(html)
    for part in (
        "98.1 % accuracy",
        "on 360 test examples; 95 % interval 96.0 to 99.1 %.",
        "Ended at step 599: finished.",
        "best at",
        "Confusion, test",
        "Most confident errors",
        "99.0 %",
        "loss spike warning in loss, step 300",
        "learning rate too high, 71 %",
        "1\u202f250",
        "broken.png",
        "learning_rate: 0.002",
        "CC BY 4.0",
        "2\u202f150",
    ):
        assert part in text, part
    titles = re.findall(r'aria-label="([^"]*)"', html)
    assert titles[1:] == ["Loss", "Validation: accuracy", "Learning rate", "Gradient norm"]
    assert html.count('src="data:image/png') == 17 + 20


def test_the_confusion_matrix_is_the_recorded_one(folder, html):
    cells = re.findall(r'title="(\S+) taken for (\S+): (\d+) % of the class">(\d*)<', html)
    matrix = np.array(folder.read_json("evaluation/test.json")["confusion"])
    assert len(cells) == matrix.size
    for true, predicted, share, n in cells:
        row = matrix[int(true)]
        assert int(n or 0) == row[int(predicted)]
        assert int(share) == pytest.approx(100 * row[int(predicted)] / row.sum(), abs=0.5)


def test_ids_are_used_once_and_every_reference_has_its_target(html):
    ids = [attributes["id"] for _, attributes in Page(html).tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    wanted = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', html)
    assert {name for pair in wanted for name in pair if name} <= set(ids)


def test_rendering_is_repeatable_and_only_reads(folder, html):
    before = {path: path.stat().st_mtime_ns for path in folder.path.rglob("*")}
    settings, drawn_before = dict(mpl.rcParams), "matplotlib.pyplot" in sys.modules
    assert render(folder) == html
    assert {path: path.stat().st_mtime_ns for path in folder.path.rglob("*")} == before
    assert dict(mpl.rcParams) == settings
    assert ("matplotlib.pyplot" in sys.modules) == drawn_before  # its state is everybody's


def test_charts_take_their_colours_from_the_page(html):
    for chart in re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL):
        colours = set(re.findall(r"#[0-9a-f]{6}\b", chart))
        assert colours <= {"#000000"}, colours  # of ticks, which have no length
        assert "var(--series-1)" in chart
        assert "DejaVu" not in chart


def test_the_report_is_written_into_the_run(tmp_path):
    run = RunFolder.create(tmp_path, "a")
    path = write_report(run)
    assert path == run.path / "report.html"
    assert path.read_text("utf-8") == render(run)


def test_everything_is_escaped(tmp_path):
    run = classification(tmp_path, names=(EVIL, "b"), epochs=2, steps=3)
    run.write_text("recipe.yaml", EVIL)
    metrics = {EVIL: {"value": 1.0, "low": 0.5, "high": 1.0, "n": 2}}
    confusion = [[1, 1], [0, 0]]
    about = {"split": EVIL, "n": 2, "metrics": metrics, "confusion": confusion, "names": [EVIL, 1]}
    run.write_json("evaluation/test.json", about)
    data = run.read_json("data.json")
    data |= {"name": EVIL, "licence": EVIL, "origin": EVIL, "fingerprint": EVIL}
    data["skipped"] = [{"what": EVIL, "why": EVIL}]
    run.write_json("data.json", data)
    run.write_json("environment.json", {"system": EVIL, "versions": {EVIL: EVIL}})
    errors = [{"label": EVIL, "target": EVIL, "prediction": EVIL, "confidence": 0.5}]
    run.write_json("pictures/errors.json", errors + run.read_json("pictures/errors.json"))
    with Recorder(run, 2) as recorder:
        recorder.begin(step=6)
        for step in (6, 7):
            recorder.record("step", step=step, phase=EVIL, loss=1.0, terms={EVIL: 1.0, "_b": 2.0})
            recorder.record("validation", step=step, epoch=step, metrics={EVIL: 0.5, "loss": 1.0})
        cause = {"name": EVIL, "probability": 0.5, "reason": EVIL}
        recorder.record(
            "finding",
            step=7,
            symptom=EVIL,
            severity="error",
            where=[EVIL, 3],
            message=EVIL,
            measurements={EVIL: EVIL, "list": [EVIL]},
            causes=[cause],
            repairs=[EVIL],
        )
        recorder.record("ended", step=7, reason=EVIL)
    html = render(run)
    assert "<script" not in html
    assert_alone(html)
    assert Page(html).text.count("<script>alert('x')</script>") > 20


def test_names_that_look_like_mathematics_are_drawn_as_they_are(tmp_path):
    run = RunFolder.create(tmp_path, "a")
    with Recorder(run, 1) as recorder:
        recorder.begin(step=0)
        for step, phase in itertools.product(range(3), ("$x$", "_hidden", r"$\broken{", "a_b")):
            recorder.record("step", step=step, phase=phase, loss=1.0 + step)
    text = Page(render(run)).text
    for name in ("$x$", "_hidden", r"$\broken{", "a_b"):
        assert name in text


def test_of_many_metrics_the_selecting_one_and_the_losses_come_first(tmp_path):
    run = RunFolder.create(tmp_path, "a")
    metrics = dict.fromkeys(("f1", "b", "c", "d", "e", "log_loss", "loss"), 0.5)
    with Recorder(run, 1) as recorder:
        recorder.begin(step=0)
        recorder.record("validation", step=0, epoch=1, metrics=metrics)
    titles = re.findall(r'aria-label="(Validation[^"]*|Loss)"', render(run))
    assert titles == ["Loss", *(f"Validation: {name}" for name in ("f1", "log loss", "b", "c"))]


def test_a_regression_shows_its_cloud(tmp_path):
    html = render(regression(tmp_path))
    text = words(html)
    assert "2870 mean squared error" in text
    assert "progression, predicted and true, validation" in text
    assert "There is no test split" in text
    assert "Confusion" not in text
    assert "Largest errors" in text
    assert "confidence" not in text
    cloud = re.search(r'aria-label="progression.*?</svg>', html, flags=re.DOTALL)[0]
    assert cloud.count("<use") >= 88
    assert_alone(html)


def test_many_classes_are_a_picture_and_the_rest_is_counted(tmp_path):
    names = tuple(f"class {place}" for place in range(120))
    html = render(classification(tmp_path, names=names, epochs=2, steps=3))
    assert "Confusion matrix of 120 classes" in html
    assert "80 smaller classes" in html
    assert "taken for" not in html


def test_a_run_under_way_is_shown_as_far_as_it_is(tmp_path):
    run = RunFolder.create(tmp_path, "a")
    text = Page(render(run)).text
    assert "Nothing is recorded yet." in text
    assert "Not judged yet" in text
    with Recorder(run, 1) as recorder:
        recorder.begin(step=0)
        for step in range(3):
            recorder.record("step", step=step, loss=float("nan") if step else 1.0)
        recorder.record("validation", step=2, epoch=0, metrics={"accuracy": 0.25})
    text = words(render(run))
    assert "25.0 % accuracy validation, after epoch 0." in text
    assert "No end is recorded" in text
    assert "known at step 2" in text
    assert "No split has been evaluated yet." in text


def test_a_resumed_run_is_under_way_again(tmp_path):
    run = RunFolder.create(tmp_path, "a")
    with Recorder(run, 1) as recorder:
        recorder.begin(step=0)
        recorder.record("finding", step=3, symptom="spike", severity="note", where="loss")
        recorder.record("ended", step=4, reason="interrupted")
    assert "Ended at step 4: interrupted." in render(run)
    with Recorder(run, 2) as recorder:
        recorder.begin(step=5)
        assert "Ended" not in render(run)
        recorder.begin(step=2)
        recorder.record("finding", step=3, symptom="spike", severity="note", where="loss")
        recorder.record("finding", step=4, symptom="other", severity="error", where="loss")
    html = render(run)
    assert re.findall(r"<h3>(\w+) <em>", html) == ["other", "spike"]
    assert "attempts" in html


@pytest.mark.parametrize(
    "name",
    [
        "environment.json",
        "data.json",
        "evaluation/test.json",
        "pictures/errors.json",
        "events.jsonl",
        "recipe.yaml",
    ],
)
def test_a_damaged_file_is_named_and_the_rest_is_shown(folder, tmp_path, name):
    run = RunFolder.open(shutil.copytree(folder.path, tmp_path / "digits-1"))
    run.write_text("events.jsonl", "")  # spares the charts, which take the time
    run.write_bytes(name, b"\xff{half\n\xff")
    text = Page(render(run)).text
    assert "could not be read" in text
    assert name in text
    run.write_bytes(name, b'"text"\n')
    assert "digits-1" in render(run)


def test_pictures_that_are_missing_or_broken_do_not_stop_it(folder, tmp_path):
    run = RunFolder.open(shutil.copytree(folder.path, tmp_path / "digits-1"))
    run.write_text("events.jsonl", "")
    (run.path / "pictures/error-0.png").unlink()
    run.write_bytes("pictures/error-1.png", b"no picture")
    html = render(run)
    assert html.count('src="data:image/png') == 15 + 20
    assert "row 100" in Page(html).text


def test_the_page_stays_small_however_large_the_run(tmp_path):
    run = classification(tmp_path, epochs=20, steps=500)
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (400, 300, 3), dtype=np.uint8)
    written = BytesIO()
    Image.fromarray(pixels).save(written, "PNG")
    listed = []
    for place in range(60):
        run.write_bytes(f"pictures/large-{place}.png", written.getvalue())
        listed.append({"file": f"large-{place}.png", "target": "a", "prediction": "b", "index": 1})
    run.write_json("pictures/errors.json", listed)
    run.write_json("pictures/samples.json", listed)
    run.write_text("recipe.yaml", "x" * 2_000_000)
    html = render(run)
    assert len(html.encode()) < 3_000_000
    assert html.count('src="data:image/jpeg') > 60
    assert "12 more are in" in Page(html).text


def test_stages_are_named_and_their_epochs_counted_through(tmp_path, monkeypatch):
    run = RunFolder.create(tmp_path, "staged")
    run.write_text("recipe.yaml", "method: {name: fine-tuning}\n")
    run.write_json("environment.json", environment())
    with Recorder(run, 1) as recorder:
        recorder.begin(step=0)
        for place, stage in enumerate(("head", "everything")):
            recorder.record("stage", step=20 * place, stage=stage, steps=20, epoch=0)
            for epoch in (1, 2):
                step = 20 * place + 10 * epoch - 1
                recorder.record("epoch", step=step, epoch=epoch, loss=1.0, examples=5)
                metrics = {"accuracy": 0.5 + step / 100}
                recorder.record("validation", step=step, epoch=epoch, metrics=metrics)
        best = {"score": 0.9, "step": 30, "epoch": 1}
        recorder.record("ended", step=39, reason="finished", epochs=2, best=best)
    contents = Contents(run)
    assert [contents.epochs_at(step) for step in (8, 9, 29, 39)] == [0, 1, 3, 4]
    text = words(render(run))
    assert "head, everythingstages" in text
    assert "epoch 1 of stage everythingbest at" in text
    drawn = []
    monkeypatch.setattr(curves, "line_chart", lambda lines, **said: drawn.append((lines, said)))
    learning_charts(contents)
    ((lines, said),) = [one for one in drawn if one[1]["title"] == "Validation: accuracy"]
    assert lines[0].x == (1, 2, 3, 4)
    assert said["mark"] == (3, "best")
