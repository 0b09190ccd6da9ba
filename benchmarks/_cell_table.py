"""Every cell of a small space trained once: what searches can be compared on without training.

Cells of four nodes whose edges are zero, a 3x3 convolution or a 3x3 mean: 662 ways to write one
that passes a signal, 260 different ones. Each is trained for two epochs on 2,000 pictures of
Fashion-MNIST, 14 pixels a side, and judged on 2,000 others; the scores are kept as they come in, in
`benchmarks/results/architecture_search_cells.csv`.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence

import torch

from _rows import RESULTS
from netwright.data.depot import get
from netwright.data.open import open_data
from netwright.runs.recipe import Recipe
from netwright.tune.cell_space import CellSpace
from netwright.workflow.searching.trial import train_trial
from netwright.workflow.session import Given, Session, open_session

__all__ = ["SPACE", "fill", "read_table", "session_for"]

SPACE = CellSpace(nodes=4, operations=["zero", "conv-3x3", "pool-3x3"])
TABLE = RESULTS / "architecture_search_cells.csv"
TRAIN = HELD_OUT = 2000
SETTING = [
    "training.epochs=2",
    "training.batch_size=64",
    "optimizer={name: adamw, learning_rate: 0.01}",
    "model={name: cell-network, width: 8, cell: [skip]}",
    "augment=[]",
    "doctor=false",
]


def session_for(*, seed: int, judged_on: str) -> Session:
    """Training examples, and as the validation split those that are judged on: `val` or `test`."""
    get("fashion-mnist")
    data = open_data("fashion-mnist", image_size=14)
    order = torch.randperm(len(data.splits["train"]), generator=torch.Generator().manual_seed(0))
    train, val = data.splits["train"][order].split([TRAIN, len(order) - TRAIN])
    held_out = {"val": val[:HELD_OUT], "test": data.splits["test"]}[judged_on]
    given = {}
    for name, index in (("train", train), ("val", held_out)):
        values = data.target.values
        if values is None:
            raise SystemExit("fashion-mnist has no targets")
        given[name] = data.samples.take(index).numpy(), values[index].numpy()
    recipe = Recipe.parse({"data": {"name": "given"}, "seed": seed}).changed(SETTING)
    return open_session(recipe, Given(data=given))


def read_table() -> dict[str, dict[str, float]]:
    """Key of a cell → its score, seconds and parameters."""
    if not TABLE.exists():
        return {}
    with TABLE.open(newline="", encoding="utf-8") as file:
        return {
            row["key"]: {name: float(row[name]) for name in ("score", "seconds", "parameters")}
            for row in csv.DictReader(file)
        }


def fill(*, seed: int = 0) -> None:
    """Train what is not in the table yet."""
    known, session = read_table(), session_for(seed=seed, judged_on="val")
    wanted = {SPACE.key(cell): cell for cell in SPACE}
    todo = [(key, cell) for key, cell in wanted.items() if key not in known]
    random.Random(0).shuffle(todo)
    for key, cell in todo:
        _keep(key, cell, session)


def _keep(key: str, cell: Sequence[str], session: Session) -> None:
    found = train_trial(session, cell)
    row = {
        "key": key,
        "cell": " ".join(cell),
        "score": found.score,
        "seconds": f"{found.seconds:.3f}",
        "parameters": found.facts["parameters"],
    }
    with TABLE.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(row))
        if file.tell() == 0:
            writer.writeheader()
        writer.writerow(row)
