"""What are trained weights worth, by how many labels there are?

ResNet-18, with ImageNet's weights or drawn anew, on four tasks of small pictures (`_transferred.py`
says which) at 1, 10 and 100 % of the training labels; three seeds, of which each draws other labels
and another head. All ways take the same passes over the same pictures (three over all, five over
fewer, at least 120 steps), none chooses by a validation split, none augments:

- scratch: weights drawn anew, rate 1e-3;
- frozen: the features of the trained network, once, and a linear layer on them;
- fine-tuned: all layers at 3e-4;
- at 10 % also: the lower three of six blocks frozen; rates halved from block to block, from 1e-3
  in the head; the head alone for a third of the passes; two blocks more at a time, a quarter of the
  passes each.

On cifar10 at 10 %, which layers transfer as Yosinski et al. (2014) asked it: the lowest k of six
blocks kept and frozen, what is above them drawn anew, rate 1e-3.

The rates are the better of 3e-4 and 1e-3 for one seed of cifar10 at 10 %.

Floors: the majority class, and logistic regression on pixels.

Rows are appended as they come; what is there already is not done again.

    python benchmarks/transfer_table.py             # about 45 minutes of one core
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch

import argparse
import csv
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from _rows import RESULTS, surroundings, write_rows
from _transferred import SETS, SIDE, Pictures, few_labels
from netwright.models.depth import depth_blocks
from netwright.models.features import features
from netwright.runs.recipe import Recipe
from netwright.train.loop import Loop
from netwright.workflow.build import make_optimizers, schedule_of, settings_of
from netwright.workflow.pretrained import pretrained
from netwright.workflow.session import Given, open_session

NAME = "transfer_table"
MODEL = "resnet18"
SEEDS = 3
SHARES = (0.1, 0.01, 1.0)
BATCH, LEAST_STEPS = 32, 120
PASSES = {0.01: 5, 0.1: 5, 1.0: 3}
FINE = 3e-4
FEATURE_EPOCHS = 60  # of a linear layer, which costs nothing
PLAIN = ("scratch", "frozen", "fine-tuned")
TECHNIQUES: Mapping[str, Mapping[str, object]] = {
    "freezing": {"freeze": 3},
    "layer-wise rates": {"layer_decay": 0.5},
    "head first": {"head_epochs": 1 / 3},
    "gradual": {"unfreeze": 2, "unfreeze_epochs": 1 / 4},
}
KEPT = {f"keep {blocks}": blocks for blocks in range(1, 6)}
RATES = {"scratch": 1e-3, "layer-wise rates": 1e-3, **dict.fromkeys(KEPT, 1e-3)}
FLOORS = ("majority", "pixels")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One row to be."""

    data: str
    share: float
    way: str
    seed: int


def cells() -> Iterator[Cell]:
    """The dearest last, so that a run that is cut short has most of the table."""
    for share in SHARES:
        ways = (*FLOORS, *PLAIN, *(TECHNIQUES if share == 0.1 else ()))
        for data in SETS:
            for seed in range(SEEDS):
                for way in ways:
                    yield Cell(data=data, share=share, way=way, seed=seed)
    for seed in range(SEEDS):
        for way in KEPT:
            yield Cell(data="cifar10", share=0.1, way=way, seed=seed)


