"""The runs that are killed: every kind of state that a run may carry from step to step."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from netwright.methods.base import Loss, Method, Phase, Prediction, Stage, trained
from netwright.metrics.standard import standard_metrics
from workflow_kit import Pairs, blobs

__all__ = ["CASES", "Case"]


@dataclass(frozen=True)
class Case:
    """A run: what is handed over, again when it is taken up, and what its recipe says."""

    given: Callable[[], Mapping[str, Any]]
    changes: tuple[str, ...]
    epochs: int = 4


def numbers(count: int, *shape: int) -> Tensor:
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(5))


def drawn(build: Callable[[], nn.Module]) -> nn.Module:
    """A network of the same weights in every process."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return build()


def small_cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.3),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 3),
    )  # fmt: skip


def read_pictures() -> Mapping[str, Any]:
    pixels = (numbers(90, 1, 8, 8) * 40 + 128).clamp(0, 255).to(torch.uint8)
    return {"data": Pairs(pixels, torch.arange(90) % 3), "model": drawn(small_cnn)}


class Pool:
    """Now and then an older sample is given back for a new one."""

    def __init__(self) -> None:
        self.kept: list[Tensor] = []

    def query(self, samples: Tensor) -> Tensor:
        answer = []
        for new in samples:
            sample = new
            if len(self.kept) < 12:
                self.kept.append(sample)
            elif random.random() < 0.5:
                place = random.randrange(12)
                sample, self.kept[place] = self.kept[place], sample
            answer.append(sample)
        return torch.stack(answer)

    def state_dict(self) -> dict[str, Any]:
        return {"kept": list(self.kept)}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        self.kept = list(state["kept"])


class PooledGan(Method):
    """Two optimisers, noise, and a pool of what was generated."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 4))
        self.judge = nn.Sequential(nn.Linear(4, 16), nn.Dropout(0.2), nn.ReLU(), nn.Linear(16, 1))
        self.pool = Pool()
        self.register_stateful("pool", self.pool)

    def phases(self, stage: Stage) -> tuple[Phase, ...]:
        return (
            Phase(name="judge", optimizers=("judge",), loss=self.tell_apart, accumulates=False),
            Phase(name="generate", optimizers=("generator",), loss=self.fool),
        )

    def parameter_groups(self, stage: Stage) -> dict[str, Any]:
        return {"judge": [trained(self.judge)], "generator": [trained(self.generator)]}

    def made(self, count: int) -> Tensor:
        return self.generator(torch.randn(count, 3))

    def tell_apart(self, batch: Any) -> Loss:
        count = len(batch)
        fakes = self.pool.query(self.made(count).detach())
        real, fake = self.judge(batch.inputs), self.judge(fakes)
        return Loss(total=F.softplus(-real).sum() + F.softplus(fake).sum(), count=count)

    def fool(self, batch: Any) -> Loss:
        scores = self.judge(self.made(len(batch)))
        return Loss(total=F.softplus(-scores).sum(), count=len(batch), terms={"s": scores.mean()})

    def predict(self, inputs: Tensor) -> Prediction:
        return Prediction(outputs=(self.judge(inputs)[:, 0] > 0).long())


class Carried:
    """The hidden state between batches."""

    hidden: tuple[Tensor, Tensor] | None = None

    def state_dict(self) -> dict[str, Any]:
        return {"hidden": self.hidden}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        self.hidden = state["hidden"]


class CarriedLstm(Method):
    """Its hidden state goes on from batch to batch."""

    def __init__(self) -> None:
        super().__init__()
        self.recurrent = nn.LSTM(2, 12, batch_first=True)
        self.readout = nn.Linear(12, 3)
        self.carried = Carried()
        self.register_stateful("carried", self.carried)

    def phases(self, stage: Stage) -> tuple[Phase, ...]:
        return (Phase(name="learn", optimizers=("main",), loss=self.loss, accumulates=False),)

    def scores(self, inputs: Tensor, hidden: Any = None) -> tuple[Tensor, Any]:
        outputs, hidden = self.recurrent(inputs.unflatten(1, (4, 2)), hidden)
        return self.readout(outputs[:, -1]), hidden

    def loss(self, batch: Any) -> Loss:
        before = self.carried.hidden
        if before is not None and before[0].shape[1] != len(batch):
            before = None
        scores, hidden = self.scores(batch.inputs, before)
        self.carried.hidden = (hidden[0].detach(), hidden[1].detach())
        total = F.cross_entropy(scores, batch.targets, reduction="sum")
        return Loss(total=total, count=len(batch))

    def predict(self, inputs: Tensor) -> Prediction:
        return Prediction(outputs=self.scores(inputs)[0].argmax(1))


class Transformer(nn.Module):
    """One layer of attention over an example's parts."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(2, 16)
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.1, batch_first=True)
        self.head = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(self.embed(x.unflatten(1, (4, 2)))).mean(1))


