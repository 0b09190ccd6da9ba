"""Whole runs in two processes: what ends them, what feeds them, how they are kept."""

from __future__ import annotations

import os
import signal

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

from netwright._errors import BadValue, NonFinite
from netwright.data.source import Share
from netwright.runs.events import events
from netwright.runs.store import RunFolder
from netwright.train.loop import Loop
from netwright.workflow.fit import fit, resume
from workflow_kit import TINY, blobs


def launched(world):
    """What torchrun would have told this process; it has met the others already."""
    os.environ |= {
        "RANK": str(world.share.rank),
        "WORLD_SIZE": str(world.share.of),
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": "0",
    }


def fitted(world, root, changes):
    launched(world)
    return fit(blobs(80), name="r", root=root, device="cpu", changes=[*TINY, *changes])


def outcome(run):
    kept = [f"{name}={value.sum():.6f}" for name, value in run.method.state_dict().items()]
    ended = list(events(run.folder.path, "ended"))[-1]
    return ended["reason"], ended["step"], kept


STANDING = [
    "optimizer={name: sgd, learning_rate: 1.0e-6, weight_decay: 0.0}",
    "training.early_stopping={trigger: no-change, epochs: 2}",
    "training.epochs=9",
]


def stopping_early(world, root):
    return outcome(fitted(world, root, STANDING))


def test_early_stopping_ends_all_after_the_same_epoch(ranks, tmp_path):
    first, second = ranks.run(stopping_early, str(tmp_path))
    assert first == second
    assert first[0].startswith("early stopping")
    alone = fit(blobs(80), name="alone", root=tmp_path, device="cpu", changes=[*TINY, *STANDING])
    assert outcome(alone)[:2] == first[:2]


def divided(count, share):
    x, y = map(torch.as_tensor, blobs(90))
    whole = TensorDataset(x, y)
    sampler = DistributedSampler(whole, num_replicas=share.of, rank=share.rank)
    few = TensorDataset(x[:count], y[:count])
    train = DataLoader(whole, batch_size=8, sampler=sampler)
    return {"train": train, "val": DataLoader(few, batch_size=8)}


def from_loaders(world, root):
    launched(world)
    data = divided(5, world.share)
    run = fit(data, model=nn.Linear(4, 3), epochs=2, name="r", root=root, device="cpu")
    return outcome(run), run.metrics["accuracy"]


def test_loaders_that_divide_and_fewer_batches_to_judge_than_processes(ranks, tmp_path):
    first, second = ranks.run(from_loaders, str(tmp_path))
    assert first == second
    assert first[0][:2] == ("finished", 11)  # the last of two epochs of six batches
    told = [event["examples"] for event in events(tmp_path / "r", "epoch")]
    assert told == [90, 90]


def test_a_loader_that_divides_is_refused_by_one_process(tmp_path):
    with pytest.raises(BadValue, match="all examples to a single process"):
        fit(divided(5, Share(rank=0, of=2)), model=nn.Linear(4, 3), root=tmp_path, device="cpu")


def interrupted(world, root, distribution):
    if world.share.rank == 1:
        step = Loop._step

        def stepping(loop):
            step(loop)
            if loop.counters.step == 7:
                signal.raise_signal(signal.SIGINT)

        Loop._step = stepping
    try:
        return outcome(fitted(world, root, [f"training.distribution={distribution}"]))
    finally:
        if world.share.rank == 1:
            Loop._step = step


def resumed(world, root):
    launched(world)
    return outcome(resume(f"{root}/r", data=blobs(80)))


@pytest.mark.parametrize("distribution", ["data-parallel", "fsdp"])
def test_an_interrupt_of_any_ends_all_and_the_run_goes_on(ranks, tmp_path, distribution):
    root = str(tmp_path / "runs")
    stopped = ranks.run(interrupted, root, distribution)
    assert {one[:2] for one in stopped} == {("interrupted", stopped[0][1])}
    assert list((tmp_path / "runs" / "r" / "snapshots").iterdir())
    again = ranks.run(resumed, root)
    whole = ranks.run(whole_run, str(tmp_path / "whole"), distribution)
    assert again == whole
    assert again[0][0] == "finished"
    assert RunFolder.open(tmp_path / "runs" / "r").has("model.safetensors")


def whole_run(world, root, distribution):
    return outcome(fitted(world, root, [f"training.distribution={distribution}"]))


DIVERGING = ["optimizer={name: sgd, learning_rate: 1.0e+30}", "training.epochs=30"]


def given_up(world, root):
    try:
        fitted(world, root, DIVERGING)
    except NonFinite as error:
        return error.met_by, (RunFolder.open(f"{root}/r").path / "report.html").exists()


def test_a_run_that_is_given_up_is_reported_before_any_process_leaves(ranks, tmp_path):
    assert ranks.run(given_up, str(tmp_path)) == [(0, True), (0, True)]