def scores(cell: Cell, pictures: Pictures) -> Tensor:
    """What that way answers for the test pictures, (n, k)."""
    places = few_labels(pictures.train[1], cell.share, seed=cell.seed)
    x, y = pictures.train[0][places], pictures.train[1][places]
    if cell.way == "majority":
        return y.bincount(minlength=len(pictures.names)).float().expand(len(pictures.test[1]), -1)
    if cell.way == "pixels":
        return by_pixels(x, y, pictures)
    if cell.way == "frozen":
        return by_features(x, y, pictures, seed=cell.seed)
    passes = max(PASSES[cell.share], -(-LEAST_STEPS // -(-len(y) // batch_size(len(y)))))
    fresh = cell.way == "scratch" or cell.way in KEPT
    model = network(len(pictures.names), trained=not fresh, seed=cell.seed)
    rate = RATES.get(cell.way, FINE)
    if cell.way in ("scratch", "fine-tuned"):
        return learned(model, x, y, pictures, rate=rate, epochs=passes, seed=cell.seed)
    if cell.way in KEPT:
        keep_lowest(model, KEPT[cell.way])
    options, spent = dict(TECHNIQUES.get(cell.way, {"freeze": KEPT.get(cell.way)})), 0
    for name in ("head_epochs", "unfreeze_epochs"):
        if name in options:
            options[name] = max(1, int(passes * options[name]))
            spent = options[name] * (3 if name == "unfreeze_epochs" else 1)
    return learned(
        model,
        x,
        y,
        pictures,
        rate=rate,
        epochs=max(1, passes - spent),
        seed=cell.seed,
        method={"name": "fine-tuning", **options},
    )


def batch_size(count: int) -> int:
    """A dozen steps a pass, of at least 8 and at most 32 pictures."""
    return min(max(count // 12, 8), BATCH)


def network(width: int, *, trained: bool, seed: int) -> nn.Module:
    """As it begins; the head is always drawn anew."""
    torch.manual_seed(seed)
    if trained:
        model = pretrained(MODEL).model
    else:
        from netwright.models.catalogue import create

        model = create(f"torchvision:{MODEL}", num_classes=width)
    model.fc = nn.Linear(model.fc.in_features, width)
    return model.train()


def keep_lowest(model: nn.Module, count: int) -> None:
    """Give the lowest blocks the trained weights and statistics."""
    blocks = depth_blocks(model, torch.zeros(1, 3, SIDE, SIDE))[:count]
    lowest = tuple(f"{path}." for block in blocks for path in block.modules)
    trained = pretrained(MODEL).model.state_dict()
    kept = {name: value for name, value in trained.items() if name.startswith(lowest)}
    model.load_state_dict(kept, strict=False)


def learned(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    pictures: Pictures,
    *,
    rate: float,
    epochs: int,
    seed: int,
    method: Mapping[str, object] | None = None,
) -> Tensor:
    """Trained by the loop, as `netwright train` does it, less the report and the doctor."""
    asked = {
        "data": {"name": "given"},
        "device": "cpu",
        "seed": seed,
        "preprocess": {"name": "photographs" if x.ndim == 4 else "standardise"},
        "augment": [],
        "method": method or {"name": "supervised", "unit": "classes"},
        "optimizer": {"name": "adamw", "learning_rate": rate},
        "training": {"epochs": epochs, "batch_size": batch_size(len(y)), "precision": "bf16"},
    }
    if method is not None:
        asked["method"] = {**method, "unit": "classes"}
    given = {"train": (x, y), "test": pictures.test}
    session = open_session(Recipe.parse(asked), Given(data=given, model=model))
    source = session.prepared.train_source(session.recipe)
    Loop(
        session.method,
        {"train": source},
        make_optimizer=make_optimizers(session.recipe, session.method),
        settings=settings_of(session.recipe),
        schedule=schedule_of(session.recipe),
    ).run()
    batches = session.prepared.held_out("test", torch.device("cpu"))()
    with torch.autocast("cpu", torch.bfloat16):
        return torch.cat([session.method.predict(b.inputs).probabilities for b in batches]).float()


_SEEN: dict[str, Tensor] = {}


def by_features(x: Tensor, y: Tensor, pictures: Pictures, *, seed: int) -> Tensor:
    """A linear layer on what the trained network's last layer sees of the pictures."""
    rows, test = features_of(x), features_of(pictures.test[0])
    torch.manual_seed(seed)
    head = nn.Linear(rows.shape[1], len(pictures.names))
    given = Pictures(names=pictures.names, train=(rows, y), test=(test, pictures.test[1]))
    return learned(head, rows, y, given, rate=1e-3, epochs=FEATURE_EPOCHS, seed=seed)


def features_of(x: Tensor) -> Tensor:
    """Features of pictures, of the same ones once."""
    key = f"{len(x)} {int(x.sum(dtype=torch.int64))}"
    if key not in _SEEN:
        known = pretrained(MODEL)
        known.preprocess.size = (SIDE, SIDE)
        with torch.autocast("cpu", torch.bfloat16):
            parts = [features(known.model, known.preprocess(part)) for part in x.split(256)]
        _SEEN[key] = torch.cat(parts).float()
    return _SEEN[key]


def by_pixels(x: Tensor, y: Tensor, pictures: Pictures) -> Tensor:
    """Logistic regression on pictures of 16 pixels a side."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def rows(pictures: Tensor) -> object:
        return nn.functional.avg_pool2d(pictures.float(), SIDE // 16).flatten(1).numpy()

    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=300))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(rows(x), y.numpy())
    return torch.from_numpy(model.predict_proba(rows(pictures.test[0]))).float()


def accuracies(answers: Tensor, targets: Tensor) -> tuple[float, float]:
    """Accuracy, and the mean over the classes of the share that is recognised."""
    hits = (answers.argmax(dim=1) == targets).float()
    balanced = [float(hits[targets == k].mean()) for k in targets.unique()]
    return float(hits.mean()), statistics.mean(balanced)


def done() -> set[Cell]:
    """What is in the results."""
    return {
        Cell(data=r["data"], share=float(r["share"]), way=r["way"], seed=int(r["seed"]))
        for r in rows()
    }


def rows() -> list[dict[str, str]]:
    """The results so far."""
    path = RESULTS / f"{NAME}.csv"
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def measure(wanted: Sequence[Cell]) -> None:
    """Carry out what is not there yet."""
    known, loaded = done(), {}
    for cell in wanted:
        if cell in known:
            continue
        if cell.data not in loaded:
            loaded[cell.data] = SETS[cell.data]()
        pictures = loaded[cell.data]
        begin = time.process_time()
        accuracy, balanced = accuracies(scores(cell, pictures), pictures.test[1])
        seconds = time.process_time() - begin
        labels = len(few_labels(pictures.train[1], cell.share, seed=cell.seed))
        row = {
            "data": cell.data,
            "share": cell.share,
            "labels": labels,
            "way": cell.way,
            "seed": cell.seed,
            "accuracy": f"{accuracy:.4f}",
            "balanced_accuracy": f"{balanced:.4f}",
            "n_test": len(pictures.test[1]),
            "processor_seconds": f"{seconds:.1f}",
            "model": MODEL,
            "side": SIDE,
            **surroundings("torch", "torchvision", "netwright"),
        }
        write_rows(NAME, [row])
        print(*(row[name] for name in list(row)[:9]), flush=True)


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="a way, or a data set")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    measure([c for c in cells() if not asked.only or asked.only in (c.way, c.data)])


if __name__ == "__main__":
    main()
