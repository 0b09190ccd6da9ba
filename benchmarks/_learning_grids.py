"""What `learning.py` compares: every optimiser, initialisation, regulariser and augmentation.

The names come from the catalogues, so that a technique that is added is measured with the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from netwright.data.augment.catalogue import AUGMENTATIONS
from netwright.models.initialisation.catalogue import CATALOGUE as INITIALISATIONS
from netwright.train.optimizers.catalogue import CATALOGUE as OPTIMIZERS

__all__ = ["DATA", "GRIDS", "Data", "Setting"]


@dataclass(frozen=True, kw_only=True)
class Data:
    """A set, small enough that a run takes about a second.

    Attributes:
        metric: of the test split.
        lower: whether less is better.
        common: changes of the recipe that all runs on it share.
        of: how many examples to train on where it is a part of a larger set; None takes all.
    """

    metric: str
    lower: bool
    common: tuple[str, ...]
    of: int | None = None


_MLP = "model={name: mlp, hidden: [64, 64]}"
_PLAIN = ("augment=[]", "training.snapshot_every=0", "training.snapshot_steps=0")
DATA = {
    "digits": Data(metric="accuracy", lower=False, common=(_MLP, *_PLAIN)),
    "wine": Data(metric="log_loss", lower=True, common=(_MLP, *_PLAIN)),
    "diabetes": Data(metric="root_mean_squared_error", lower=True, common=(_MLP, *_PLAIN)),
    "fashion-mnist": Data(
        metric="accuracy", lower=False, common=("model={name: lenet}", *_PLAIN), of=2000
    ),
}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One cell of a table.

    Attributes:
        table: which.
        row: its row.
        column: its column.
        data: a name of `DATA`.
        changes: of the recipe, beside those that the set's runs share.
        rates: of learning; the best by the validation split is taken, by the first seed's run.
    """

    table: str
    row: str
    column: str
    data: str
    changes: tuple[str, ...]
    rates: tuple[float, ...] = ()


def _optimizers() -> Iterator[Setting]:
    """Each at the best of its rates; the same number of passes for all."""
    wide = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
    rows: list[tuple[str, str, tuple[str, ...], tuple[float, ...]]] = [
        (name, _PLAIN_FORM.get(name, name), (), wide)
        for name in OPTIMIZERS.names()
        if name not in _SECOND_ORDER
    ]
    rows += [
        (name, name, ("training.batch_size=100000",), (0.1, 0.5, 1.0)) for name in _SECOND_ORDER
    ]
    rows += [
        ("sgd, momentum 0.9", "sgd, momentum: 0.9", (), wide),
        ("sgd, Nesterov 0.9", "sgd, momentum: 0.9, nesterov: true", (), wide),
        (
            "sgd, whole set a step",
            "sgd, momentum: 0.0",
            ("training.batch_size=100000",),
            (*wide, 0.3, 1.0),
        ),
        ("sgd, one example a step", "sgd, momentum: 0.0", ("training.batch_size=1",), wide[:5]),
    ]
    for data in DATA:
        for row, optimizer, changes, rates in rows:
            slow = data == "fashion-mnist" and row == "sgd, one example a step"
            yield Setting(
                table="optimisers",
                row=row,
                column=data,
                data=data,
                changes=(
                    f"optimizer={{name: {optimizer}}}",
                    "schedule=constant",
                    "training.epochs=8" if data == "fashion-mnist" else "training.epochs=15",
                    *(changes or ("training.batch_size=32",)),
                ),
                rates=(1e-3, 1e-2) if slow else rates,
            )


_PLAIN_FORM = {"sgd": "sgd, momentum: 0.0"}
_SECOND_ORDER = ("lbfgs", "truncated-newton")
_ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky-relu", "elu", "gelu", "silu")


