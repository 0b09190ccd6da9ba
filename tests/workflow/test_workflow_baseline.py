"""Baselines on data as people have them, beside runs and on their features."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from netwright import baseline, fit
from netwright._errors import NetwrightError
from netwright.data.open import open_data
from netwright.models.features import features
from netwright.runs.recipe import Recipe
from netwright.workflow.baseline_inputs import RAW, network_inputs, raw_inputs
from netwright.workflow.session import Given, opened_and_prepared

FEW = ("constant", "naive-bayes", "logistic")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("beside")
    return fit("wine", epochs=3, doctor=False, name="deep", root=root)


def parts(data="wine", **fields):
    recipe = Recipe.parse({"data": {"name": data}}).with_fields(fields)
    _, prepared, recipe = opened_and_prepared(recipe, Given())
    return prepared, recipe, raw_inputs(prepared, memory=2e9, seed=0).parts


def test_splits_preprocessing_and_metrics_are_the_runs(run):
    found = baseline(beside=run.folder.path, only=FEW)
    deep = next(one for one in found.outcomes if one.name == "deep")
    record = run.folder.read_json("evaluation/test.json")["metrics"]
    assert list(deep.metrics) == list(record)
    for name, estimate in record.items():
        ours = deep.metrics[name]
        expected = (estimate["value"], estimate["low"], estimate["high"])
        assert (ours.value, ours.low, ours.high) == pytest.approx(expected, rel=1e-6)
    prepared, _, split = parts()
    judged = load_file(run.folder.path / "evaluation" / "test.safetensors")
    assert torch.equal(judged["index"], prepared.splits["test"])
    raw = open_data("wine")
    scaler = StandardScaler()
    table = prepared.samples.values.numpy()
    scaler.fit(table[prepared.splits["train"]])
    expected = scaler.transform(table[prepared.splits["test"]])
    np.testing.assert_allclose(split.test.rows, expected, atol=1e-5)
    assert torch.equal(split.test.targets, raw.target.values[prepared.splits["test"]])
    assert found.order == ("constant", "naive-bayes", "logistic", "deep")
    assert deep.fit_seconds > 0
    assert deep.predict_seconds > 0


def test_numbers_are_those_of_scikit_learn_used_directly():
    found = baseline("wine", only=["logistic"])
    (ours,) = found.outcomes
    _, _, split = parts()
    theirs = LogisticRegression(C=ours.chosen["C"], max_iter=1000)
    theirs.fit(split.train.rows, split.train.wanted)
    right = theirs.predict(split.test.rows) == split.test.wanted
    assert ours.metrics["accuracy"].value == pytest.approx(right.mean())
    assert ours.n_train == len(split.train)


def test_features_are_what_the_last_layer_sees(run):
    prepared, recipe, raw = parts()
    made = network_inputs(run, prepared, recipe=recipe, memory=2e9).parts
    taken = prepared.samples.take(prepared.splits["train"])
    seen = features(run.model, run.preprocess(taken)).double()
    spread = seen.std(0, correction=0)
    expected = (seen - seen.mean(0)) / spread.where(spread > 0, torch.inf)
    torch.testing.assert_close(torch.from_numpy(made.train.rows), expected.float())
    assert torch.equal(made.test.targets, raw.test.targets)
    both = baseline(features=run.folder.path, only=FEW)
    kinds = {(one.name, one.inputs) for one in both.outcomes}
    assert kinds == {("constant", RAW)} | {
        (name, inputs) for name in FEW[1:] for inputs in (RAW, "features of deep")
    }
    assert "logistic" in both.order


def test_the_simplest_of_a_line_is_linear():
    rows = torch.randn(600, 5)
    line = rows @ torch.tensor([3.0, -2.0, 0.0, 1.0, 0.5]) + 0.1 * torch.randn(600)
    found = baseline((rows, line), only=["constant", "linear", "tree", "gradient-boosting"])
    assert found.does_the_job.name == found.best.name == "linear"
    assert found.outcomes[-1].name == "constant"
    assert found.to_json()["simplest"] == "linear"
    noise = baseline((rows, torch.randn(600)), only=["constant", "linear", "tree"])
    assert noise.does_the_job.name == "constant"


def test_a_table_with_words_and_gaps(tmp_path):
    random = np.random.default_rng(0)
    lines = ["size,colour,price,kind"]
    for number in range(200):
        kind = number % 2
        size = "" if number % 17 == 0 else f"{random.normal(kind):.3f}"
        colour = random.choice(["red", "green", ""]) if kind else "blue"
        lines.append(f"{size},{colour},{random.normal():.3f},{'ab'[kind]}")
    file = tmp_path / "things.csv"
    file.write_text("\n".join(lines) + "\n")
    found = baseline(str(file), only=FEW)
    assert found.metric == "accuracy"
    assert found.best.metrics["accuracy"].value > 0.95
    numbers = baseline(str(file), target="price", only=["constant", "linear"])
    assert numbers.metric == "root_mean_squared_error"
    assert not numbers.higher_is_better


def test_labels_and_counts():
    rows = torch.randn(300, 3)
    sets = (rows[:, :2] > 0).float()
    found = baseline((rows, sets), changes=["data.kind=multi-label"], only=FEW)
    assert found.metric == "average_precision"
    assert found.best.metrics["average_precision"].value > 0.95
    counts = torch.poisson(rows[:, 0].exp())
    found = baseline((rows, counts), changes=["data.kind=counts"], only=["constant", "linear"])
    assert found.metric == "poisson_deviance"
    assert found.does_the_job.name == "linear"


def test_what_is_left_out_says_why():
    found = baseline("diabetes", only=["constant", "naive-bayes", "polynomial"], memory="100 kB")
    assert found.skipped["naive-bayes"] == "no form for numbers"
    assert "GB" in found.skipped["polynomial"]


def test_memory_cuts_the_training_split_and_says_so():
    rows = torch.randn(3000, 4)
    data = (rows, (rows[:, 0] > 0).long())
    found = baseline(data, only=["naive-bayes"], memory="100 kB")
    (one,) = found.outcomes
    assert one.n_train < 2100
    assert one.notes == (f"fitted on {one.n_train} of 2100 examples",)


def test_a_family_of_ones_own(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "from netwright.evaluate.baselines.family import Family, Maker\n"
        "MINE = Family(classes=Maker(target='sklearn.neighbors:NearestCentroid'))\n"
        "WRONG = 3\n"
    )
    found = baseline("iris", only=["constant", f"{file}:MINE"])
    assert found.order == ("constant", f"{file}:MINE")
    assert found.does_the_job.metrics["accuracy"].value > 0.8
    assert "must be a Family" in refused("iris", only=[f"{file}:WRONG"])


def test_it_is_told_what_is_done():
    told = []
    baseline("iris", only=["constant"], tell=told.append)
    assert told == ["iris: reading", "constant"]


def refused(data=None, **keywords):
    with pytest.raises(NetwrightError) as error:
        baseline(data, **keywords)
    return str(error.value)


def test_refusals(run):
    where = run.folder.path
    assert "Did you mean tree" in refused("wine", only=["tre"])
    assert "DATA must be given" in refused()
    assert "what the run beside was trained on" in refused("iris", beside=where)
    assert "It learned from examples" in refused(beside=where, changes=["split.seed=4"])
    assert "It learned from examples" in refused(features=where, changes=["split.seed=4"])
    assert "quantiles" in refused("diabetes", changes=["data.kind=quantiles"])
    assert "test part" in refused("wine", changes=["split.test=0"])
    assert "enough for the test split (" in refused("wine", memory="1 kB")
    assert "pictures" in refused("wine", features="torchvision:resnet18")
    assert "a known model" in refused("digits", features="nothing-of-the-kind")
