"""Every kind of data, model and target ends with a judged run."""

from __future__ import annotations

import random
import signal

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

import netwright as nw
from netwright._errors import BadType, BadValue, DamagedRun, NetwrightError
from netwright.runs.events import history
from netwright.runs.recipe import Recipe
from workflow_kit import TINY, Pairs, blobs, judged, log_without_clock, pictures, table, weights


def test_a_built_in_set_is_learned():
    run = nw.fit("iris", changes=[*TINY, "training.epochs=20"])
    assert judged(run) == {"val": 15, "test": 30}
    assert run.metrics["accuracy"] > 0.8
    assert nw.load(run.name).metrics == run.metrics


def test_arrays():
    run = nw.fit(blobs(), changes=[*TINY, "training.epochs=15"])
    assert run.name == "arrays-1"
    assert run.metrics["accuracy"] > 0.8


def test_arrays_by_split():
    x, y = blobs()
    parts = {"train": (x[:40], y[:40]), "val": (x[40:50], y[40:50]), "test": (x[50:], y[50:])}
    assert judged(nw.fit(parts, changes=TINY)) == {"val": 10, "test": 10}


def test_a_folder_of_pictures(tmp_path):
    run = nw.fit(pictures(tmp_path / "shades"), epochs=2)
    assert run.recipe.model.name == "small-resnet"
    assert judged(run)["test"] == 4 or judged(run)["test"] == 5
    shown = run.folder.read_json("pictures/samples.json")
    assert {row["target"] for row in shown} == {"a", "b", "c"}
    assert all(run.folder.has(f"pictures/{row['file']}") for row in shown)


def test_a_table_with_gaps_and_words(tmp_path):
    run = nw.fit(table(tmp_path / "pets.csv"), changes=[*TINY, "training.epochs=20"])
    assert run.metrics["accuracy"] > 0.7
    assert run.folder.read_json("data.json")["target"] == {
        "kind": "binary",
        "names": ["cat", "dog"],
    }


def test_a_map_style_data_set():
    x, y = blobs()
    assert judged(nw.fit(Pairs(x, y), changes=TINY))["test"] == 12


def loader(count=48, **options):
    x, y = blobs(count)
    return DataLoader(Pairs(x, y), batch_size=16, **options)


def test_a_training_loader_alone():
    run = nw.fit(loader(shuffle=True), model=nn.Linear(4, 3), epochs=2)
    assert judged(run) == {}
    assert run.metrics == {}
    assert len(history(run.folder.path, "step")) == 6


def test_loaders_by_split():
    run = nw.fit({"train": loader(), "val": loader(20)}, model=nn.Linear(4, 3), epochs=2)
    assert judged(run) == {"val": 20}


def test_a_loader_over_a_stream_has_the_epochs_that_one_pass_shows():
    class Stream(IterableDataset):
        def __iter__(self):
            return ((torch.ones(4) * place, place % 2) for place in range(12))

    run = nw.fit(DataLoader(Stream(), batch_size=4), model=nn.Linear(4, 1), epochs=3)
    assert len(history(run.folder.path, "step")) == 9
    assert [event["examples"] for event in history(run.folder.path, "epoch")] == [12, 12, 12]


@pytest.mark.parametrize(
    "change",
    ["split.seed=3", "augment=[{name: flip}]", "training.workers=1", "preprocess=standardise"],
)
def test_what_a_loader_decides_is_not_asked_of_the_recipe(change):
    with pytest.raises(
        BadValue,
        match="silent on what a DataLoader decides.*" + change.split("=")[0].split(".seed")[0],
    ):
        nw.fit(loader(), model=nn.Linear(4, 3), changes=[change])


def test_a_loader_needs_a_model():
    with pytest.raises(NetwrightError, match="model must be given with a DataLoader"):
        nw.fit(loader())


TARGETS = {
    "binary": np.arange(60) % 2,
    "classes": np.arange(60) % 3,
    "multi-label": np.stack([np.arange(60) % 2, np.arange(60) // 2 % 2], 1),
    "ordinal": np.arange(60) % 4,
    "counts": np.arange(60) % 5,
    "real": np.linspace(-1, 1, 60),
    "quantiles": np.linspace(-1, 1, 60),
    "bins": np.linspace(-1, 1, 60),
}


@pytest.mark.parametrize("kind", TARGETS)
def test_every_kind_of_target_ends_judged_and_answers(kind, tmp_path):
    y = TARGETS[kind].reshape(60, -1)
    x = np.random.default_rng(0).normal(size=(60, 3))
    names = [f"y{place}" for place in range(y.shape[1])]
    rows = [",".join(map(str, [*a, *b])) for a, b in zip(x, y, strict=True)]
    (tmp_path / "t.csv").write_text("\n".join([",".join(["a", "b", "c", *names]), *rows]))
    run = nw.fit("t.csv", target=",".join(names), changes=[*TINY, f"data.kind={kind}"])
    assert judged(run) == {"val": 6, "test": 12}
    assert all(np.isfinite(value) for value in run.metrics.values())
    answers = nw.predict(run, "t.csv")
    assert len(answers) == 60
    named = kind in ("binary", "classes", "multi-label", "ordinal")
    known = run.state["target"]["names"]
    assert all(set(one.probabilities) == (set(known) if named else set()) for one in answers)


def test_the_default_target_kinds_are_read_from_the_values(tmp_path):
    x, _ = blobs()
    for y, kind in ((np.linspace(0, 1, 60), "real"), (TARGETS["multi-label"], "multi-label")):
        run = nw.fit((x, y), changes=TINY)
        assert run.folder.read_json("data.json")["target"]["kind"] == kind


# --- models and methods that were brought -------------------------------------------------------


def test_a_given_model_is_trained_recorded_and_can_be_loaded():
    torch.manual_seed(1)
    own = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))
    run = nw.fit("iris", model=own, epochs=2)
    assert run.model is own
    assert run.recipe.model.name == "given"
    assert run.recipe.model.options["class"] == "torch.nn.modules.container.Sequential"
    same = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))
    other = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))
    fingerprint = run.recipe.model.options["fingerprint"]
    assert nw.fit("iris", model=same, epochs=1).recipe.model.options["fingerprint"] == fingerprint
    assert nw.fit("iris", model=other, epochs=1).recipe.model.options["fingerprint"] != fingerprint
    with pytest.raises(BadValue, match=r"given from Python: call netwright.fit or netwright.load"):
        nw.load(run.name)
    with pytest.raises(BadValue, match="from the recipe alone"):
        nw.run_recipe(Recipe.read(run.folder.path / "recipe.yaml"))
    with pytest.raises(DamagedRun, match="differs in model"):
        nw.load(run.name, model=other)
    fresh = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))
    assert nw.load(run.name, model=fresh).metrics == run.metrics
    assert all(map(torch.equal, fresh.parameters(), own.parameters()))


