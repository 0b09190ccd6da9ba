"""Runs of two processes, as torchrun starts them: judged, killed, taken up on another number."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import nn

from netwright._errors import BadValue
from netwright.data.batch import Batch
from netwright.data.source import Share
from netwright.methods.base import Method, Phase, Prediction
from netwright.metrics.base import Metric
from netwright.runs.events import events
from netwright.runs.store import RunFolder
from netwright.train.distribute.processes import Alone
from netwright.train.distribute.ranks import change_of_world, own_state
from netwright.train.loop import Loop
from netwright.train.precision import choose_precision
from netwright.train.snapshot import SnapshotFolder, own_copy, read_snapshot
from netwright.train.state import capture
from netwright.train.validation import validate
from netwright.workflow.fit import resume
from ranks_kit import launch
from workflow_kit import blobs

TINY = [
    "model={name: mlp, hidden: [8], dropout: 0.2}",
    "training.epochs=6",
    "training.batch_size=8",
    "training.snapshot_every=1",
    "training.snapshots_kept=20",
    "optimizer={name: adamw, learning_rate: 0.01}",
]


class Classifier(Method):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def phases(self, stage):
        return (Phase(name="main", optimizers=("main",), loss=self.loss),)

    def loss(self, batch):
        raise NotImplementedError

    def predict(self, inputs):
        return Prediction(outputs=self.net(inputs).argmax(1))


class Told(Metric):
    """A stranger's: depends on the order, keeps what it is given."""

    higher_is_better = True

    def __init__(self):
        self.seen = []

    def update(self, prediction, targets, *, weight=None):
        self.seen += [prediction.outputs.double(), targets.double() * (weight + 1)]

    def compute(self):
        everything = torch.cat(self.seen)
        return float((everything * torch.arange(1, len(everything) + 1)).sum())


def mlp():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 3))


class Judged(Classifier):
    def metrics(self):
        return {"told": Told()}


def passed(share):
    generator = torch.Generator().manual_seed(5)
    for number, size in enumerate((8, 8, 8, 8, 3)):
        batch = Batch(
            inputs=torch.randn(size, 6, generator=generator),
            targets=torch.arange(size) % 3,
            index=torch.arange(size),
            weight=torch.rand(size, generator=generator),
        )
        if number % share.of == share.rank:
            yield batch


def judge(processes):
    method = Judged(mlp())
    if processes.share.of > 1:
        processes.prepare(method, torch.device("cpu"))
    fp32 = choose_precision("fp32", torch.device("cpu"))
    return validate(method, lambda: passed(processes.share), precision=fp32, processes=processes)


def judge_in_parts(world):
    from netwright.train.distribute.sharding import ShardedWorld

    return judge(ShardedWorld())


@pytest.mark.parametrize("act", [judge, judge_in_parts])
def test_any_metric_is_that_of_one_process(ranks, act):
    alone = judge(Alone())
    assert ranks.run(act) == [alone, alone]


def normalised(world):
    method = Classifier(nn.Sequential(nn.BatchNorm1d(6), nn.Linear(6, 3)))
    method.net[0](torch.full((4, 6), float(world.share.rank)) + torch.arange(4.0)[:, None])
    method.register_buffer("mask", torch.tensor([0.0, float("-inf"), float("nan")]))
    before = {name: value.clone() for name, value in method.state_dict().items()}
    names = [name for name, _ in method.named_buffers()]
    merged = world.merged(method.state_dict(), names)
    unchanged = all(
        torch.equal(value.nan_to_num(), before[name].nan_to_num())
        for name, value in method.state_dict().items()
    )
    return before, merged, unchanged


def test_statistics_are_averaged_and_what_is_equal_keeps_its_bits(ranks):
    (first, merged, unchanged), (second, same, _) = ranks.run(normalised)
    mean = "net.0.running_mean"
    assert unchanged
    torch.testing.assert_close(merged[mean], (first[mean] + second[mean]) / 2)
    assert not torch.equal(first[mean], second[mean])
    assert torch.equal(merged[mean], same[mean])
    assert torch.equal(merged["mask"].nan_to_num(), first["mask"].nan_to_num())
    assert merged["net.0.num_batches_tracked"].dtype is torch.int64


def stopping(world):
    if world.share.rank == 1:
        world.wish_to_stop()
    before = world.stops
    world.agreed([])
    return before, world.stops


def test_a_wish_to_stop_is_heard_by_all(ranks):
    assert ranks.run(stopping) == [(False, True), (False, True)]


def failing(world):
    def refuse():
        raise BadValue("data must be there, got none.")

    try:
        world.in_turn(refuse)
    except BadValue as error:
        return str(error), error.met_by