class TwoStages(Method):
    """First it learns to encode, then, from a copy and with the first part held, to tell."""

    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(8, 6), nn.Tanh(), nn.Dropout(0.2))
        self.decode = nn.Linear(6, 8)
        self.tell = nn.Linear(6, 3)

    def stages(self) -> tuple[Stage, ...]:
        return (Stage(name="encode", epochs=2), Stage(name="tell", epochs=2, begin=self.hold))

    def hold(self) -> None:
        with torch.no_grad():
            self.tell.weight.copy_(self.decode.weight[:3])
        self.encode.requires_grad_(False)

    def phases(self, stage: Stage) -> tuple[Phase, ...]:
        loss = self.rebuild if stage.name == "encode" else self.name
        return (Phase(name=stage.name, optimizers=("main",), loss=loss),)

    def parameter_groups(self, stage: Stage) -> dict[str, Any]:
        parts = (self.encode, self.decode) if stage.name == "encode" else (self.tell,)
        return {"main": [trained(*parts)]}

    def rebuild(self, batch: Any) -> Loss:
        errors = self.decode(self.encode(batch.inputs)) - batch.inputs
        return Loss(total=errors.square().sum(), count=len(batch))

    def name(self, batch: Any) -> Loss:
        scores = self.tell(self.encode(batch.inputs))
        total = F.cross_entropy(scores, batch.targets, reduction="sum")
        return Loss(total=total, count=len(batch))

    def predict(self, inputs: Tensor) -> Prediction:
        logits = self.tell(self.encode(inputs))
        return Prediction(outputs=logits.argmax(1), logits=logits)

    def metrics(self) -> dict[str, Any]:
        return standard_metrics("classes", num_outputs=3, probabilities=False)


def points(features: int = 8) -> Any:
    return blobs(120, features=features)


MLP = "model={name: mlp, hidden: [12], dropout: 0.2}"
CASES = {
    "cnn": Case(
        read_pictures,
        (
            "training.workers=2",
            "augment=[{name: flip}, {name: elastic}, {name: mixup}]",
            "training.ema_decay=0.9",
        ),
        epochs=6,
    ),
    "gan": Case(
        lambda: {"data": points(4), "method": drawn(PooledGan)},
        ("optimizer={name: adam, learning_rate: 0.01}",),
    ),
    "lstm": Case(
        lambda: {"data": points(), "method": drawn(CarriedLstm)},
        ("optimizer={name: adam, learning_rate: 0.01}", "training.clip_norm=0.5"),
    ),
    "transformer": Case(
        lambda: {"data": points(), "model": drawn(Transformer)}, ("training.precision=bf16",)
    ),
    "accumulation, zeros and layers": Case(
        lambda: {"data": points()},
        (
            MLP,
            "training.micro_batch_size=5",
            "optimizer={name: sgd, momentum: 0.9, l1: 0.02}",
            "optimizer.groups=[{match: 'head.*', learning_rate_scale: 0.5, weight_decay: 0.1}]",
        ),
    ),
    "two stages": Case(lambda: {"data": points(), "method": drawn(TwoStages)}, ()),
    "l-bfgs": Case(
        lambda: {"data": points()},
        (
            MLP,
            "optimizer={name: lbfgs, learning_rate: 0.3, max_iter: 3}",
            "training.batch_size=16",
        ),
        epochs=3,
    ),
    "newton": Case(
        lambda: {"data": points()},
        (MLP, "optimizer={name: truncated-newton, cg_iterations: 3}", "training.batch_size=16"),
        epochs=3,
    ),
    "restarts": Case(
        lambda: {"data": points()},
        (MLP, "training.restarts=3", "initialise=[{name: kaiming-normal}]"),
        epochs=2,
    ),
    "plateau and noise": Case(
        lambda: {"data": points()},
        (
            MLP,
            "optimizer={name: moving-average-momentum, learning_rate: 0.1}",
            "schedule={name: on-plateau, patience: 1, factor: 0.7}",
            "training.gradient_noise={eta: 0.1}",
        ),
    ),
    "early stopping": Case(
        lambda: {"data": points()},
        (MLP, "training.early_stopping={trigger: no-change, epochs: 2, least: 0.0}"),
        epochs=30,
    ),
}
