"""What a network errs on its own examples, what it errs on the law, and what a bound promises.

python examples/empirical_risk.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from _drawing import COLOURS, IMAGES, STILL, band, canvas, interval, run, save, say
from _xor_law import BAYES_RISK, errs, sample, trained
from netwright.evaluate.sample_size import SampleSize

WIDTHS = {
    "4 hidden units": "{name: mlp, hidden: [4]}",
    "256 hidden units": "{name: mlp, hidden: [256]}",
}


def main(*, quick: bool = False, out: Path = IMAGES) -> dict[str, float]:
    """Measure, draw, and return the figures."""
    sizes, seeds = ([40, 1000], 2) if quick else ([20, 60, 200, 600, 2000, 6000], 5)
    fresh, truth = sample(20_000 if quick else 200_000, seed=54321)
    figure, panels = canvas(2)
    returned: dict[str, float] = {}
    for axes, (name, model) in zip(panels, WIDTHS.items(), strict=True):
        found = np.zeros((2, seeds, len(sizes)))
        for place, n in enumerate(sizes):
            for seed in range(seeds):
                net = trained(n, seed=seed, model=model, updates=100 if quick else 600)
                inputs, classes = sample(n, seed=seed)
                found[0, seed, place] = errs(net.predict(inputs).outputs, classes)
                found[1, seed, place] = errs(net.predict(fresh).outputs, truth)
            size = SampleSize.of(net.model, examples=n)
            say(
                (
                    *(name, n, "empirical", *interval(found[0, :, place])),
                    *("true", *interval(found[1, :, place])),
                    *("examples a weight", size.per_parameter, "PAC gap", size.pac_gap),
                )
            )
        band(axes, sizes, found[1], label="true risk", colour=COLOURS[1])
        band(axes, sizes, found[0], label="empirical risk", colour=COLOURS[0])
        axes.axhline(BAYES_RISK, color=STILL, linestyle="--", label="Bayes risk")
        axes.set(xscale="log", xlabel="training examples", ylim=(0, 0.45), title=name)
        gap = (found[1] - found[0]).mean(axis=0)
        returned |= {f"{name}, few": float(gap[0]), f"{name}, many": float(gap[-1])}
        returned[f"{name}, bound"] = size.pac_gap
    panels[0].set_ylabel("share of errors")
    panels[0].legend(frameon=False)
    save(figure, out, "empirical-risk")
    return returned


if __name__ == "__main__":
    run(main, __doc__)