def test_an_error_of_the_first_process_reaches_all(ranks):
    sentence = "data must be there, got none."
    assert ranks.run(failing) == [(sentence, None), (sentence, 0)]


def synchronised(world):
    from netwright.train.distribute.world import World

    try:
        World(sync_batch_norm=True).prepare(Classifier(mlp()), torch.device("cpu"))
    except BadValue as error:
        return str(error)


def test_batch_normalisation_over_processors_is_refused(ranks):
    assert all(
        "sync_batch_norm must be false on a processor" in one for one in ranks.run(synchronised)
    )


SCRIPT = """
import atexit, sys, os, signal, time
import torch

@atexit.register  # what is registered first is called last
def threads_left():
    left = len(os.listdir("/proc/self/task")) if sys.platform == "linux" else 1
    with open({root!r} + "-threads-" + os.environ.get("RANK", "0"), "w") as file:
        file.write(str(left))
import netwright as nw
sys.path.insert(0, {tests!r})
from workflow_kit import blobs
from netwright.workflow.fit import fit, resume
from netwright.train.loop import Loop
from netwright.train.state import capture

how = sys.argv[1]
step = Loop._step
def stepping(self):
    if how == "resume" and not hasattr(self, "looked"):
        self.looked = capture(self)
        held = {{part: self.looked[part] for part in ("method", "optimizers")}}
        torch.save(held, {root!r} + f"-{{self.processes.share.rank}}")
    step(self)
    if how == "killed" and self.counters.step == 20 and self.processes.share.rank == 1:
        with open({root!r} + "-killed", "w") as file:
            file.write(str(time.monotonic()))
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "interrupted" and self.counters.step == 20 and self.processes.share.rank == 1:
        os.kill(os.getppid(), signal.SIGINT)  # the launcher: it tells both
    if how == "raises" and self.counters.step == 20 and self.processes.share.rank == 1:
        raise KeyError("lost")
Loop._step = stepping
x, y = blobs(80)
if how == "resume":
    run = resume("r", data=(x, y), root={root!r})
else:
    run = fit((x, y), changes={changes!r}, name="r", root={root!r}, device="cpu")
"""


def script(folder: Path, *, root: Path, changes=()):
    file = folder / "script.py"
    tests = str(Path(__file__).resolve().parent.parent)
    file.write_text(SCRIPT.format(tests=tests, root=str(root), changes=[*TINY, *changes]))
    return file


def weights(root):
    return RunFolder.open(root / "r").read_tensors("model.safetensors")


