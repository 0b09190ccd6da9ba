"""A run that is interrupted and taken up by a fresh loop ends with the bits of one that was not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import test_contract_adda as adda
import test_contract_capsules as capsules
import test_contract_cycle_gan as cycle_gan
import test_contract_gan as gan
import test_contract_lbfgs as lbfgs
import test_contract_lookahead_nesterov as nesterov
import test_contract_reinforce as reinforce
import test_contract_rev_grad as rev_grad
import test_contract_ridge as ridge
import test_contract_supervised as supervised
import test_contract_truncated_bptt as truncated
import test_contract_wgan_gp as wgan_gp
import torch
from torch import Tensor, nn

from contract_kit import Listed, batch, loop_of
from netwright.metrics.base import Metric
from netwright.train.control import Controller, Observer, Rebalance, SetLearningRate, SkipBatch
from netwright.train.early_stopping import EarlyStopping, no_change
from netwright.train.schedules import one_cycle
from netwright.train.snapshot import SnapshotFolder

ADAM = {"name": "adam", "learning_rate": 1e-3}
SGD = {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9}


class Accuracy(Metric):
    higher_is_better = True

    def __init__(self):
        self.right = self.all = 0

    def update(self, prediction, targets, *, weight=None):
        self.right += int((prediction.outputs == targets).sum())
        self.all += len(targets)

    def compute(self):
        return self.right / self.all


class Judged(supervised.Supervised):
    def metrics(self):
        return {"accuracy": Accuracy()}


class Frozen(adda.Adda):
    """`begin` also freezes, which no tensor tells of, and leaves the choice to the flags."""

    def copy_encoder(self):
        super().copy_encoder()
        self.source.requires_grad_(False)
        self.classes.requires_grad_(False)
        self.domains.requires_grad_(False)

    def phases(self, stage):
        return super().phases(stage)[-1:] if stage.name == "adapt" else super().phases(stage)

    def parameter_groups(self, stage):
        groups = super().parameter_groups(stage)
        if stage.name == "adapt":
            groups = {"target": [adda.trained(self)]}
        return groups


class Doctor(Controller):
    """Asks for a change of each lasting kind, once."""

    name = "doctor"
    owns = frozenset({SetLearningRate, SkipBatch, Rebalance})

    def after_step(self, view):
        if view.step != 4:
            return ()
        place = type(view.position)(1, 3)
        return (
            SetLearningRate(optimizer="generator", factor=0.5),
            SkipBatch(position=place),
            Rebalance(phase="discriminator", every=2),
        )


@dataclass(frozen=True)
class Case:
    method: Callable[[], nn.Module]
    sources: Callable[[], Any]
    optimizer: Mapping[str, Any]
    stops: tuple[int, ...] = (7, 20)
    loop: Callable[[], dict[str, Any]] = dict
    settings: dict[str, Any] = field(default_factory=lambda: {"epochs": 3})


def judged(**settings):
    def loop():
        torch.manual_seed(5)
        held_out = [batch(torch.randn(20, 3, 8, 8), torch.randint(3, (20,)))]
        stopping = EarlyStopping(no_change(epochs=3), metric="accuracy", higher_is_better=True)
        return {"held_out": lambda: held_out, "controllers": (stopping,), "schedule": one_cycle()}

    return Case(
        lambda: Judged(supervised.network()),
        supervised.batches,
        SGD,
        stops=(20, 33),
        loop=loop,
        settings={"epochs": 8, **settings},
    )


CASES = {
    "supervised": Case(
        lambda: supervised.Supervised(supervised.network()), supervised.batches, SGD
    ),
    "judged": judged(),
    "averaged": judged(ema_decay=0.9, clip_norm=1.0, ring=2),
    "bf16": judged(precision="bf16", micro_batch_size=5),
    "gan": Case(lambda: gan.Gan(*gan.networks()), gan.batches, gan.OPTIMIZER, stops=(1, 10, 29)),
    "commanded": Case(
        lambda: gan.Gan(*gan.networks()),
        gan.batches,
        gan.OPTIMIZER,
        loop=lambda: {"controllers": (Doctor(),)},
    ),
    "wgan-gp": Case(lambda: wgan_gp.WganGp(*wgan_gp.networks()), wgan_gp.batches, ADAM),
    "cycle-gan": Case(lambda: cycle_gan.CycleGan(cycle_gan.networks()), cycle_gan.batches, ADAM),
    "rev-grad": Case(
        lambda: rev_grad.RevGrad(rev_grad.networks(), steps=30), rev_grad.batches, SGD
    ),
    "adda": Case(lambda: adda.Adda(adda.networks()), adda.sources, ADAM, stops=(15, 30, 45)),
    "adda-frozen": Case(lambda: Frozen(adda.networks()), adda.sources, ADAM, stops=(30, 31)),
    "truncated-bptt": Case(
        lambda: truncated.TruncatedBptt(truncated.networks()), truncated.batches, ADAM
    ),
    "l-bfgs": Case(
        lambda: lbfgs.Regression(lbfgs.network()),
        lbfgs.batches,
        {"name": "lbfgs", "learning_rate": 0.5, "max_iter": 4, "line_search_fn": "strong_wolfe"},
        stops=(1, 3, 7),
    ),
    "look-ahead": Case(
        lambda: nesterov.Classifier(nesterov.network()),
        nesterov.batches,
        {"name": "lookahead-nesterov", "learning_rate": 0.05},
    ),
    "capsules": Case(lambda: capsules.CapsuleMethod(*capsules.networks()), capsules.batches, ADAM),
    "reinforce": Case(
        lambda: reinforce.Reinforce(reinforce.policy()),
        lambda: {"world": reinforce.Acting()},
        {"name": "sgd", "learning_rate": 0.5},
    ),
}


class StopAt(Observer):
    def __init__(self, step):
        self.step, self.loop, self.losses = step, None, []

    def epoch_ended(self, view, *, loss, examples, seconds):
        self.losses.append((loss, examples))

    def stepped(self, view):
        if view.step == self.step:
            self.loop.request_stop()


def begun(case, folder, *, stop=0):
    """A fresh loop that keeps its snapshots in `folder`."""
    torch.manual_seed(torch.seed())  # what was drawn before must not matter
    stopper = StopAt(stop)
    options = {"snapshots": SnapshotFolder(folder), "observers": (stopper,), **case.loop()}
    stopper.loop = loop_of(
        case.method(), case.sources(), optimizer=case.optimizer, loop=options, **case.settings
    )
    return stopper.loop


def different(one, other, place=""):
    """Where two states differ, bit for bit."""
    if isinstance(one, Tensor):
        return [] if one.dtype == other.dtype and torch.equal(one, other) else [place]
    if isinstance(one, dict):
        if one.keys() != other.keys():
            return [f"keys of {place}"]
        return [p for key in one for p in different(one[key], other[key], f"{place}.{key}")]
    if isinstance(one, (list, tuple)):
        if len(one) != len(other):
            return [f"length of {place}"]
        pairs = zip(one, other, strict=True)
        return [p for n, (a, b) in enumerate(pairs) for p in different(a, b, f"{place}[{n}]")]
    return [] if one == other and type(one) is type(other) else [f"{place}: {one} {other}"]


@pytest.mark.parametrize("name", CASES)
def test_interrupted_and_resumed_is_uninterrupted(name, tmp_path):
    case = CASES[name]
    whole = begun(case, tmp_path / "whole")
    ended = whole.run()
    _, wanted, _ = SnapshotFolder(tmp_path / "whole").newest()
    for stop in case.stops:
        folder = tmp_path / f"stopped-{stop}"
        first = begun(case, folder, stop=stop)
        assert first.run().reason == "interrupted"
        assert first.counters.step == stop
        file, state, _ = SnapshotFolder(folder).newest()
        assert file.name == f"step-{stop:09d}.snapshot"
        second = begun(case, folder)
        second.resume(state)
        assert second.run() == ended
        _, found, _ = SnapshotFolder(folder).newest()
        told, all_told = (loop.observers[0].losses for loop in (second, whole))
        assert told
        assert told == all_told[-len(told) :]  # of the whole epoch, the part before too
        assert different(found, wanted) == []  # weights, moments, pools, generators, all of it
        last, wanted_last = second.method.state_dict(), whole.method.state_dict()
        assert different(dict(last), dict(wanted_last)) == []


def test_early_stopping_has_a_say_in_the_cases(tmp_path):
    ended = begun(CASES["judged"], tmp_path).run()
    assert ended.reason.startswith("early stopping")
    assert 33 < ended.step < 80


def test_what_is_not_in_the_snapshot_would_show(tmp_path):
    case = CASES["cycle-gan"]
    whole = begun(case, tmp_path / "whole")
    whole.run()
    begun(case, tmp_path / "cut", stop=7).run()
    _, state, _ = SnapshotFolder(tmp_path / "cut").newest()
    state["stateful"]["pool_a"]["kept"] = []
    second = begun(case, tmp_path / "cut")
    second.resume(state)
    second.run()
    assert different(dict(second.method.state_dict()), dict(whole.method.state_dict()))


def test_a_closed_form_is_not_solved_again(tmp_path):
    class Chain(ridge.Ridge):
        def stages(self):
            return (
                *super().stages(),
                ridge.Stage(name="again", fit=lambda stream: calls.append("again")),
            )

        def fit(self, stream):
            calls.append("solve")

    calls: list[str] = []
    folder = SnapshotFolder(tmp_path)
    sources = {"train": Listed(ridge.batches())}
    options = {"optimizer": SGD, "loop": {"snapshots": folder}}
    loop_of(Chain(4, penalty=1.0), sources, **options).run()
    assert calls == ["solve", "again"]
    _, state, _ = folder.newest()
    after_the_first = {**state, "counters": {**state["counters"], "stage": 0, "step": 1}}
    resumed = loop_of(Chain(4, penalty=1.0), sources, **options)
    resumed.resume(after_the_first)
    resumed.run()
    assert calls == ["solve", "again", "again"]