def _initialisations() -> Iterator[Setting]:
    """A plain deep stack without normalisation: where it begins decides whether it learns."""
    for depth in (2, 8, 24):
        for activation in _ACTIVATIONS:
            for name in ("the model's own", *INITIALISATIONS.names()):
                if name in _NO_LAW_OF_A_STACK:
                    continue
                suited = f", activation: {activation}" if name.startswith("kaiming") else ""
                law = f"[{{name: {name}{suited}}}]" if " " not in name else "null"
                layers = ", ".join(["48"] * depth)
                yield Setting(
                    table=f"initialisation, {depth} hidden layers",
                    row=name,
                    column=activation,
                    data="digits",
                    changes=(
                        f"model={{name: mlp, hidden: [{layers}], activation: {activation}}}",
                        f"initialise={law}",
                        "optimizer={name: sgd, momentum: 0.9, learning_rate: 0.02}",
                        "schedule=cosine",
                        "training.epochs=8",
                        "training.batch_size=32",
                        "training.clip_norm=1.0",
                    ),
                )


_NO_LAW_OF_A_STACK = ("zero-residual", "output-bias")


def _regularisers() -> Iterator[Setting]:
    """A network larger than the examples can fill, trained long; each alone, at usual strengths."""
    large = "model={{name: mlp, hidden: [256, 256]{}}}"
    adam = "optimizer={{name: adamw, learning_rate: 0.003, weight_decay: {}{}}}"
    plain = (large.format(""), adam.format(0.0, ""), "training.restore_best=false")
    rows: dict[str, tuple[str, ...]] = {
        "none": (),
        "L1 0.0003": (adam.format(0.0, ", l1: 0.0003"),),
        "L1 0.003": (adam.format(0.0, ", l1: 0.003"),),
        "decay 0.05": (adam.format(0.05, ""),),
        "decay 1": (adam.format(1.0, ""),),
        "dropout 0.2": (large.format(", dropout: 0.2"),),
        "dropout 0.5": (large.format(", dropout: 0.5"),),
        "batch normalisation": (large.format(", norm: batch"),),
        "label smoothing 0.1": ("method.label_smoothing=0.1",),
        "gradient noise": ("training.gradient_noise={eta: 0.01, gamma: 0.55}",),
        "EMA 0.99": ("training.ema_decay=0.99",),
        "SWA from half": ("training.swa_start=0.5",),
        "best restore": ("training.restore_best=true",),
        "early stopping": (
            "training.restore_best=true",
            "training.early_stopping={trigger: no-change, epochs: 5}",
        ),
        "5 members": ("ensemble.members=5",),
        "4 snapshots": (
            "ensemble={kind: snapshots, members: 4}",
            "schedule={name: cosine-restarts, cycles: 4, multiplier: 1.0}",
        ),
    }
    for data in ("digits", "wine", "diabetes", "fashion-mnist"):
        for row, changes in rows.items():
            if row.startswith("label") and data == "diabetes":
                continue
            yield Setting(
                table="regularisers",
                row=row,
                column=data,
                data=data,
                changes=(
                    *plain,
                    "schedule=constant",
                    "split.test=0.5",
                    f"training.epochs={20 if data == 'fashion-mnist' else 40}",
                    "training.batch_size=32",
                    *changes,
                ),
            )


def _augmentations() -> Iterator[Setting]:
    """LeNet on few pictures of clothes, each augmentation alone, at its default strength."""
    names = ["none", *AUGMENTATIONS.names()]
    for name in names:
        if name.startswith("torchvision"):
            continue
        chosen = "augment=[]" if name == "none" else f"augment=[{{name: {name}}}]"
        yield Setting(
            table="augmentations",
            row=name,
            column="fashion-mnist, 2000 examples",
            data="fashion-mnist",
            changes=(chosen, "training.epochs=16", "training.batch_size=32"),
        )


GRIDS = {
    "optimisers": _optimizers,
    "initialisation": _initialisations,
    "regularisers": _regularisers,
    "augmentations": _augmentations,
}