def same_values(one, other):
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same_values(one[k], other[k]) for k in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same_values, one, other))
    return one == other


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A run of two processes of which one was killed in step 21, in the third epoch."""
    folder = tmp_path_factory.mktemp("killed")
    done = launch([str(script(folder, root=folder / "runs")), "killed"])
    # of one clock, whose start is the machine's
    return folder, done, time.monotonic() - float((folder / "runs-killed").read_text())


def test_a_process_that_is_killed_stops_the_others_with_its_name(killed):
    folder, done, seconds = killed
    assert done.returncode != 0
    assert seconds < 30
    assert re.search(r"rank +: 1 \(local_rank: 1\)", done.stderr)
    assert "SIGKILL" in done.stderr
    assert not (folder / "runs" / "r" / "model.safetensors").exists()


def copied(killed, folder):
    import shutil

    shutil.copytree(killed[0] / "runs", folder / "runs")
    return folder / "runs"


def test_taken_up_by_as_many_it_ends_with_the_same_bits(killed, tmp_path):
    root, whole = copied(killed, tmp_path), tmp_path / "whole"
    again = launch([str(script(tmp_path, root=root)), "resume"])
    assert again.returncode == 0, again.stderr
    left = [(tmp_path / f"runs-threads-{rank}").read_text() for rank in range(2)]
    assert left == ["1", "1"], "threads of a group that live on abort the process at its end"
    never = launch([str(script(tmp_path, root=whole)), "whole"])
    assert never.returncode == 0, never.stderr
    assert same(weights(root), weights(whole))
    steps = [
        (event["step"], event["loss"]) for event in events(root / "r", "step") if "loss" in event
    ]
    assert steps == [
        (event["step"], event["loss"]) for event in events(whole / "r", "step") if "loss" in event
    ]


def test_taken_up_by_one_it_goes_on_from_the_same_weights(killed, tmp_path, monkeypatch):
    root, seen = copied(killed, tmp_path), []
    state = read_snapshot(SnapshotFolder(root / "r" / "snapshots").files()[-1])
    assert len(state["ranks"]) == 2
    assert "2 processes and the run goes on in 1" in change_of_world(state, Share())[0]
    step = Loop._step
    monkeypatch.setattr(
        Loop, "_step", lambda loop: (seen or seen.append(own_copy(capture(loop))), step(loop))
    )
    run = resume("r", data=blobs(80), root=root)
    assert run.metrics["accuracy"] > 0.5
    assert all(same_values(seen[0][part], state[part]) for part in ("method", "optimizers"))


def test_states_of_another_number_of_processes():
    state = {
        "counters": {"step": 3, "examples": 10}, "random": 1, "stateful": {"pool": 1},
        "sources": {"train": {"at": 1}}, "method": {}, "average": {},
    }  # fmt: skip
    first = own_state(state, Share(rank=0, of=2), seed=0)
    second = own_state(state, Share(rank=1, of=2), seed=0)
    third = own_state(state, Share(rank=2, of=3), seed=0)
    assert first == state
    assert second["counters"]["examples"] == 0
    assert second["sources"] == {"train": {}}
    assert second["stateful"] == state["stateful"]
    assert not torch.equal(second["random"]["torch"], third["random"]["torch"])
    assert change_of_world(state, Share()) == []


@pytest.mark.slow
def test_one_process_is_taken_up_by_two(tmp_path):
    root = tmp_path / "runs"
    file = script(tmp_path, root=root)
    lone = subprocess.run(
        check=False,
        args=[sys.executable, str(file), "whole"],
        env=os.environ,
        capture_output=True,
        text=True,
    )
    assert lone.returncode == 0, lone.stderr
    snapshots = SnapshotFolder(root / "r" / "snapshots").files()
    for later in snapshots[3:]:
        later.unlink()
    state = read_snapshot(snapshots[2])
    (root / "r" / "model.safetensors").unlink()
    (root / "r" / "report.html").unlink()
    text = (root / "r" / "events.jsonl").read_text().splitlines(keepends=True)
    kept = [line for line in text if '"complete"' not in line]
    (root / "r" / "events.jsonl").write_text("".join(kept))
    done = launch([str(file), "resume"])
    assert done.returncode == 0, done.stderr
    assert "1 process and the run goes on in 2" in done.stderr
    for rank in range(2):
        held = torch.load(tmp_path / f"runs-{rank}")
        assert same_values(held, {part: state[part] for part in ("method", "optimizers")})


@pytest.mark.slow
def test_an_interrupt_of_the_launcher_ends_the_run_with_a_snapshot(tmp_path):
    root = tmp_path / "runs"
    file = script(tmp_path, root=root, changes=["training.epochs=400", "training.snapshot_every=0"])
    launch([str(file), "interrupted"])
    (ended,) = events(root / "r", "ended")
    assert ended["reason"] == "interrupted"
    (snapshot,) = SnapshotFolder(root / "r" / "snapshots").files()
    assert len(read_snapshot(snapshot)["ranks"]) == 2


@pytest.mark.slow
def test_an_error_in_one_process_is_told_with_its_traceback(tmp_path):
    done = launch([str(script(tmp_path, root=tmp_path / "runs")), "raises"])
    assert done.returncode != 0
    assert "rank      : 1" in done.stderr
    assert "KeyError: 'lost'" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("distribution", ["data-parallel", "fsdp"])
def test_the_command_line_under_torchrun(tmp_path, distribution):
    arguments = ["-m", "netwright", "train", "digits", "--epochs", "1", "--root", str(tmp_path)]
    done = launch([*arguments, "--set", f"training.distribution={distribution}"])
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("test: accuracy") == 1
    assert done.stderr.count("batch normalisation sees 2 parts") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["digits-1"]


def test_a_mistake_is_said_once(tmp_path):
    done = launch(["-m", "netwright", "train", "no-such-data", "--root", str(tmp_path)])
    assert done.returncode != 0
    assert done.stderr.count("error: ") == 1


@pytest.mark.slow
def test_two_processes_mix_the_examples_that_one_mixes(tmp_path):
    changes = [
        "augment=[{name: elastic}, {name: mixup, alpha: 1.0}]", "model={name: mlp, hidden: [8]}",
        "optimizer={name: sgd, learning_rate: 0.05}", "training.batch_size=33",
        "training.precision=fp32",
    ]  # fmt: skip
    arguments = ["-m", "netwright", "train", "digits", "--epochs", "1"]
    arguments += [word for change in changes for word in ("--set", change)]
    two = launch([*arguments, "--root", str(tmp_path / "two")])
    assert two.returncode == 0, two.stderr
    one = subprocess.run(
        [sys.executable, *arguments, "--root", str(tmp_path / "one")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert one.returncode == 0, one.stderr
    losses = [
        [event["loss"] for event in events(tmp_path / name / "digits-1", "step")]
        for name in ("one", "two")
    ]
    assert len(losses[0]) > 30
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)