@pytest.mark.parametrize("what", ["model", "method"])
def test_neither_a_name_nor_an_object_is_refused(what):
    with pytest.raises(BadType, match=f"{what} must be a name or a"):
        nw.fit("iris", **{what: nn.Linear})


MINE = """
import torch
from netwright import Loss, Method, Phase, Prediction

class Mine(Method):
    def __init__(self, model, power=2.0):
        super().__init__()
        self.model, self.power = model, power

    def phases(self, stage):
        return [Phase(name="main", optimizers=("main",), loss=self.loss)]

    def loss(self, batch):
        wanted = torch.nn.functional.one_hot(batch.targets, 3)
        gap = (self.model(batch.inputs) - wanted).abs() ** self.power
        return Loss(total=gap.sum(), count=len(gap))

    def predict(self, inputs):
        scores = self.model(inputs)
        return Prediction(outputs=scores.argmax(1), logits=scores)

class NoMethod:
    pass
"""


def test_a_method_from_a_file_is_trained_and_repeated(tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    run = nw.fit("iris", method="mine.py:Mine", changes=[*TINY, "method.power=1.5"])
    assert run.method.power == 1.5
    assert run.model is run.method
    assert history(run.folder.path, "step")[0]["loss"] > 0
    again = nw.run_recipe(Recipe.read(run.folder.path / "recipe.yaml"))
    assert weights(again) == weights(run)
    assert type(nw.load(run.name).method).__name__ == "Mine"


def test_a_run_without_metrics_is_listed(tmp_path):
    from netwright.runs.overview import overview

    (tmp_path / "mine.py").write_text(MINE)
    run = nw.fit("iris", method="mine.py:Mine", changes=TINY)
    assert overview(run.folder)["state"] == "finished"
    assert overview(run.folder)["figure"] is None


def test_a_class_that_is_no_method_is_refused(tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    with pytest.raises(BadType, match="derived from netwright Method"):
        nw.fit("iris", method="mine.py:NoMethod")


# --- nothing is left changed --------------------------------------------------------------------


def states():
    return (
        torch.get_rng_state().tolist(),
        np.random.get_state()[1].tolist(),
        random.getstate(),
        torch.is_grad_enabled(),
        signal.getsignal(signal.SIGINT),
    )


@pytest.mark.parametrize("data", ["iris", "loader"])
def test_the_callers_state_is_left_as_it_was(data):
    before = states()
    given = {"model": nn.Linear(4, 3)} if data == "loader" else {}
    before = states()
    nw.fit(loader(shuffle=True) if data == "loader" else data, epochs=1, **given)
    assert states() == before


def test_the_callers_state_is_left_as_it_was_by_a_failure():
    before = states()
    with pytest.raises(NetwrightError):
        nw.fit("iris", optimizer="no-such")
    assert states() == before


def test_the_doctor_changes_no_bit():
    x, y = blobs()
    with_it, without = (
        nw.fit((x * 100, y), doctor=doctor, changes=[*TINY, "preprocess={name: standardise}"])
        for doctor in (True, False)
    )
    assert with_it.findings  # it was there
    assert not without.findings
    assert weights(with_it) == weights(without)
    healthy = [one for one in log_without_clock(with_it) if one["kind"] != "finding"]
    assert healthy == log_without_clock(without)


def test_a_seed_changes_the_weights_and_not_the_splits():
    first, second = (nw.fit("iris", seed=seed, changes=TINY) for seed in (0, 1))
    assert weights(first) != weights(second)
    for split in ("val", "test"):
        one, other = (
            run.folder.read_arrays(f"evaluation/{split}.safetensors")["index"]
            for run in (first, second)
        )
        assert one.tolist() == other.tolist()


def test_no_split_is_learned_from():
    run = nw.fit("iris", changes=TINY)
    test = set(run.folder.read_arrays("evaluation/test.safetensors")["index"].tolist())
    val = set(run.folder.read_arrays("evaluation/val.safetensors")["index"].tolist())
    assert len(test) == 30
    assert len(val) == 15
    assert not test & val


def test_without_a_test_split_validation_is_judged():
    run = nw.fit("iris", changes=[*TINY, "split.test=0"])
    assert set(judged(run)) == {"val"}
    assert run.metrics["accuracy"] >= 0


def test_the_record_counts_the_examples_of_each_domain(tmp_path):
    for domain, each in (("phone", 5), ("scanner", 7)):
        pictures(tmp_path / "shots" / domain, each=each)
    run = nw.fit(tmp_path / "shots", changes=[*TINY, "training.epochs=1"])
    assert run.folder.read_json("data.json")["domains"] == {"phone": 15, "scanner": 21}
