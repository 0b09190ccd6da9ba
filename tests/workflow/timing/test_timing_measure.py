"""A step measured whole and in parts, where how long each part takes is known."""

from __future__ import annotations

import copy
import time
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from netwright._errors import BadValue
from netwright.methods.base import Loss, Method, Phase, Prediction, Stage, trained
from netwright.runs.recipe import Recipe
from netwright.workflow.timing import time_step
from workflow_kit import TINY, Pairs, blobs

MS = 1e-3
UNIT = 4e-3  # seconds
ABOUT = 0.1 * MS  # some looks at the clock


def recipe_of(*changes):
    return Recipe.parse({"data": {"name": "given"}, "seed": 1}).changed(changes)


class _SlowBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, value, seconds):
        ctx.seconds = seconds
        return value.clone()

    @staticmethod
    def backward(ctx, gradient):
        time.sleep(ctx.seconds)
        return gradient, None


class TwoPlayers(Method):
    """Two phases with an optimiser each; their losses and gradients take as long as they are told.

    The second phase takes two batches a step.
    """

    def __init__(self):
        super().__init__()
        self.one, self.other = nn.Linear(4, 1), nn.Linear(4, 1)

    def phases(self, stage):
        return (
            Phase(name="short", optimizers=("one",), loss=self.short),
            Phase(name="long", optimizers=("other",), loss=self.long, batches=2),
        )

    def short(self, batch):
        time.sleep(2 * UNIT)
        return self.cost(self.one, batch, seconds=4 * UNIT)

    def long(self, batch):
        time.sleep(5 * UNIT)
        return self.cost(self.other, batch, seconds=0)

    def cost(self, net, batch, *, seconds):
        total = _SlowBackward.apply(net(batch.inputs).square().sum(), seconds)
        return Loss(total=total, count=len(batch))

    def parameter_groups(self, stage):
        return {"one": [trained(self.one)], "other": [trained(self.other)]}

    def predict(self, inputs):
        return Prediction(outputs=self.one(inputs)[:, 0])


def seconds_of(stage):
    return {(part.phase, part.name): part.seconds for part in stage.parts}


def test_each_part_takes_what_it_takes():
    found = time_step(
        recipe_of("training.batch_size=16"), data=blobs(), method=TwoPlayers(), steps=8
    )
    (stage,) = found.stages
    parts = seconds_of(stage)
    for place, least in {
        ("short", "forward"): 2, ("short", "backward"): 4, ("long", "forward"): 10,
    }.items():  # fmt: skip
        assert parts[place] == pytest.approx(least * UNIT, abs=ABOUT), place
    for place in (("long", "backward"), ("short", "update"), ("", "record"), ("", "load")):
        assert 0 < parts[place] < ABOUT, place
    assert sum(parts.values()) == pytest.approx(stage.whole.seconds)
    assert abs(parts["", "other"]) < ABOUT  # the rest is explained
    assert stage.whole.low <= stage.whole.seconds <= stage.whole.high
    assert stage.measured == 8
    assert stage.examples == pytest.approx(28, abs=2)  # two batches a step
    assert found.run == pytest.approx(stage.mean * stage.steps, rel=0.01)  # nothing to judge by
    assert found.validation is None


class Slow(Pairs):
    def __getitem__(self, place):
        time.sleep(2 * MS)
        return super().__getitem__(place)


def test_what_is_read_slowly_is_said_to_be():
    recipe = recipe_of(*TINY, "training.workers=0")
    found = time_step(recipe, data=Slow(*blobs(120)), steps=4)
    loading = found.loading
    assert loading.bound
    assert loading.waiting > 0.7
    assert loading.reading == pytest.approx(14 * 2 * MS, abs=2 * MS + ABOUT)
    assert loading.enough == pytest.approx(loading.reading / loading.computing, abs=1)
    assert "set training.workers=" in found.advice[0]
    (stage,) = found.stages
    assert seconds_of(stage)["", "load"] == pytest.approx(loading.reading, rel=0.5)
    assert found.memory.data == 120 * 8  # targets; what is read is not kept


