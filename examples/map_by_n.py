"""Maximum likelihood and MAP by the number of examples: what a prior is worth, and what it costs.

Linear regression with 20 weights drawn from N(0, 1/20) and noise of variance 1. The excess risk
over the best predictor is |ŵ − w|²; that of maximum likelihood is d / (n − d − 1) in expectation.

    python examples/map_by_n.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from _drawing import COLOURS, IMAGES, STILL, band, canvas, interval, run, save, say
from netwright.data.batch import Batch
from netwright.methods.normal_equations import NormalEquations
from netwright.methods.output_units.catalogue import create

WEIGHTS, NOISE, VARIANCE = 20, 1.0, 1 / 20
# ridge = noise / variance of the prior; see netwright.losses.prior
RIDGES = {
    "maximum likelihood": 0.0,
    "MAP, the right prior": NOISE / VARIANCE,
    "MAP, a prior 20 times too narrow": 20 * NOISE / VARIANCE,
}


def estimated(inputs: Tensor, targets: Tensor, *, ridge: float) -> Tensor:
    """The weights that are most probable."""
    unit = create("real", names=("y",), targets=None)
    method = NormalEquations(nn.Linear(WEIGHTS, 1, bias=False), unit, ridge=ridge)
    method.solve([Batch(inputs=inputs, targets=targets, index=torch.arange(len(inputs)))])
    return method.model.weight.detach()[0]


def main(*, quick: bool = False, out: Path = IMAGES) -> dict[str, float]:
    """Measure, draw, and return the figures."""
    sizes, seeds = ([30, 300], 60) if quick else ([24, 30, 40, 60, 100, 200, 400, 1000], 200)
    excess = {name: np.zeros((seeds, len(sizes))) for name in RIDGES}
    for seed in range(seeds):
        draw = torch.Generator().manual_seed(seed)
        true = torch.randn(WEIGHTS, generator=draw) * VARIANCE**0.5
        for place, n in enumerate(sizes):
            inputs = torch.randn(n, WEIGHTS, generator=draw)
            targets = inputs @ true + NOISE**0.5 * torch.randn(n, generator=draw)
            for name, ridge in RIDGES.items():
                error = estimated(inputs, targets, ridge=ridge) - true
                excess[name][seed, place] = float(error.square().sum())
    figure, (axes,) = canvas()
    for colour, (name, found) in zip(COLOURS, excess.items(), strict=False):
        band(axes, sizes, found, label=name, colour=colour)
        say(*[(name, n, *interval(column)) for n, column in zip(sizes, found.T, strict=True)])
    theory = [NOISE * WEIGHTS / (n - WEIGHTS - 1) for n in sizes]
    axes.plot(sizes, theory, "--", color=STILL, label="d / (n − d − 1)")
    axes.set(xscale="log", yscale="log", xlabel="training examples", ylabel="excess risk")
    axes.legend(frameon=False)
    save(figure, out, "map-by-n")
    likelihood, right, narrow = (found.mean(axis=0) for found in excess.values())
    return {
        "theory": theory[-1],
        "likelihood": float(likelihood[-1]),
        "likelihood, few": float(likelihood[0]),
        "right, few": float(right[0]),
        "right": float(right[-1]),
        "narrow": float(narrow[-1]),
    }


if __name__ == "__main__":
    run(main, __doc__)
