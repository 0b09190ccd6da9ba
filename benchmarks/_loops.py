"""The loops that `loop_overhead.py` compares: each does so many steps and says what they cost.

All learn the same: an MLP 64-128-10, batches of 64 that lie ready in memory, cross-entropy, torch's
fused SGD with momentum, a constant rate, 32 bits, one thread. A loop's time begins when everything
is built and ends when what it wrote is on its way to the disk. What a loop spends once is taken
out later, by the difference between a long run and a short one.
"""

from __future__ import annotations

import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["HAND", "OURS", "PEERS", "Loop"]

Loop: TypeAlias = Callable[[int], tuple[float, nn.Module]]
"""From a number of steps to the processor seconds they took, and what has learned."""

SGD = {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.0, "fused": True}
BATCH, READY = 64, 50


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))


def batches(steps: int) -> list[tuple[Tensor, Tensor]]:
    """As many as asked for, of which every READY-th is the same object."""
    draw = torch.Generator().manual_seed(0)
    ready = [
        (torch.randn(BATCH, 64, generator=draw), torch.randint(10, (BATCH,), generator=draw))
        for _ in range(READY)
    ]
    return list(itertools.islice(itertools.cycle(ready), steps))


class Passes:
    """Batches to iterate over, for those who take a list for several loaders."""

    def __init__(self, steps: int) -> None:
        self._ready = batches(steps)

    def __len__(self) -> int:
        return len(self._ready)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return iter(self._ready)


def sgd(model: nn.Module) -> torch.optim.SGD:
    return torch.optim.SGD(model.parameters(), **SGD)


@contextmanager
def unseen() -> Iterator[None]:
    """What is drawn goes to nobody; it is drawn nevertheless."""
    with (
        open(os.devnull, "w", encoding="utf-8") as nobody,
        redirect_stderr(nobody),
        redirect_stdout(nobody),
    ):
        yield


def timed(work: Callable[[], object], model: nn.Module) -> tuple[float, nn.Module]:
    start = time.process_time()
    work()
    return time.process_time() - start, model


# --- by hand --------------------------------------------------------------------------------------


def hand(steps: int) -> tuple[float, nn.Module]:
    model, ready = network(), batches(steps)
    optimizer = sgd(model)

    def work() -> None:
        for inputs, targets in ready:
            optimizer.zero_grad()
            F.cross_entropy(model(inputs), targets).backward()
            optimizer.step()

    return timed(work, model)


# --- ours -----------------------------------------------------------------------------------------


def ours(steps: int, *, doctor: bool, schedule: str = "constant") -> tuple[float, nn.Module]:
    """The workflow's own loop and observers; every step is recorded, the terminal is one."""
    from rich.console import Console

    from netwright.runs.events import Recorder
    from netwright.runs.recipe import Recipe
    from netwright.train.loop import Loop as OurLoop
    from netwright.train.observers.progress import Progress
    from netwright.train.observers.record import Record
    from netwright.workflow.build import make_optimizers, schedule_of, settings_of
    from netwright.workflow.checkup import doctor_for
    from netwright.workflow.session import Given, open_session

    some = batches(READY)
    data = torch.cat([x for x, _ in some]), torch.cat([y for _, y in some])
    optimizer = {"name": "sgd", "learning_rate": SGD["lr"], "fused": SGD["fused"]}
    optimizer |= {"momentum": SGD["momentum"], "weight_decay": SGD["weight_decay"]}
    asked: dict[str, Any] = {
        "data": {"name": "given"},
        "device": "cpu",
        "optimizer": optimizer,
        "schedule": {"name": schedule},
        "training": {"epochs": 1, "batch_size": BATCH, "precision": "fp32", "record_every": 1},
    }
    model = network()
    session = open_session(Recipe.parse(asked), Given(data=data, model=model))
    source = ready_source(steps)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        nobody = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))

        def work() -> None:
            console = Console(force_terminal=True, file=nobody)
            with (
                Recorder(folder, 1) as recorder,
                closing(Record(recorder, every=1)) as record,
                closing(Progress(console)) as progress,
            ):
                watchers: list[Any] = [record, progress]
                if doctor:
                    watchers.append(doctor_for(session, source=source, report=record.found))
                OurLoop(
                    session.method,
                    {"train": source},
                    make_optimizer=make_optimizers(session.recipe),
                    settings=settings_of(session.recipe),
                    schedule=schedule_of(session.recipe),
                    observers=watchers,
                ).run()

        return timed(work, model)


def ready_source(steps: int) -> Any:
    from netwright.data.batch import Batch
    from netwright.data.source import Act, Position, Source

    index = torch.arange(BATCH)
    ready = [Batch(inputs, targets, index) for inputs, targets in batches(steps)]

    class Ready(Source):
        length = steps

        def next(self, position: Position, act: Act | None = None) -> Batch:
            return ready[position.step]

    return Ready()


