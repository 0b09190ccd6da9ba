"""The least error that is possible, and how near a network comes to it as examples are added.

python examples/bayes_risk.py
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

from _drawing import COLOURS, IMAGES, STILL, band, canvas, interval, run, save, say
from _xor_law import BAYES_RISK, errs, sample, trained


def main(*, quick: bool = False, out: Path = IMAGES) -> dict[str, float]:
    """Measure, draw, and return the figures."""
    sizes, seeds = ([40, 1000], 2) if quick else ([20, 60, 200, 600, 2000, 6000], 5)
    inputs, classes = sample(20_000 if quick else 400_000, seed=12345)
    simulated = errs((inputs.prod(dim=1) > 0).long(), classes)
    risks = {name: np.zeros((seeds, len(sizes))) for name in ("two hidden layers of 32", "linear")}
    models = ("{name: mlp, hidden: [32, 32]}", "linear")
    for found, model in zip(risks.values(), models, strict=True):
        for seed, place in itertools.product(range(seeds), range(len(sizes))):
            net = trained(sizes[place], seed=seed, model=model, updates=100 if quick else 600)
            found[seed, place] = errs(net.predict(inputs).outputs, classes)
    figure, (axes,) = canvas()
    for colour, (name, found) in zip(COLOURS, risks.items(), strict=False):
        band(axes, sizes, found, label=name, colour=colour)
    axes.axhline(BAYES_RISK, color=STILL, linestyle="--", label=f"Bayes risk {BAYES_RISK:.4f}")
    axes.set(xscale="log", xlabel="training examples", ylabel="true risk", ylim=(0, 0.6))
    axes.legend(frameon=False)
    save(figure, out, "bayes-risk")
    say(("Bayes risk", BAYES_RISK, "simulated", simulated, "of", len(classes)))
    for name, found in risks.items():
        say(*[(name, n, *interval(column)) for n, column in zip(sizes, found.T, strict=True)])
    deep, linear = (found.mean(axis=0) for found in risks.values())
    return {
        "bayes": BAYES_RISK,
        "simulated": simulated,
        "few": float(deep[0]),
        "many": float(deep[-1]),
        "linear": float(linear[-1]),
    }


if __name__ == "__main__":
    run(main, __doc__)
