"""How often do the 95 % intervals of a judgement hold the truth?

    python benchmarks/interval_coverage.py [--trials 300]

Samples of a known law are judged as a run's test split is, and it is counted how often the interval
holds the figure of the law, which is that of a sample of 400,000. Classes: two normal laws that lie
apart by little, by more, or by so much that small samples are told apart without an error; the
probabilities are the true ones. Numbers: a linear law, with normal noise or with noise of heavy
tails (Student's t with 5 degrees of freedom), answered without its noise.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable

import torch
from torch import Tensor

from _rows import surroundings, write_rows
from netwright.evaluate.hold_out import judge
from netwright.metrics.base import Prediction
from netwright.metrics.standard import standard_metrics

SIZES = (20, 50, 200, 1000)
APART = {"hard": 0.5, "easy": 1.2, "nearly perfect": 2.2}
SHOWN = {
    "binary": ("accuracy", "roc_auc", "f1", "log_loss", "brier"),
    "classes": ("accuracy", "f1", "log_loss"),
    "real": ("r2", "root_mean_squared_error", "mean_absolute_error"),
}

Sample = tuple[Prediction, Tensor]


def binary(count: int, random: torch.Generator, *, apart: float) -> Sample:
    """Two classes of equal share."""
    truth = (torch.rand(count, generator=random) < 0.5).long()
    seen = torch.randn(count, generator=random, dtype=torch.float64) + apart * (2 * truth - 1)
    positive = (2 * apart * seen).sigmoid()
    return Prediction(outputs=(positive > 0.5).long(), probabilities=positive), truth


def classes(count: int, random: torch.Generator, *, apart: float) -> Sample:
    """Four classes, of which one is rare."""
    shares = torch.tensor([0.4, 0.3, 0.25, 0.05], dtype=torch.float64)
    truth = torch.multinomial(shares, count, replacement=True, generator=random)
    seen = torch.randn(count, 4, generator=random, dtype=torch.float64)
    seen[torch.arange(count), truth] += 2 * apart
    law = (2 * apart * seen + shares.log()).softmax(dim=1)
    return Prediction(outputs=law.argmax(dim=1), probabilities=law), truth


def numbers(count: int, random: torch.Generator, *, degrees: float) -> Sample:
    """A linear law, with noise of so many degrees of freedom."""
    answer = torch.randn(count, generator=random, dtype=torch.float64)
    noise = torch.randn(count, generator=random, dtype=torch.float64)
    if math.isfinite(degrees):
        squares = torch.randn(count, int(degrees), generator=random, dtype=torch.float64).square()
        noise = noise / (squares.mean(dim=1)).sqrt()
    return Prediction(outputs=answer), answer + 0.7 * noise


def laws() -> dict[str, tuple[str, int, Callable[..., Sample], dict[str, float]]]:
    """Name → kind of target, number of names, how a sample is drawn."""
    found: dict[str, tuple[str, int, Callable[..., Sample], dict[str, float]]] = {}
    for name, apart in APART.items():
        found[f"two classes, {name}"] = ("binary", 2, binary, {"apart": apart})
        found[f"four classes, {name}"] = ("classes", 4, classes, {"apart": apart})
    found["numbers, normal noise"] = ("real", 1, numbers, {"degrees": math.inf})
    found["numbers, heavy tails"] = ("real", 1, numbers, {"degrees": 5})
    return found


def measure(trials: int) -> list[dict[str, object]]:
    """One row a law, metric and size."""
    rows: list[dict[str, object]] = []
    for law, (kind, count, draw, options) in laws().items():
        names = tuple(map(str, range(count)))
        large = draw(400_000, torch.Generator().manual_seed(2**40), **options)
        truth = judge(*large, kind=kind, names=names, n_resamples=1).metrics
        for size in SIZES:
            held = {name: [0, 0, 0.0] for name in SHOWN[kind]}
            for trial in range(trials if size < 1000 else max(trials // 2, 1)):
                sample = draw(size, torch.Generator().manual_seed(trial), **options)
                metrics = standard_metrics(kind, num_outputs=count)
                judged = judge(
                    *sample,
                    kind=kind,
                    names=names,
                    metrics={name: metrics[name] for name in SHOWN[kind]},
                    n_resamples=500,
                    seed=trial,
                )
                for name, counts in held.items():
                    one = judged.metrics.get(name)
                    if one is None or one.low is None or one.high is None:
                        continue
                    counts[0] += one.low <= truth[name].value <= one.high
                    counts[1] += 1
                    counts[2] += one.high - one.low
            for name, (inside, of, width) in held.items():
                rows.append(
                    {
                        "law": law,
                        "metric": name,
                        "n": size,
                        "truth": f"{truth[name].value:.4f}",
                        "coverage": f"{inside / of:.3f}",
                        "width": f"{width / of:.4f}",
                        "trials": of,
                    }
                )
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=300)
    began = time.process_time()
    measured = measure(parser.parse_args().trials)
    around = surroundings("torch", "netwright")
    write_rows("interval_coverage", [{**row, **around} for row in measured])
    print(f"{len(measured)} rows, {time.process_time() - began:.0f} s of one core")
