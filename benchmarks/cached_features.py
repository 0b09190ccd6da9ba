"""What does a head on frozen features cost when they are kept, beside computing them each epoch?

Processor time of whole runs of `method=frozen-features` on photographs that are in memory, from the
recipe to the judged weights and the report, and of their learning alone. The rival is the same run
whose frozen network answers anew in every epoch, for training and for validation. Both take turns
at each number of epochs; ratios are of the same turn.

    python benchmarks/cached_features.py                 # 3 turns, ~15 minutes
    python benchmarks/cached_features.py --side 224 --epochs 10 --turns 3
    python benchmarks/cached_features.py --quick         # does everything run? writes nothing
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch: one thread for both

import argparse
import io
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from rich.console import Console

import netwright as nw
from _rows import bootstrap, surroundings, write_rows
from netwright.data.depot import get
from netwright.data.open import open_data
from netwright.workflow import learning

COUNT, SIDE, TURNS = 400, 128, 3
EPOCHS = (1, 3, 10, 30)


def photographs(count: int, side: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Emojis of one drawer with their kinds."""
    data = open_data(get("emoji") / "noto", image_size=side)
    places = torch.randperm(len(data), generator=torch.Generator().manual_seed(0))[:count]
    return data.samples.take(places), data.target.values[places]


@contextmanager
def each_epoch() -> Iterator[None]:
    """Within the block nothing is kept: the frozen network answers whenever it is asked."""
    with (
        mock.patch.object(
            learning,
            "train_source_of",
            lambda session: session.prepared.train_source(session.recipe),
        ),
        mock.patch.object(
            learning,
            "held_out_of",
            lambda session, split, share: session.prepared.held_out(
                split, session.device, share=share
            ),
        ),
    ):
        yield


def cost(data: Any, *, model: str, epochs: int, side: int) -> dict[str, float]:
    """Processor seconds of a run, and of its learning alone."""
    learned: list[float] = []
    learn = learning.Learning.learn

    def timed(self: Any, *given: Any, **keyword: Any) -> Any:
        begun = time.process_time()
        found = learn(self, *given, **keyword)
        learned.append(time.process_time() - begun)
        return found

    with (
        tempfile.TemporaryDirectory() as root,
        mock.patch.object(learning.Learning, "learn", timed),
    ):
        begun = time.process_time()
        nw.fit(
            data,
            model=model,
            method="frozen-features",
            epochs=epochs,
            batch_size=32,
            changes=["model.pretrained=true", f"preprocess={{name: photographs, size: {side}}}"],
            root=root,
            console=Console(file=io.StringIO()),
        )
        return {"whole": time.process_time() - begun, "learning": learned[0]}


def turn_of(data: Any, *, model: str, epochs: int, side: int, backwards: bool) -> dict[str, float]:
    """Both ways once: seconds of each, and how often the kept one goes into the other."""
    found: dict[str, dict[str, float]] = {}
    for way in ("each", "kept") if backwards else ("kept", "each"):
        if way == "each":
            with each_epoch():
                found[way] = cost(data, model=model, epochs=epochs, side=side)
        else:
            found[way] = cost(data, model=model, epochs=epochs, side=side)
    return {
        f"{way}_{what}_s": seconds for way, one in found.items() for what, seconds in one.items()
    }


def figures(measured: Sequence[dict[str, float]]) -> dict[str, str]:
    """Medians of the seconds, and of the ratios with their intervals."""
    told = {name: f"{statistics.median(one[name] for one in measured):.2f}" for name in measured[0]}
    for what in ("whole", "learning"):
        middle, low, high = bootstrap(
            lambda turns, what=what: statistics.median(
                one[f"each_{what}_s"] / one[f"kept_{what}_s"] for one in turns
            ),
            measured,
        )
        told |= {f"{what}_times": f"{middle:.2f}", f"{what}_low": f"{low:.2f}"}
        told[f"{what}_high"] = f"{high:.2f}"
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--side", type=int, default=SIDE, help="pixels")
    parser.add_argument("--count", type=int, default=COUNT, help="pictures")
    parser.add_argument("--epochs", type=int, nargs="+", default=list(EPOCHS))
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--quick", action="store_true", help="few pictures, nothing is written")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    side, count = (64, 60) if asked.quick else (asked.side, asked.count)
    data = photographs(count, side)
    cost(data, model=asked.model, epochs=1, side=side)  # once unmeasured: imports, kernels
    rows = []
    for epochs in [2] if asked.quick else asked.epochs:
        measured = [
            turn_of(data, model=asked.model, epochs=epochs, side=side, backwards=turn % 2 == 1)
            for turn in range(1 if asked.quick else asked.turns)
        ]
        row = {"model": asked.model, "side": str(side), "pictures": str(count)}
        row |= {"epochs": str(epochs), **figures(measured), "n": str(len(measured))}
        rows.append(row | surroundings("torch", "netwright"))
        print(
            f"{epochs:3} epochs: whole run {row['whole_times']} times "
            f"[{row['whole_low']}, {row['whole_high']}], learning {row['learning_times']} times "
            f"({row['each_whole_s']} s → {row['kept_whole_s']} s)",
            flush=True,
        )
    if not asked.quick:
        print(write_rows("cached_features", rows))


if __name__ == "__main__":
    main()
