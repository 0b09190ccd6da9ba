"""Several starts against the runs they stand for, each on its own."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from contract_kit import Listed, batch, same_bits
from netwright._errors import BadValue
from netwright.methods.base import Loss, Method, Phase, Prediction, Stage
from netwright.metrics.regression import RootMeanSquaredError
from netwright.train.control import Observer
from netwright.train.loop import Loop
from netwright.train.optimizers.build import build_optimizer
from netwright.train.random_restarts import RandomRestarts
from netwright.train.settings import Settings
from netwright.train.state import capture

X = torch.linspace(-2, 2, 40)[:, None]
Y = X.sin().squeeze(1)


class Counter:
    """Something a method remembers."""

    seen = 0

    def state_dict(self):
        return {"seen": self.seen}

    def load_state_dict(self, state):
        self.seen = state["seen"]


class Wave(Method):
    """Two stages, the second with a frozen first layer."""

    def __init__(self, seed):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.net = nn.Sequential(nn.Linear(1, 3), nn.Tanh(), nn.Linear(3, 1))
        self.counter = Counter()
        self.register_stateful("counter", self.counter)

    def stages(self):
        return (Stage(name="all"), Stage(name="last", begin=self.freeze))

    def freeze(self):
        self.net[0].requires_grad_(False)

    def phases(self, stage):
        return (Phase(name="main", optimizers=("main",), loss=self.loss),)

    def loss(self, streams):
        self.counter.seen += 1
        errors = self.net(streams.inputs).squeeze(1) - streams.targets
        return Loss(total=errors.square().sum(), count=len(streams))

    def predict(self, inputs):
        with torch.no_grad():
            return Prediction(outputs=self.net(inputs).squeeze(1))

    def metrics(self):
        return {"rmse": RootMeanSquaredError()}


class Told(Observer):
    def __init__(self):
        self.starts, self.chosen = [], None

    def stage_entered(self, view):
        self.starts.append(view.start)

    def start_chosen(self, view, *, scores, chosen):
        self.scores, self.chosen = list(scores), chosen


def loop_of(method, **options):
    data = [batch(X[place::4], Y[place::4]) for place in range(4)]
    return Loop(
        method,
        {"train": Listed(data)},
        make_optimizer=lambda name, groups: build_optimizer(
            groups, name="adam", learning_rate=0.05
        ),
        settings=Settings(epochs=5),
        held_out=lambda: iter([batch(X, Y)]),
        **options,
    )


def test_the_best_of_the_runs_they_stand_for():
    alone = []
    for seed in range(4):
        method = Wave(seed)
        loop = loop_of(method)
        loop.run()
        alone.append((loop.best.score, method))
    wanted = max(range(4), key=lambda place: alone[place][0])
    assert wanted != 3  # else the last would do
    told, method = Told(), Wave(0)
    loop = loop_of(method, restarts=RandomRestarts(4, make=Wave), observers=(told,))
    loop.run()
    assert told.chosen == wanted + 1
    assert told.scores == pytest.approx([score for score, _ in alone])
    assert same_bits(method, alone[wanted][1])
    assert loop.best.score == alone[wanted][0]
    assert told.starts == [(start, 4) for start in (1, 2, 3, 4) for _ in range(2)]
    assert method.counter.seen == 40  # of the last start alone


@pytest.mark.parametrize("step", [7, 23, 41, 60, 79])
def test_taken_up_again_it_ends_with_the_same_bits(step):
    whole = Wave(0)
    loop_of(whole, restarts=RandomRestarts(2, make=Wave)).run()

    kept = []

    class Taking(Loop):
        def _keep(self, done):
            super()._keep(done)
            if done == step:
                state = {**capture(self), "observers": {}}
                kept.append(
                    torch.utils._pytree.tree_map(
                        lambda one: one.clone() if isinstance(one, torch.Tensor) else one, state
                    )
                )

    first = loop_of(Wave(0), restarts=RandomRestarts(2, make=Wave))
    first.__class__ = Taking
    first.run()
    again = Wave(0)
    later = loop_of(again, restarts=RandomRestarts(2, make=Wave))
    later.resume(kept[0])
    later.run()
    assert same_bits(again, whole)


def test_what_is_refused():
    with pytest.raises(BadValue, match="restarts must be at least 2 to choose from"):
        RandomRestarts(1, make=Wave)
    data = {"train": Listed([batch(X, Y)])}
    with pytest.raises(BadValue, match="left out without validation data"):
        Loop(Wave(0), data, make_optimizer=print, restarts=RandomRestarts(2, make=Wave))