def test_workers_that_read_ahead_are_waited_for_less(monkeypatch):
    monkeypatch.undo()  # they sleep in processes of their own
    data = Slow(*blobs(60))
    alone = time_step(recipe_of(*TINY, "training.workers=0"), data=data, steps=4)
    helped = time_step(recipe_of(*TINY, "training.workers=2"), data=data, steps=4)
    assert helped.loading.workers == 2
    assert helped.loading.waiting < alone.loading.waiting


def test_loaders_are_measured_as_they_are():
    loader = DataLoader(Slow(*blobs()), batch_size=10)
    found = time_step(recipe_of("training.epochs=3"), data=loader, model=nn.Linear(4, 3), steps=3)
    assert (found.batch_size, found.stages[0].steps, found.stages[0].measured) == (10, 18, 4)
    assert found.loading.workers == 0
    assert found.loading.reading == pytest.approx(20 * MS, abs=ABOUT)
    assert found.memory.data == 0


def test_nothing_is_written_and_nothing_given_is_changed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", None)
    model = nn.Linear(4, 3)
    before, drawn = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    time_step(recipe_of("training.batch_size=16"), data=blobs(), model=model, steps=2)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(drawn, torch.get_rng_state())
    assert [path.relative_to(tmp_path) for path in tmp_path.rglob("*")] == [Path("temporary")]


class ThreeStages(Method):
    """A gradient, a closed form, and a stage that is shorter than what is measured."""

    def __init__(self):
        super().__init__()
        self.net = nn.Linear(4, 1)
        self.begun = 0

    def stages(self):
        return (
            Stage(name="learn"),
            Stage(name="solve", fit=self.solve, begin=self.begin),
            Stage(name="polish", steps=3),
        )

    def begin(self):
        self.begun += 1

    def solve(self, batches):
        time.sleep(3 * MS)
        for _ in batches:
            time.sleep(1 * MS)

    def phases(self, stage):
        return (Phase(name="fit", optimizers=("main",), loss=self.cost),)

    def cost(self, batch):
        return Loss(total=self.net(batch.inputs).square().sum(), count=len(batch))

    def predict(self, inputs):
        return Prediction(outputs=self.net(inputs)[:, 0])


def test_every_stage_is_measured():
    method = ThreeStages()
    recipe = recipe_of("training.batch_size=16", "training.epochs=4")
    found = time_step(recipe, data=blobs(), method=method, steps=4)
    assert method.begun == 0
    learn, solve, polish = found.stages
    assert [stage.name for stage in found.stages] == ["learn", "solve", "polish"]
    assert (learn.steps, learn.measured, learn.epochs) == (12, 4, 4)
    assert (solve.steps, solve.measured) == (1, 2)
    assert [part.name for part in solve.parts] == ["load", "augment", "preprocess", "fit", "other"]
    assert seconds_of(solve)["", "fit"] == pytest.approx(6 * MS, abs=ABOUT)
    assert polish.steps == 3
    assert polish.measured >= 2


@pytest.mark.parametrize(
    "change",
    ["optimizer={name: lbfgs, learning_rate: 0.1}", "training.micro_batch_size=4",
     "training.ema_decay=0.9", "doctor=false", "training.precision=bf16"],
)  # fmt: skip
def test_other_kinds_of_step(change):
    found = time_step(recipe_of(*TINY, change), data=blobs(), steps=2)
    parts = seconds_of(found.stages[0])
    assert all(parts["main", name] > 0 for name in ("forward", "backward", "update"))
    average = found.memory.average
    assert average == (found.memory.parameters if "ema" in change else 0)
    assert found.micro_batch_size == (4 if "micro" in change else None)


def test_a_run_is_estimated_with_its_validations():
    recipe = recipe_of(*TINY, "training.validate_every=2", "training.epochs=7")
    found = time_step(recipe, data=blobs(), steps=3)
    (stage,) = found.stages
    judged = found.run - stage.mean * stage.steps
    # four validations, and at the end 6 and 12 examples
    assert judged == pytest.approx(found.validation * (4 + 1 + 2), rel=0.01)


def test_one_step_is_no_measurement():
    with pytest.raises(BadValue, match="steps must be at least 2, got steps=1"):
        time_step(recipe_of(*TINY), data=blobs(), steps=1)
