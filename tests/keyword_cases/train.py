"""Keywords of the loop and what it is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from keyword_cases.case import Case
from netwright._errors import BadValue
from netwright.data.batch import Batch
from netwright.data.dataset import InMemory
from netwright.data.streams.in_memory import InMemorySource
from netwright.methods.base import Loss, Method, ParameterGroup, Phase, Stage
from netwright.metrics.base import Metric, Prediction
from netwright.metrics.regression import RootMeanSquaredError
from netwright.runs.events import Recorder, history
from netwright.train import early_stopping, schedules
from netwright.train.aim import Clipping
from netwright.train.control import Controller, Observer, Stop
from netwright.train.gradient_noise import GradientNoise
from netwright.train.loop import Loop
from netwright.train.observers.record import Record
from netwright.train.on_plateau import OnPlateau
from netwright.train.optimizers.build import build_optimizer
from netwright.train.optimizers.lookahead_nesterov import LookaheadNesterov
from netwright.train.optimizers.moving_average_momentum import MovingAverageMomentum
from netwright.train.optimizers.objective import Written
from netwright.train.optimizers.truncated_newton import TruncatedNewton
from netwright.train.precision import choose_precision
from netwright.train.random_restarts import RandomRestarts
from netwright.train.settings import Settings
from netwright.train.snapshot import SnapshotFolder
from netwright.train.snapshot_file import write_snapshot
from netwright.train.update import Updater

ROWS = torch.linspace(-1, 1, 36).reshape(12, 3)
TARGETS = ROWS.sum(1) ** 2


class Regression(Method):
    """The mean squared error of a small network, with dropout so that the seed shows."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 1))

    def phases(self, stage: Stage) -> Sequence[Phase]:
        return (Phase(name="fit", optimizers=("main",), loss=self.cost),)

    def cost(self, batch: Batch) -> Loss:
        errors = self.network(batch.inputs).squeeze(1).float() - batch.targets
        return Loss(total=errors.square().sum(), count=len(batch))

    def predict(self, inputs: Tensor) -> Prediction:
        return Prediction(outputs=self.network(inputs).squeeze(1).float())

    def metrics(self) -> Mapping[str, Metric]:
        return {"rmse": RootMeanSquaredError()}


def sgd(_: str, groups: Sequence[ParameterGroup]) -> torch.optim.Optimizer:
    return torch.optim.SGD(
        [parameter for group in groups for parameter in group.parameters.values()], lr=0.3
    )


def source() -> InMemorySource:
    return InMemorySource(
        InMemory(ROWS),
        TARGETS,
        index=torch.arange(12),
        batch_size=6,
        seed=0,
        preprocess=nn.Identity(),
    )


def held_out() -> Iterator[Batch]:
    yield Batch(inputs=ROWS, targets=TARGETS, index=torch.arange(12))


class Steps(Observer):
    """Counts, so that an observer that is never told shows."""

    told = 0

    def stepped(self, view: Any) -> None:
        Steps.told += 1


class AtOnce(Controller):
    """Stops after the first step."""

    name = "at-once"
    owns = frozenset({Stop})

    def after_step(self, view: Any) -> Sequence[Stop]:
        return (Stop(reason="enough"),)


def trained(folder: Path, **keyword: Any) -> Any:
    """Weights after some epochs, what was recorded, and what lies on the disk."""
    Steps.told = 0
    method = Regression()
    settings = keyword.pop("settings", Settings(epochs=3))
    if "snapshots" in keyword:
        keyword["snapshots"] = SnapshotFolder(folder / keyword["snapshots"])
    loop = Loop(method, {"train": source()}, make_optimizer=sgd, settings=settings, **keyword)
    ended = loop.run()
    return dict(method.state_dict()), ended.step, Steps.told, on_disk(folder)


