"""A run of several tasks from data to answers, and what refuses them."""

import csv

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import netwright as nw
from netwright._errors import NetwrightError
from netwright.cli.main import app
from netwright.report.contents import Contents
from netwright.report.page import render
from netwright.workflow.answer import evaluate, predict
from netwright.workflow.calibration import calibrate
from netwright.workflow.fit import resume
from workflow_kit import TINY, blobs, weights

COLOURS = ("red", "blue", "green")


def tasks(count=90):
    x, y = blobs(count)
    size = x[:, 0] * 10 + 5
    size[::4] = np.nan
    return x, {"class": np.array(COLOURS)[y], "size": size}


def fit(root, *changes, data=None, **keywords):
    keywords = {"method": "multi-task", **keywords}
    return nw.fit(
        tasks() if data is None else data, root=root, changes=[*TINY, *changes], **keywords
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return fit(tmp_path_factory.mktemp("runs"), "training.epochs=6", name="both")


def test_it_is_judged_by_task_and_over_those_that_have_the_target(run):
    assert next(iter(run.metrics)) == "explained"
    record = run.folder.read_json("evaluation/test.json")
    assert set(record["tasks"]) == {"class", "size"}
    assert record["tasks"]["size"]["n"] < record["tasks"]["class"]["n"] == record["n"]
    for task, first in (("class", "accuracy"), ("size", "root_mean_squared_error")):
        own = record["tasks"][task]["metrics"][first]
        assert own == record["metrics"][f"{task}/{first}"]
        assert own["low"] <= own["value"] <= own["high"]
    assert len(record["tasks"]["class"]["confusion"]) == 3
    assert record["tasks"]["class"]["names"] == sorted(COLOURS)
    assert run.recipe.data.kind == "several"


def test_the_report_shows_each_task(run):
    page = render(run.folder)
    for words in (
        *("class/accuracy", "size/r2", "Confusion of class", "size: size, predicted and true"),
        *("class: ROC curve", "Terms of the loss", "class: blue"),
    ):
        assert words in page
    one, two = Contents(run.folder).by_task()
    assert set(one.arrays("test")) == {"outputs", "targets", "index", "probabilities"}
    assert not np.isnan(two.arrays("test")["targets"]).any()
    assert "class: " in page


def test_answers_are_told_by_task(run):
    x, y = tasks()
    answer = predict(run, x)[1]
    assert list(answer.tasks) == ["class", "size"]
    assert answer.prediction == f"class: {answer.tasks['class']}, size: {answer.tasks['size']}"
    assert set(answer.probabilities) == {f"class={name}" for name in COLOURS}
    assert answer.numbers["size"] == pytest.approx(float(answer.tasks["size"]), rel=1e-5)
    again = nw.load(run.folder.path)
    prediction = again.predict(torch.from_numpy(x))
    assert torch.equal(prediction.outputs, run.predict(torch.from_numpy(x)).outputs)
    apart = again.method.apart(prediction)
    assert apart["class"].probabilities.shape == (90, 3)
    assert float(apart["size"].outputs[1]) == pytest.approx(answer.numbers["size"], rel=1e-5)
    # other examples hold two of the classes only, and are numbered as in training
    few = (x[:2], {name: values[:2] for name, values in y.items()})
    record = evaluate(run, few)
    told = [one.tasks["class"] for one in predict(run, x[:2])]
    right = np.mean([said == truth for said, truth in zip(told, few[1]["class"], strict=True)])
    assert record["metrics"]["class/accuracy"]["value"] == right
    with pytest.raises(NetwrightError, match=r"got task='size'\. Known: class"):
        evaluate(run, (x[:2], {"class": few[1]["class"]}))
    with pytest.raises(NetwrightError, match="of the tasks the run was trained on"):
        evaluate(run, (x[:2], {**few[1], "more": [1.5, 2.5]}))


def test_a_metric_of_a_task_can_select_and_weights_can_be_given(tmp_path):
    changes = ["training.select_by=class/accuracy", "method.weights={class: 2.0}"]
    made = fit(tmp_path, *changes, "method.units={size: real-huber}")
    assert next(iter(made.metrics)) == "class/accuracy"
    assert weights(made) != weights(fit(tmp_path, "method.units={size: real-huber}"))


@pytest.mark.parametrize("weighting", ["uncertainty", "pcgrad"])
def test_runs_are_repeated_and_gone_on_with_bit_for_bit(tmp_path, weighting):
    x, y = tasks()
    data = (x, {**y, "other": x[:, 1]})  # three tasks, so that PCGrad draws an order
    asked = [f"method.weighting={weighting}", "training.snapshot_every=1", "training.epochs=3"]
    whole = fit(tmp_path, *asked, data=data)
    assert weights(whole) == weights(fit(tmp_path, *asked, data=data))
    assert weights(whole) != weights(fit(tmp_path, *asked[1:], data=data))
    path = whole.folder.path
    (path / "model.safetensors").unlink()
    last = sorted((path / "snapshots").iterdir())[-1]
    kept = (path / "recipe.yaml").read_text()
    assert last.exists()
    assert "several" in kept
    gone_on = resume(path, data=data)
    assert weights(gone_on) == weights(fit(tmp_path, *asked, data=data))


def test_the_command_line_takes_columns_and_writes_a_column_a_task(tmp_path):
    path = tmp_path / "things.csv"
    rows = [f"{n},{n % 7},{n * 1.5},{COLOURS[n % 3]}" for n in range(60)]
    path.write_text("\n".join(["a,b,price,colour", *rows]) + "\n")
    options = [*("--target", "price,colour", "--root", str(tmp_path))]
    sets = [word for change in TINY for word in ("--set", change)]
    refused = CliRunner().invoke(app, ["train", str(path), *options, *sets])
    assert "--method multi-task" in str(refused.exception or refused.output)
    done = CliRunner().invoke(
        app, ["train", str(path), *options, *sets, "--method", "multi-task", "--name", "t"]
    )
    assert done.exit_code == 0, done.output
    assert "price/root_mean_squared_error" in done.output
    assert "colour/accuracy" in done.output
    assert "price, real: price and colour, 3 classes" in done.output
    out = tmp_path / "answers.csv"
    CliRunner().invoke(app, ["predict", "t", str(path), "-o", str(out), "--root", str(tmp_path)])
    with out.open() as file:
        found = list(csv.DictReader(file))
    assert list(found[0])[:3] == ["example", "price", "colour"]
    assert found[0]["colour"] in COLOURS
    assert float(found[0]["price"])


def test_what_has_no_meaning_for_several_targets_is_refused(tmp_path, run):
    with pytest.raises(NetwrightError, match="method must be multi-task"):
        fit(tmp_path, method="supervised")
    for change, words in (
        ("ensemble.members=2", "ensemble must be left out"),
        ("ensemble={kind: snapshots, members: 2}", "ensemble must be left out"),
        ("costs={red: {red: 0.0}}", "costs must be left out"),
        ("training.micro_batch_size=8", "micro_batch_size must be"),
        ("split.kind=stratified", "stratified needs classes"),
        ("metrics=[f1]", "judge several targets"),
    ):
        with pytest.raises(NetwrightError, match=words):
            fit(tmp_path, change, "method.weighting=pcgrad")
    with pytest.raises(NetwrightError, match="run must be of one target"):
        calibrate(run, tasks())
    with pytest.raises(NetwrightError, match="cross-validation must be of one target"):
        nw.cross_validate(tasks(), method="multi-task", root=tmp_path)
    x, y = blobs()
    loader = torch.utils.data.DataLoader(list(zip(x, y, strict=True)), batch_size=8)
    with pytest.raises(NetwrightError, match="a DataLoader"):
        fit(tmp_path, data=loader, model=torch.nn.Linear(4, 3))
