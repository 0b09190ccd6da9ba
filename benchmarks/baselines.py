"""What do classical models reach beside a network nobody tuned?

Small sets are cut three times (digits with the quicker models, on raw inputs and on the network's
features); a network with the default recipe is trained beside the models, on
the same splits. Of Fashion-MNIST 5000 pictures are learned from and 2000 judged, cut once; there
the models are fitted on the features of a ResNet-18 trained on photographs, too.

    python benchmarks/baselines.py                # all, a quarter of an hour on one core
    python benchmarks/baselines.py wine           # one set; its rows are appended
"""

from __future__ import annotations

import argparse
import io
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

import netwright as nw
from _rows import surroundings, write_rows
from netwright.data.open import open_data
from netwright.evaluate.baselines.outcome import SideBySide

SMALL = {"wine": "", "diabetes": "", "breast-cancer": "", "digits": "run"}
SEEDS = (0, 1, 2)
QUICK = ("constant", "naive-bayes", "ridge", "logistic", "pca", "k-nn", "kde", "gaussian-mixture")
FASHION = "fashion-mnist"
AFTER_PHOTOGRAPHS = ("logistic", "linear-svm", "k-nn")


def sides(name: str, root: Path) -> Iterator[tuple[int, SideBySide]]:
    """Each comparison with its seed."""
    if name == FASHION:
        yield from fashion(root)
        return
    for seed in SEEDS:
        run = trained(name, root, changes=[f"split.seed={seed}"], seed=seed)
        features = run.folder.path if SMALL[name] else None
        only = QUICK if SMALL[name] else ()
        yield seed, nw.baseline(beside=run.folder.path, features=features, only=only, root=root)


def fashion(root: Path) -> Iterator[tuple[int, SideBySide]]:
    """A part of the set, as arrays."""
    data = open_data(FASHION)
    parts = {}
    for split, count in (("train", 5500), ("test", 2000)):
        index = data.splits[split]
        draw = torch.randperm(len(index), generator=torch.Generator().manual_seed(0))[:count]
        places = index[draw]
        parts[split] = (data.samples.take(places), data.target.values[places])
    run = trained(parts, root, changes=["split.val=0.1"], seed=0, epochs=8)
    yield 0, nw.baseline(parts, beside=run.folder.path, root=root, seconds=20)
    changes = [f"split.val={run.recipe.split.val}"]
    few = nw.baseline(
        parts, features="resnet18", only=AFTER_PHOTOGRAPHS, changes=changes, root=root, seconds=20
    )
    yield 0, few


def trained(data: Any, root: Path, *, changes: list[str], seed: int, **options: Any) -> nw.Run:
    """The recipe nobody touched."""
    quiet = Console(file=io.StringIO())
    return nw.fit(
        data, changes=changes, seed=seed, doctor=False, root=root, console=quiet, **options
    )


def rows(name: str, seed: int, side: SideBySide) -> Iterator[Mapping[str, object]]:
    """One of each model."""
    for one in side.outcomes:
        estimate, loss = one.metrics[side.metric], one.loss
        deep = "model" in one.chosen
        yield {
            "data": name,
            "seed": seed,
            "inputs": "features of the network" if "of " in one.inputs and deep_run(one.inputs)
            else one.inputs,
            "model": f"network ({one.chosen['model']})" if deep else one.name,
            "metric": side.metric,
            "better": "higher" if side.higher_is_better else "lower",
            "value": f"{estimate.value:.4g}",
            "low": f"{estimate.low:.4g}",
            "high": f"{estimate.high:.4g}",
            "loss": f"{loss.value:.3g}",
            "loss_low": f"{loss.low:.3g}",
            "loss_high": f"{loss.high:.3g}",
            "simplest": "yes" if one is side.does_the_job else "no",
            "fit_seconds": "" if one.fit_seconds is None else f"{one.fit_seconds:.2g}",
            "predict_seconds": f"{one.predict_seconds:.2g}",
            "n_train": one.n_train,
            "n_test": side.n_test,
            "chosen": json.dumps(dict(one.chosen)),
            "notes": "; ".join(one.notes),
        }  # fmt: skip
    for model, why in side.skipped.items():
        print(f"  left out: {model}: {why}", flush=True)


def deep_run(inputs: str) -> bool:
    """Whether the features are those of the network that was trained here."""
    return "resnet18" not in inputs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="*", default=[*SMALL, FASHION])
    torch.set_num_threads(1)
    around = surroundings("torch", "netwright", "scikit-learn")
    for name in parser.parse_args().data:
        with tempfile.TemporaryDirectory() as root:
            found = []
            for seed, side in sides(name, Path(root)):
                print(f"{name} {seed}: {side.does_the_job.name} for {side.best.name}", flush=True)
                found += [{**row, **around} for row in rows(name, seed, side)]
            print(write_rows("baselines", found))


if __name__ == "__main__":
    main()
