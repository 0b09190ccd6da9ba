"""The loops that `loop_overhead.py` and `small_cnn_step.py` compare.

Each does so many steps of the same work - a network, batches that lie ready in memory,
cross-entropy, one of torch's fused optimisers at a constant rate - and says what they cost. A
loop's time begins when everything is built and ends when what it wrote is on its way to the disk.
What a loop spends once is taken out later, by the difference between a long run and a short one.
"""

from __future__ import annotations

import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["MLP", "Loop", "Work", "hand", "ours", "peers"]

Loop: TypeAlias = Callable[[int], tuple[float, nn.Module]]
"""From a number of steps to the processor seconds they took, and what has learned."""

READY = 50  # different batches; they come again and again


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is to be done by everybody.

    Attributes:
        build: makes the network.
        shape: of one input.
        batch_size: examples a step.
        optimizer: its name in our catalogue.
        kind: its class in torch.
        options: of it, `lr` among them.
    """

    build: Callable[[], nn.Module]
    shape: Sequence[int]
    batch_size: int
    optimizer: str
    kind: type[torch.optim.Optimizer]
    options: Mapping[str, Any]

    def network(self) -> nn.Module:
        torch.manual_seed(0)
        return self.build()

    def batches(self, steps: int) -> list[tuple[Tensor, Tensor]]:
        draw = torch.Generator().manual_seed(0)
        count = self.batch_size
        ready = [
            (
                torch.randn(count, *self.shape, generator=draw),
                torch.randint(10, (count,), generator=draw),
            )
            for _ in range(READY)
        ]
        return list(itertools.islice(itertools.cycle(ready), steps))

    def passes(self, steps: int) -> Passes:
        return Passes(self.batches(steps))

    def optimizer_of(self, model: nn.Module) -> torch.optim.Optimizer:
        return self.kind(model.parameters(), **self.options)


class Passes:
    """Batches to iterate over, for those who take a list for several loaders."""

    def __init__(self, ready: Sequence[tuple[Tensor, Tensor]]) -> None:
        self._ready = ready

    def __len__(self) -> int:
        return len(self._ready)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return iter(self._ready)


MLP = Work(
    build=lambda: nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10)),
    shape=(64,),
    batch_size=64,
    optimizer="sgd",
    kind=torch.optim.SGD,
    options={"lr": 0.05, "momentum": 0.9, "weight_decay": 0.0, "fused": True},
)


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


def hand(steps: int, *, work: Work) -> tuple[float, nn.Module]:
    model, ready = work.network(), work.batches(steps)
    optimizer = work.optimizer_of(model)

    def learn() -> None:
        for inputs, targets in ready:
            optimizer.zero_grad()
            F.cross_entropy(model(inputs), targets).backward()
            optimizer.step()

    return timed(learn, model)


# --- ours -----------------------------------------------------------------------------------------


def ours(
    steps: int,
    *,
    work: Work,
    doctor: bool = True,
    schedule: str = "constant",
    precision: str = "auto",
) -> tuple[float, nn.Module]:
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

    some, model = work.batches(min(steps, READY)), work.network()
    data = torch.cat([x for x, _ in some]), torch.cat([y for _, y in some])
    options = dict(work.options)
    optimizer = {"name": work.optimizer, "learning_rate": options.pop("lr"), **options}
    training = {"epochs": 1, "batch_size": work.batch_size, "precision": precision}
    asked: dict[str, Any] = {
        "data": {"name": "given"},
        "preprocess": {"name": "none"},
        "augment": [],
        "device": "cpu",
        "optimizer": optimizer,
        "schedule": {"name": schedule},
        "training": training | {"record_every": 1},
    }
    session = open_session(Recipe.parse(asked), Given(data=data, model=model))
    source = ready_source(work.batches(steps))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        nobody = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))

        def learn() -> None:
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
                    make_optimizer=make_optimizers(session.recipe, session.method),
                    settings=settings_of(session.recipe),
                    schedule=schedule_of(session.recipe),
                    observers=watchers,
                ).run()

        return timed(learn, model)


def ready_source(ready: Sequence[tuple[Tensor, Tensor]]) -> Any:
    from netwright.data.batch import Batch
    from netwright.data.source import Act, Position, Source

    index = torch.arange(len(ready[0][1]))
    batches = [Batch(inputs, targets, index) for inputs, targets in ready]

    class Ready(Source):
        length = len(batches)

        def next(self, position: Position, act: Act | None = None) -> Batch:
            return batches[position.step]

    return Ready()


# --- peers ----------------------------------------------------------------------------------------


def ignite(steps: int, *, work: Work, told: bool) -> tuple[float, nn.Module]:
    from ignite.engine import create_supervised_trainer
    from ignite.handlers import ProgressBar

    model, ready = work.network(), work.batches(steps)
    trainer = create_supervised_trainer(model, work.optimizer_of(model), nn.CrossEntropyLoss())
    with unseen():
        if told:
            ProgressBar().attach(trainer, output_transform=lambda loss: {"loss": loss})
        return timed(lambda: trainer.run(ready, max_epochs=1), model)


def skorch(steps: int, *, work: Work, told: bool) -> tuple[float, nn.Module]:
    import numpy as np
    from skorch import NeuralNetClassifier

    ready = work.batches(steps)
    net = NeuralNetClassifier(
        work.network(),
        criterion=nn.CrossEntropyLoss,
        optimizer=work.kind,
        **{f"optimizer__{name}": value for name, value in work.options.items()},
        max_epochs=1,
        train_split=None,
        classes=list(range(10)),
        iterator_train=lambda dataset, **_: ready,
        callbacks=None if told else "disable",
        verbose=int(told),
    )
    rows = np.zeros((1, *work.shape), np.float32), np.zeros(1, np.int64)
    with unseen():
        net.initialize()
        return timed(lambda: net.partial_fit(*rows), net.module_)


def accelerate(steps: int, *, work: Work, told: bool) -> tuple[float, nn.Module]:
    """Lean prepares model and optimiser; told, as its guide does, also the loader, with a bar."""
    from accelerate import Accelerator
    from accelerate.utils import tqdm

    accelerator = Accelerator(cpu=True)
    plain, ready = work.network(), work.batches(steps)
    model, optimizer = accelerator.prepare(plain, work.optimizer_of(plain))

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


def lightning(
    steps: int, *, work: Work, told: bool, tuned: bool = False, loader: Any = None
) -> tuple[float, nn.Module]:
    """Tuned takes what its documentation advises for speed: bf16-mixed, channels last."""
    import lightning

    class Learner(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = work.network()

        def training_step(self, batch: tuple[Tensor, Tensor], number: int) -> Tensor:
            loss = F.cross_entropy(self.network(batch[0]), batch[1])
            if told:
                self.log("loss", loss, prog_bar=True)
            return loss

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return work.optimizer_of(self)

    with tempfile.TemporaryDirectory() as root, unseen():
        kept: Mapping[str, Any] = {
            "logger": lightning.pytorch.loggers.CSVLogger(root) if told else False,
            "enable_progress_bar": told,
            "enable_checkpointing": False,
            "enable_model_summary": False,
            "precision": "bf16-mixed" if tuned else "32-true",
        }
        trainer = lightning.Trainer(max_epochs=1, accelerator="cpu", default_root_dir=root, **kept)
        learner, ready = Learner(), loader or work.passes(steps)
        if tuned:
            learner.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return timed(lambda: trainer.fit(learner, ready), learner.network)


def fastai(steps: int, *, work: Work, told: bool) -> tuple[float, nn.Module]:
    from fastai.callback.progress import ProgressCallback
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner, Recorder
    from fastai.optimizer import OptimWrapper

    with unseen():
        loader = torch.utils.data.DataLoader(work.batches(steps), batch_size=None)
        options = {name: value for name, value in work.options.items() if name != "lr"}
        learner = Learner(
            DataLoaders(loader, [], device="cpu"),
            work.network(),
            loss_func=nn.CrossEntropyLoss(),
            opt_func=partial(OptimWrapper, opt=partial(work.kind, **options)),
            lr=work.options["lr"],
        )
        if not told:
            learner.remove_cbs([ProgressCallback, Recorder])
        return timed(lambda: learner.fit(1), learner.model)


def peers(work: Work) -> dict[str, Loop]:
    """Every other trainer, lean and as people use it."""
    return {
        f"{peer.__name__}, {how}": partial(peer, work=work, told=told)
        for peer in (ignite, skorch, accelerate, lightning, fastai)
        for how, told in (("lean", False), ("with its usual logging and bar", True))
    }
