"""What observers hear, in which order, and that listening changes no bit."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from contract_kit import Listed, batch, loop_of, same_bits
from netwright.methods.base import Loss, Method, Phase, Prediction, Stage
from netwright.metrics.base import Metric
from netwright.train.control import Controller, Observer, Stop
from netwright.train.snapshot import SnapshotFolder

SGD = {"name": "sgd", "learning_rate": 0.05}
MOMENTS = (
    *("started", "stage_entered", "phase_done", "stepped", "epoch_ended"),
    *("validated", "snapshot_taken", "commanded", "ended"),
)


class MeanError(Metric):
    higher_is_better = False

    def __init__(self):
        self.errors = []

    def update(self, prediction, targets, *, weight=None):
        self.errors.append((prediction.outputs - targets).abs().mean())

    def compute(self):
        return float(torch.stack(self.errors).mean())


class Model(Method):
    def __init__(self, *, stages=1):
        super().__init__()
        torch.manual_seed(1)
        self.net = nn.Sequential(
            nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Linear(8, 1)
        )
        self.count = stages

    def stages(self):
        return tuple(Stage(name=f"stage-{number}") for number in range(self.count))

    def phases(self, stage):
        return (
            Phase(name="few", optimizers=("main",), loss=self.loss),
            Phase(name="many", optimizers=("main",), loss=self.loss, batches=2),
        )

    def loss(self, batch):
        total = F.mse_loss(self.net(batch.inputs), batch.targets, reduction="sum")
        return Loss(total=total, count=len(batch))

    def predict(self, inputs):
        return Prediction(outputs=self.net(inputs))

    def metrics(self):
        return {"error": MeanError()}


def batches(count=4):
    torch.manual_seed(2)
    made = []
    for _ in range(count):
        x = torch.randn(6, 3)
        made.append(batch(x, x.sum(1, keepdim=True)))
    return made


class Hears(Observer):
    def __init__(self, log):
        self.log = log


def _hear(moment):
    def hear(self, view, **what):
        self.log.append(moment)

    return hear


for _moment in MOMENTS:
    setattr(Hears, _moment, _hear(_moment))


class Speaks(Controller):
    name = "speaks"
    owns = frozenset({Stop})

    def __init__(self, log, *, at=None):
        self.log, self.at = log, at

    def after_stage_entered(self, view):
        self.log.append("· after_stage_entered")
        return ()

    def after_step(self, view):
        self.log.append("· after_step")
        return ()

    def after_epoch(self, view):
        self.log.append("· after_epoch")
        return (Stop(reason="enough"),) if view.epoch == self.at else ()

    def after_validation(self, view, *, metrics):
        self.log.append("· after_validation")
        return ()


STEP = ["phase_done", "phase_done", "phase_done", "stepped", "· after_step"]
EPOCH = [
    *STEP,
    *STEP,
    "epoch_ended",
    "· after_epoch",
    "validated",
    "· after_validation",
    "snapshot_taken",
]
BEGIN = ["stage_entered", "· after_stage_entered"]


def logged(tmp_path, *, stages=1, at=None, **settings):
    log: list[str] = []
    method = Model(stages=stages)
    loop = loop_of(
        method,
        batches(),
        optimizer=SGD,
        loop={
            "observers": (Hears(log),),
            "controllers": (Speaks(log, at=at),),
            "held_out": lambda: batches(1),
            "snapshots": SnapshotFolder(tmp_path),
        },
        **settings,
    )
    loop.run()
    return log


def test_the_order_is_that_of_the_page(tmp_path):
    assert logged(tmp_path, epochs=2) == ["started", *BEGIN, *EPOCH, *EPOCH, "ended"]


def test_each_stage_is_entered(tmp_path):
    assert logged(tmp_path, stages=2, epochs=1) == [
        "started", *BEGIN, *EPOCH, *BEGIN, *EPOCH, "ended",
    ]  # fmt: skip


def test_a_command_is_told_once_carried_out(tmp_path):
    log = logged(tmp_path, at=1, epochs=5)
    asked = log.index("· after_epoch")
    assert log[asked : asked + 3] == ["· after_epoch", "commanded", "validated"]
    assert log[-1] == "ended"
    assert log.count("epoch_ended") == 1


def test_less_often(tmp_path):
    log = logged(tmp_path, epochs=5, validate_every=2, snapshot_every=3)
    epochs = "".join({"epoch_ended": "e", "validated": "v", "snapshot_taken": "s"}.get(m, "")
                     for m in log)  # fmt: skip
    assert epochs == "eevesevevs"


class Reads(Observer):
    """Looks at everything a view shows and at all it is told."""

    def __init__(self):
        self.seen = []

    def __getattribute__(self, name):
        if name not in MOMENTS:
            return super().__getattribute__(name)

        def look(view, **what):
            if name != "started":
                self.seen.append(
                    (view.stage, view.step, view.epoch, view.position, view.stage_step,
                     view.stage_steps, view.steps_per_epoch, view.skipped_updates)
                )  # fmt: skip
            for value in view.method.state_dict().values():
                value.sum().item()
            if name == "phase_done":
                assert not what["outcome"].mean.requires_grad
                assert not what["outcome"].gradient_norm.requires_grad
                assert not what["outcome"].loss.total.requires_grad

        return look


def test_observers_change_no_bit():
    bare, observed, reads = Model(), Model(), Reads()
    loop_of(bare, batches(), optimizer=SGD, epochs=3).run()
    loop = {"observers": (reads,), "controllers": (Speaks([]),)}
    loop_of(observed, batches(), optimizer=SGD, epochs=3, loop=loop).run()
    assert same_bits(observed, bare)
    assert {seen[5] for seen in reads.seen} == {6}
    assert {seen[6] for seen in reads.seen} == {2}


def test_a_run_leaves_the_callers_random_state():
    torch.manual_seed(7)
    wanted = torch.rand(3)
    torch.manual_seed(7)
    loop = loop_of(Model(), batches(), optimizer=SGD)
    torch.manual_seed(7)
    loop.run()
    assert torch.equal(torch.rand(3), wanted)


def test_what_a_view_says():
    said = {}

    class Asks(Observer):
        def stepped(self, view):
            said[view.step] = (view.epoch, view.position, view.stage_step, view.learning_rates)

        def epoch_ended(self, view, *, loss, examples, seconds):
            said[f"epoch {view.epoch}"] = examples
            assert loss > 0
            assert seconds > 0

    loop_of(Model(), batches(), optimizer=SGD, epochs=2, loop={"observers": (Asks(),)}).run()
    place = type(said[1][1])
    assert said[1] == (0, place(0, 2), 1, {"main": 0.05})
    assert said[2] == (0, place(0, 4), 2, {"main": 0.05})
    assert said[3] == (1, place(1, 2), 3, {"main": 0.05})
    assert said["epoch 1"] == said["epoch 2"] == 24


class Closing(Listed):
    closed = 0

    def close(self):
        self.closed += 1


@pytest.mark.parametrize("fails", [False, True])
def test_sources_are_closed_whatever_happens(fails):
    source = Closing(batches())

    class Fails(Observer):
        def stepped(self, view):
            if fails and view.step == 2:
                raise RuntimeError("broken")

    loop = loop_of(Model(), source, optimizer=SGD, loop={"observers": (Fails(),)})
    if fails:
        with pytest.raises(RuntimeError, match="broken"):
            loop.run()
    else:
        loop.run()
    assert source.closed == 1