# --- peers ----------------------------------------------------------------------------------------


def ignite(steps: int, *, told: bool) -> tuple[float, nn.Module]:
    from ignite.engine import create_supervised_trainer
    from ignite.handlers import ProgressBar

    model = network()
    trainer = create_supervised_trainer(model, sgd(model), nn.CrossEntropyLoss())
    ready = batches(steps)
    with unseen():
        if told:
            ProgressBar().attach(trainer, output_transform=lambda loss: {"loss": loss})
        return timed(lambda: trainer.run(ready, max_epochs=1), model)


def skorch(steps: int, *, told: bool) -> tuple[float, nn.Module]:
    import numpy as np
    from skorch import NeuralNetClassifier

    ready = batches(steps)
    net = NeuralNetClassifier(
        network(),
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.SGD,
        **{f"optimizer__{name}": value for name, value in SGD.items()},
        max_epochs=1,
        train_split=None,
        classes=list(range(10)),
        iterator_train=lambda dataset, **_: ready,
        callbacks=None if told else "disable",
        verbose=int(told),
    )
    rows = np.zeros((BATCH, 64), np.float32), np.zeros(BATCH, np.int64)
    with unseen():
        net.initialize()
        return timed(lambda: net.partial_fit(*rows), net.module_)


def accelerate(steps: int, *, told: bool) -> tuple[float, nn.Module]:
    """Lean prepares model and optimiser; told, as its guide does, also the loader, with a bar."""
    from accelerate import Accelerator
    from accelerate.utils import tqdm

    accelerator = Accelerator(cpu=True)
    plain, ready = network(), batches(steps)
    model, optimizer = accelerator.prepare(plain, sgd(plain))

    def lean() -> None:
        for inputs, targets in ready:
            optimizer.zero_grad()
            accelerator.backward(F.cross_entropy(model(inputs), targets))
            optimizer.step()

    loader = accelerator.prepare(torch.utils.data.DataLoader(ready, batch_size=None))

    def whole() -> None:
        for inputs, targets in tqdm(loader):
            with accelerator.accumulate(model):
                optimizer.zero_grad()
                accelerator.backward(F.cross_entropy(model(inputs), targets))
                optimizer.step()

    with unseen():
        return timed(whole if told else lean, plain)


def lightning(steps: int, *, told: bool) -> tuple[float, nn.Module]:
    import lightning

    class Learner(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = network()

        def training_step(self, batch: tuple[Tensor, Tensor], number: int) -> Tensor:
            loss = F.cross_entropy(self.network(batch[0]), batch[1])
            if told:
                self.log("loss", loss, prog_bar=True)
            return loss

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return sgd(self)

    with tempfile.TemporaryDirectory() as root, unseen():
        kept: Mapping[str, Any] = {
            "logger": lightning.pytorch.loggers.CSVLogger(root) if told else False,
            "enable_progress_bar": told,
            "enable_checkpointing": False,
            "enable_model_summary": False,
        }
        trainer = lightning.Trainer(max_epochs=1, accelerator="cpu", default_root_dir=root, **kept)
        learner, ready = Learner(), Passes(steps)
        return timed(lambda: trainer.fit(learner, ready), learner.network)


def fastai(steps: int, *, told: bool) -> tuple[float, nn.Module]:
    from fastai.callback.progress import ProgressCallback
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner, Recorder
    from fastai.optimizer import OptimWrapper

    with unseen():
        loader = torch.utils.data.DataLoader(batches(steps), batch_size=None)
        options = {name: value for name, value in SGD.items() if name != "lr"}
        learner = Learner(
            DataLoaders(loader, [], device="cpu"),
            network(),
            loss_func=nn.CrossEntropyLoss(),
            opt_func=partial(OptimWrapper, opt=partial(torch.optim.SGD, **options)),
            lr=SGD["lr"],
        )
        if not told:
            learner.remove_cbs([ProgressCallback, Recorder])
        return timed(lambda: learner.fit(1), learner.model)


HAND = {"hand-written": hand}
OURS: dict[str, Loop] = {
    "netwright, record and progress": partial(ours, doctor=False),
    "netwright, record, progress and doctor": partial(ours, doctor=True),
    "netwright, all of it and one-cycle": partial(ours, doctor=True, schedule="one-cycle"),
}
PEERS: dict[str, Loop] = {
    f"{peer.__name__}, {how}": partial(peer, told=told)
    for peer in (ignite, skorch, accelerate, lightning, fastai)
    for how, told in (("lean", False), ("with its usual logging and bar", True))
}