def on_disk(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def with_settings(folder: Path, **keyword: Any) -> Any:
    """The same run under other numbers of the loop, validated, recorded and kept."""
    method = Regression()

    with Recorder(folder, attempt=1) as recorder:
        Loop(
            method,
            {"train": source()},
            make_optimizer=sgd,
            settings=Settings(**{"epochs": 3, **keyword}),
            held_out=held_out,
            observers=(Record(recorder),),
            snapshots=SnapshotFolder(folder / "snapshots"),
        ).run()
        kinds = [event["kind"] for event in history(folder)]
    return dict(method.state_dict()), kinds, on_disk(folder)


def recorded(folder: Path, **keyword: Any) -> Any:
    with Recorder(folder, attempt=1) as recorder:
        trained(folder, observers=(Record(recorder, **keyword),))
    return [
        {name: value for name, value in event.items() if name != "clock"}
        for event in history(folder)
    ]


def kept(folder: Path, **keyword: Any) -> list[str]:
    snapshots = SnapshotFolder(folder, **keyword)
    for step in range(5):
        snapshots.write(step, {"step": torch.tensor(step)})
    return on_disk(folder)


def refuse() -> None:
    raise BadValue("nothing may be written here")


def written(folder: Path, **keyword: Any) -> list[str]:
    write_snapshot(folder / "one.snapshot", {"step": 1}, **keyword)
    return on_disk(folder)


def updated(_: Path, **keyword: Any) -> Any:
    """Weights after one update of 12, and whose graphs were held on the way; memory holds 9."""
    method = Regression().eval()
    sizes: list[int] = []

    def look(_: nn.Module, seen: tuple[Tensor], __: Tensor) -> None:
        sizes.append(len(seen[0]))
        if len(seen[0]) > 9:
            raise MemoryError

    method.network[0].register_forward_hook(look)
    updater = Updater(
        method,
        {"main": torch.optim.SGD(method.parameters(), lr=0.3)},
        precision=choose_precision("fp32", torch.device("cpu")),
        **keyword,
    )
    updater.run(method.phases(Stage())[0], next(held_out()))
    return dict(method.state_dict()), sizes


def course(schedule: Any) -> Any:
    """The factors that a schedule gives over a stage."""
    return lambda _, **keyword: [schedule(**keyword)(step, 40) for step in range(40)]


def stepped(kind: Any) -> Any:
    """Makes a module that has taken three steps of an optimiser on a quadratic."""
    return lambda _, **keyword: _stepped(kind, **keyword)


def _stepped(kind: Any, *, lr: float = 1e-2, **keyword: Any) -> nn.Module:
    module = nn.Linear(3, 1)
    optimizer = kind(module.parameters(), lr, **keyword)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = module(torch.ones(2, 3)).square().sum()
        loss.backward()
        return loss

    for _step in range(3):
        optimizer.step(closure)
    return module


def penalised(_: object, **keyword: Any) -> Tensor:
    """A weight after a step on a constant."""
    weight = nn.Parameter(torch.ones(1, 2))
    group = ParameterGroup(parameters={"weight": weight})
    optimizer = build_optimizer([group], name="sgd", learning_rate=0.1, **keyword)
    weight.grad = torch.zeros_like(weight)
    optimizer.step()
    return weight.detach()


def newton(_: object, *, lr: float = 1.0, **keyword: Any) -> Tensor:
    """A point after two steps on a quartic."""
    w = torch.tensor([1.0, 2.0, -3.0], requires_grad=True)
    optimizer = TruncatedNewton([w], lr, **keyword)
    scale = torch.tensor([1.0, 5.0, 0.2])
    objective = Written(lambda: (scale * w**4).sum() + w.square().sum(), [w])
    for _step in range(2):
        optimizer.step(objective)
    return w.detach()


def noisy(_: object, **keyword: Any) -> Tensor:
    gradient = torch.zeros(4)
    GradientNoise(seed=1, **keyword).add([gradient], step=2)
    return gradient


def on_plateau(_: object, **keyword: Any) -> list[float]:
    """The rate after each of some scores."""
    plateau = OnPlateau(metric="loss", higher_is_better=False, **{"patience": 1, **keyword})
    view = SimpleNamespace(learning_rates={"main": 1.0}, step=7, epoch=3)
    rates = []
    for score in (1.0, 1.1, 1.2, 0.9, 1.0, 1.1, 1.1):
        for command in plateau.after_validation(view, metrics={"loss": score}):  # type: ignore[arg-type]
            view.learning_rates["main"] *= command.factor  # type: ignore[attr-defined]
        rates.append(view.learning_rates["main"])
    return rates


CASES = {
    "netwright.train.early_stopping:no_change": Case(
        lambda _, **keyword: early_stopping.no_change(epochs=2, **keyword)([0.5, 0.6, 0.7]),
        {"least": 0.5},
    ),
    "netwright.train.gradient_noise:GradientNoise": Case(noisy, {"eta": 0.3, "gamma": 1.0}),
    "netwright.train.on_plateau:OnPlateau": Case(
        on_plateau, {"factor": 0.5, "patience": 2, "least": 0.5, "rest": 3, "lowest": 0.02}
    ),
    "netwright.train.optimizers.truncated_newton:TruncatedNewton": Case(
        newton,
        {
            "lr": 0.5,
            "damping": 5.0,
            "cg_iterations": 1,
            "tolerance": 0.9,
            "weight_decay": 0.1,
        },
    ),
    "netwright.train.loop:Loop": Case(
        trained,
        {
            "settings": Settings(epochs=5),
            "schedule": schedules.cosine(),
            "held_out": held_out,
            "observers": (Steps(),),
            "controllers": (AtOnce(),),
            "snapshots": "kept",
            "restarts": RandomRestarts(2, make=lambda number: Regression()),
        },
    ),
    "netwright.train.settings:Settings": Case(
        with_settings,
        {
            "epochs": 2,
            "seed": 1,
            "micro_batch_size": 4,
            "precision": "bf16",
            "clip_norm": 0.01,
            "clip_value": 0.01,
            "noise_eta": 0.1,
            "ema_decay": 0.5,
            "validate_every": 2,
            "snapshot_every": 2,
            "snapshot_steps": 1,
            "skipped_limit": 0,
        },
    ),
    "netwright.train.observers.record:Record": Case(
        recorded, {"every": 2, "about": {"snapshot": "step-7"}}
    ),
    "netwright.train.snapshot:SnapshotFolder": Case(
        kept, {"keep": 4, "budget": 0, "beforehand": refuse}
    ),
    "netwright.train.snapshot_file:write_snapshot": Case(written, {"beforehand": refuse}),
    "netwright.train.update:Updater": Case(
        updated,
        {
            "micro_batch_size": 5,
            "piece_sizes": {"fit": 4},
            "cut": lambda phase, size: refuse(),
            "clipping": Clipping(norm=0.01),
            "noise": lambda gradients: torch._foreach_add_(gradients, 1.0),
        },
    ),
    "netwright.train.optimizers.build:build_optimizer": Case(penalised, {"l1": 0.5}),
    "netwright.train.optimizers.lookahead_nesterov:LookaheadNesterov": Case(
        stepped(LookaheadNesterov), {"lr": 0.05, "momentum": 0.5, "weight_decay": 0.1}
    ),
    "netwright.train.optimizers.moving_average_momentum:MovingAverageMomentum": Case(
        stepped(MovingAverageMomentum), {"lr": 0.05, "momentum": 0.5, "weight_decay": 0.1}
    ),
    "netwright.train.schedules:cosine": Case(course(schedules.cosine), {"final": 0.1}),
    "netwright.train.schedules:cosine_restarts": Case(
        course(schedules.cosine_restarts), {"cycles": 2, "multiplier": 1.5, "final": 0.1}
    ),
    "netwright.train.schedules:exponential": Case(course(schedules.exponential), {"final": 0.1}),
    "netwright.train.schedules:one_cycle": Case(
        course(schedules.one_cycle), {"rise": 0.5, "start": 0.2, "final": 0.1}
    ),
    "netwright.train.schedules:step_decay": Case(
        course(schedules.step_decay), {"every": 0.1, "factor": 0.5}
    ),
    "netwright.train.schedules:warm_up": Case(
        course(schedules.warm_up), {"share": 0.5, "then": "constant"}
    ),
}
EXEMPT = {
    "netwright.train.settings:Settings(noise_gamma)": "of noise_eta: the case of GradientNoise",
    "netwright.train.gradient_noise:GradientNoise(device)": "another device needs an accelerator",
    "netwright.train.optimizers.moving_average_momentum:MovingAverageMomentum(fused)": "changes "
    "speed alone: tests/train/optimizers/test_moving_average_momentum.py has both",
    "netwright.train.loop:Loop(processes)": "of several processes: tests/train/distribute",
    "netwright.train.distribute.world:World": "of several processes, which tests/train/distribute "
    "and tests/workflow/test_several_processes.py have",
    "netwright.train.distribute.sharding:ShardedWorld": "of several processes, see World",
    "netwright.train.validation:validate(processes)": "of several: tests/train/distribute",
    "netwright.train.observers.progress:Progress(title)": "said above the bar of a terminal, which "
    "tests/cli draws in one",
    "netwright.train.loop:Loop(device)": "another device needs an accelerator: pytest -m gpu",
    "netwright.train.update:Updater(scaler)": "fp16 scaling is held by the tests of precision",
}
