"""How much of what an ensemble gains over one network is kept by one network that learned from it?

1,000 pictures of fashion-mnist, drawn anew for each seed; five LeNets by one recipe, which differ
by their seeds; the pupil is a sixth by the same recipe and for as many epochs, with the ensemble's
softened answers beside the labels. The gain is that of the mean log-loss of the five over 5,000
pictures that none of them saw. The share that is kept is the pupil's gain over the ensemble's, its
interval a bootstrap over seeds. Settings were chosen on a seed that is not among these.

    python benchmarks/distilled_ensemble.py        # 6 minutes of one core
"""

from __future__ import annotations

import io
import sys
import tempfile
import time

import torch
from rich.console import Console
from torch import Tensor

import netwright as nw
from _rows import bootstrap, surroundings, write_rows
from netwright.data.open import open_data
from netwright.workflow.run import Run

SEEDS, MEMBERS, LEARNED, HELD_OUT = range(5), 5, 1000, 5000
CHANGES = [
    "split.val=0",
    "model={name: lenet}",
    "optimizer={name: adamw, learning_rate: 0.003, weight_decay: 0.05}",
    "training.epochs=60",
    "training.precision=fp32",
    "augment=[]",
    "training.batch_size=32",
    "training.restore_best=false",
    "training.snapshot_every=0",
    "explain=false",
]
DISTILLATION = ["method.temperature=4.0", "method.label_weight=0.1"]


def learn(data: dict[str, tuple[Tensor, Tensor]], *changes: str, root: str, **more: object) -> Run:
    """A run of the one recipe."""
    return nw.fit(
        data,
        changes=[*CHANGES, *changes],
        doctor=False,
        root=root,
        console=Console(file=io.StringIO()),
        **more,
    )


def surprise(answerer: object, pictures: Tensor, truth: Tensor) -> tuple[float, float]:
    """Mean log-loss and share of errors of what has `predict` for raw pictures."""
    with torch.no_grad():
        law = torch.cat([answerer.predict(part).probabilities for part in pictures.split(1000)])
    wrong = (law.argmax(dim=1) != truth).double().mean()
    return float(-law.gather(1, truth[:, None]).clamp(min=1e-9).log().mean()), float(wrong)


def row(seed: int, *, distillation: list[str]) -> dict[str, float]:
    """Log-loss and error of the members, the ensemble and the pupil."""
    whole = open_data("fashion-mnist")
    pictures, truth = whole.samples.values, whole.target.values
    drawn = torch.randperm(60_000, generator=torch.Generator().manual_seed(seed))[:LEARNED]
    test = slice(60_000, 60_000 + HELD_OUT)
    data = {"train": (pictures[drawn], truth[drawn]), "test": (pictures[test], truth[test])}
    with tempfile.TemporaryDirectory() as root:
        first = 100 * (seed + 1)
        several = learn(data, f"ensemble.members={MEMBERS}", root=root, seed=first)
        pupil = learn(data, *distillation, root=root, seed=first + 50, teachers=[several])
        each = [surprise(member, *data["test"]) for member in several.method.members]
        single, error = torch.tensor(each).mean(dim=0).tolist()
        together, their_error = surprise(several, *data["test"])
        own, own_error = surprise(pupil, *data["test"])
    return {
        "single": single,
        "ensemble": together,
        "pupil": own,
        "kept": (single - own) / (single - together),
        "single_error": error,
        "ensemble_error": their_error,
        "pupil_error": own_error,
    }


def kept(rows: list[dict[str, float]]) -> float:
    """The pupils' gains together over the ensembles' together."""
    gained = sum(one["single"] - one["pupil"] for one in rows)
    return gained / sum(one["single"] - one["ensemble"] for one in rows)


def main() -> None:
    torch.set_num_threads(1)
    Run.report = lambda run: run.folder.name  # type: ignore[method-assign]
    begun, rows = time.process_time(), []
    for seed in SEEDS:
        rows.append(row(seed, distillation=sys.argv[1:] or DISTILLATION))
        print(seed, rows[-1], f"{time.process_time() - begun:.0f} s", flush=True)
    share, low, high = bootstrap(kept, rows)
    means = {name: sum(one[name] for one in rows) / len(rows) for name in rows[0]}
    found = {name: f"{value:.4f}" for name, value in means.items() if name != "kept"}
    written = {
        "data": "fashion-mnist",
        "learned": LEARNED,
        "members": MEMBERS,
        "seeds": len(rows),
        **found,
        "kept": f"{share:.3f}",
        "kept_low": f"{low:.3f}",
        "kept_high": f"{high:.3f}",
        "by_seed": " ".join(f"{one['kept']:.3f}" for one in rows),
        "core_minutes": f"{(time.process_time() - begun) / 60:.1f}",
        "settings": "; ".join([*CHANGES, *(sys.argv[1:] or DISTILLATION)]),
        **surroundings("torch", "netwright"),
    }
    print(written)
    write_rows("distilled_ensemble", [written])


if __name__ == "__main__":
    main()
