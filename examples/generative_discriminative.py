"""Naive Bayes and logistic regression by the number of examples, on real tables and a known law.

Ng and Jordan 2001 (On discriminative vs. generative classifiers): naive Bayes comes to its own best
after fewer examples, logistic regression's best is at least as good.

    python examples/generative_discriminative.py
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from _drawing import COLOURS, IMAGES, band, canvas, interval, run, save, say

Table = tuple[NDArray[np.float64], NDArray[np.int64]]


class SharedVariance(GaussianNB):
    """Naive Bayes whose columns vary alike in all classes: the law that logistic regression fits.

    So the two are a pair, one model learned in two ways, as in the paper.
    """

    def fit(self, inputs: NDArray[np.float64], classes: NDArray[np.int64]) -> SharedVariance:
        """Means by class, one variance a column."""
        super().fit(inputs, classes)
        self.var_[:] = np.average(self.var_, axis=0, weights=self.class_count_)
        return self


KINDS = {
    "naive Bayes (generative)": lambda: SharedVariance(var_smoothing=1e-2),
    # hardly penalised: maximum likelihood, as in the paper
    "logistic (discriminative)": lambda: LogisticRegression(C=100, max_iter=300),
}


def independent(count: int = 4000, *, features: int = 30) -> Table:
    """Columns that are independent given the class, as naive Bayes supposes."""
    draw = np.random.default_rng(7)
    classes = draw.integers(0, 2, size=count)
    apart = draw.normal(size=features) * 0.4
    return draw.normal(size=(count, features)) + np.outer(classes - 0.5, apart), classes


def tables(*, quick: bool) -> dict[str, tuple[Table, list[int]]]:
    """Each set, and how many examples are learned from."""
    many = [10, 20, 40, 80, 160, 320]
    found = {
        "a law with independent columns": (independent(), [*many, 1000]),
        "breast-cancer": (load_breast_cancer(return_X_y=True), many),
        "digits": (load_digits(return_X_y=True), [20, 40, 80, 160, 320, 1000]),
    }
    return {"breast-cancer": (found["breast-cancer"][0], [10, 320])} if quick else found


def errors(table: Table, sizes: list[int], *, seeds: int) -> dict[str, NDArray[np.float64]]:
    """Share of errors on what was not learned from, (seeds, sizes); all classes are always seen."""
    inputs, classes = table
    found = {name: np.zeros((seeds, len(sizes))) for name in KINDS}
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(len(classes))
        first = [int(np.flatnonzero(classes[order] == one)[0]) for one in np.unique(classes)]
        order = np.concatenate([order[first], np.delete(order, first)])
        rest = order[max(sizes) :]
        for place, n in enumerate(sizes):
            for name, make in KINDS.items():
                fitted = make_pipeline(StandardScaler(), make())
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", ConvergenceWarning)
                    fitted.fit(inputs[order[:n]], classes[order[:n]])
                found[name][seed, place] = np.mean(fitted.predict(inputs[rest]) != classes[rest])
    return found


def main(*, quick: bool = False, out: Path = IMAGES) -> dict[str, float]:
    """Measure, draw, and return the figures."""
    chosen = tables(quick=quick)
    figure, panels = canvas(len(chosen))
    returned = {}
    for axes, (title, (table, sizes)) in zip(panels, chosen.items(), strict=True):
        found = errors(table, sizes, seeds=5 if quick else 20)
        for colour, (name, runs) in zip(COLOURS, found.items(), strict=False):
            band(axes, sizes, runs, label=name, colour=colour)
            say(*[(title, name, n, *interval(c)) for n, c in zip(sizes, runs.T, strict=True)])
            returned[f"{title}: {name}, few"] = float(runs[:, 0].mean())
            returned[f"{title}: {name}, many"] = float(runs[:, -1].mean())
        axes.set(xscale="log", xlabel="training examples", title=title, ylim=(0, None))
    panels[0].set_ylabel("share of errors")
    panels[0].legend(frameon=False)
    save(figure, out, "generative-discriminative")
    return returned


if __name__ == "__main__":
    run(main, __doc__)
