"""What happens between stages, and what a method and its watchers know of them."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from contract_kit import batch, loop_of
from netwright.methods.base import Loss, Method, Phase, Prediction, Stage
from netwright.metrics.base import Metric
from netwright.train.control import Controller, EndStage, Observer, RollBack
from netwright.train.early_stopping import EarlyStopping, no_change

SGD = {"name": "sgd", "learning_rate": 0.1}


class Falling(Metric):
    """A score that depends on nothing but how often it was asked for."""

    higher_is_better = True
    asked = 0

    def update(self, prediction, targets, *, weight=None):
        pass

    def compute(self):
        Falling.asked += 1
        return -float(Falling.asked)


class Line(Method):
    def __init__(self, stages=("one", "two")):
        super().__init__()
        self.net, self.names, self.seen = nn.Linear(2, 1), stages, []

    def stages(self):
        return [Stage(name=name) for name in self.names]

    def phases(self, stage):
        return (Phase(name="main", optimizers=("main",), loss=self.loss),)

    def loss(self, b):
        self.seen.append(self.progress)
        total = (self.net(b.inputs) - b.targets).square().sum()
        return Loss(total=total, count=len(b))

    def predict(self, inputs):
        return Prediction(outputs=self.net(inputs))

    def metrics(self):
        return {"falling": Falling()}


class Log(Observer):
    def __init__(self):
        self.planned, self.epochs = None, []

    def started(self, view):
        self.planned = (view.stage_steps, view.steps_per_epoch, view.position.step)

    def epoch_ended(self, view, *, loss, examples, seconds):
        self.epochs.append((view.stage, view.epoch))


def data():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(8, 2, generator=generator)
    return [batch(x, x.sum(1, keepdim=True))] * 2


def run(method, *, controllers=(), epochs=6, **settings):
    log = Log()
    loop = loop_of(
        method,
        data(),
        optimizer=SGD,
        epochs=epochs,
        loop={"observers": (log,), "controllers": controllers, "held_out": lambda: data()[:1]},
        **settings,
    )
    return loop.run(), log, loop


def test_early_stopping_ends_its_stage_and_the_next_begins_with_no_scores():
    Falling.asked = 0
    stopping = EarlyStopping(no_change(epochs=2), metric="falling", higher_is_better=True)
    ended, log, _ = run(Line(), controllers=(stopping,))
    assert log.epochs == [("one", e) for e in (1, 2, 3)] + [("two", e) for e in (1, 2, 3)]
    assert ended.reason.startswith("early stopping")


def test_the_weights_of_a_stages_best_epoch_are_what_the_next_begins_with():
    Falling.asked = 0
    method, begun = Line(), {}

    class Keep(Observer):
        def stage_entered(self, view):
            begun[view.stage] = view.method.net.weight.detach().clone()

        def epoch_ended(self, view, *, loss, examples, seconds):
            begun[view.stage, view.epoch] = view.method.net.weight.detach().clone()

    loop = loop_of(
        method,
        data(),
        optimizer=SGD,
        epochs=3,
        loop={"observers": (Keep(),), "held_out": lambda: data()[:1]},
    )
    loop.run()
    assert torch.equal(begun["two"], begun["one", 1])  # the score only ever falls
    assert not torch.equal(begun["two"], begun["one", 3])


def test_the_plan_is_known_when_the_run_starts():
    _, log, _ = run(Line(("only",)))
    assert log.planned == (12, 2, 0)


def test_progress_rises_from_nothing_within_each_stage():
    method = Line()
    run(method, epochs=2)
    assert method.seen == [0, 0.25, 0.5, 0.75] * 2


def test_a_controller_remembers_that_it_has_gone_back():
    class Once(Controller):
        name = "once"
        owns = frozenset({RollBack})
        times = 0

        def after_step(self, view):
            if view.step == 5 and self.times == 0:
                self.times += 1
                return (RollBack(step=4),)
            return ()

        def state_dict(self):
            return {"times": self.times}

        def load_state_dict(self, state, /):
            self.times = state["times"]

    once = Once()
    ended, _, _ = run(Line(("only",)), controllers=(once,), ring=2, epochs=3)
    assert (once.times, ended.reason, ended.step) == (1, "finished", 6)


def test_an_ending_that_a_snapshot_knows_of_is_not_undone_by_resuming():
    class Enough(Controller):
        name = "enough"
        owns = frozenset({EndStage})

        def after_epoch(self, view):
            return (EndStage(reason="enough"),) if view.epoch == 2 else ()

    kept = []

    class Folder:
        def file(self, step):
            return Path(f"{step}")

        def write(self, step, state):
            from netwright.train.snapshot import own_copy

            kept.append(own_copy(state))
            return Path(f"{step}")

    def loop():
        return loop_of(
            Line(("only",)),
            data(),
            optimizer=SGD,
            epochs=5,
            loop={"controllers": (Enough(),), "snapshots": Folder()},
        )

    assert loop().run().reason == "enough"
    resumed = loop()
    resumed.resume(kept[-1])
    assert resumed.run().reason == "enough"
    assert resumed.counters.step == 4
