"""Keywords of the classical models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from keyword_cases.case import Case
from keyword_cases.metrics import PREDICTION, TARGETS
from keyword_cases.workflow import SHORT, TABLE
from netwright.evaluate.baselines.class_densities import (
    KernelDensityClassifier,
    MixtureClassifier,
)
from netwright.evaluate.baselines.clusters import ClusterClassifier, ClusterRegressor
from netwright.evaluate.baselines.outcome import Loss
from netwright.evaluate.baselines.pipelines import on_components
from netwright.evaluate.baselines.simplest import losses_to_the_best, simplest_of
from netwright.metrics.accuracy import Accuracy
from netwright.metrics.base import Prediction
from netwright.workflow.baseline import baseline
from netwright.workflow.fit import fit

LOSSES = [Loss(value=0.3, low=0.1, high=0.5), Loss(value=0.0, low=0.0, high=0.0)]
ROWS = np.random.default_rng(0).normal(size=(60, 2))
SIDES = (ROWS[:, 0] > 0).astype(int)


def compared(folder: Path, **keyword: Any) -> Any:
    """Everything but what the clock says."""
    (folder / "some.csv").write_text(TABLE)
    if not (folder / "runs" / "deep").exists():
        fit("some.csv", changes=SHORT, name="deep", root=folder / "runs", doctor=False)
    found = baseline(**{"data": "some.csv", "only": ("constant", "ridge"), **keyword})
    return (
        found.skipped,
        found.order,
        found.simplest,
        [(one.name, one.inputs, one.n_train, one.metrics, one.notes) for one in found.outcomes],
    )


_HERE = "netwright.evaluate.baselines"

CASES = {
    "netwright.workflow.baseline:baseline": (
        Case(
            compared,
            {
                "data": "iris",
                "features": "deep",
                "beside": "deep",
                "only": ("constant",),
                "target": "width",
                "changes": ["split.seed=3"],
                "seconds": 0.0,
                "memory": "1 B",
                "tolerance": -1.0,
            },
        ),
        Case(
            lambda folder, **keyword: compared(folder, beside="deep", data=None, **keyword),
            {"root": "elsewhere"},
        ),
    ),
    f"{_HERE}.simplest:losses_to_the_best": Case(
        lambda _, **keyword: losses_to_the_best(
            [PREDICTION, Prediction(outputs=TARGETS)],
            TARGETS,
            metric=Accuracy(),
            **{"n_resamples": 20, **keyword},
        ),
        {"n_resamples": 50, "seed": 3},
    ),
    f"{_HERE}.simplest:simplest_of": Case(
        lambda _, **keyword: simplest_of(LOSSES, [0, 1], **keyword), {"tolerance": 0.2}
    ),
    f"{_HERE}.pipelines:on_components": Case(
        lambda _, **keyword: (
            on_components("sklearn.linear_model:Ridge", **keyword).fit(ROWS, SIDES).predict(ROWS)
        ),
        {"share": 0.4},
    ),
    f"{_HERE}.class_densities:KernelDensityClassifier": Case(
        lambda _, **keyword: (
            KernelDensityClassifier(**keyword).fit(ROWS, SIDES).predict_proba(ROWS)
        ),
        {"bandwidth": 1.0},
    ),
    f"{_HERE}.class_densities:MixtureClassifier": Case(
        lambda _, **keyword: (
            MixtureClassifier(**{"n_components": 3, **keyword}).fit(ROWS, SIDES).predict_proba(ROWS)
        ),
        {"n_components": 2, "covariance_type": "full", "reg_covar": 1.0, "random_state": 4},
    ),
    f"{_HERE}.clusters:ClusterClassifier": Case(
        lambda _, **keyword: ClusterClassifier(**keyword).fit(ROWS, SIDES).predict_proba(ROWS),
        {"n_clusters": 3, "random_state": 4},
    ),
    f"{_HERE}.clusters:ClusterRegressor": Case(
        lambda _, **keyword: ClusterRegressor(**keyword).fit(ROWS, ROWS[:, 1]).predict(ROWS),
        {"n_clusters": 3, "random_state": 4},
    ),
}
EXEMPT = {
    "netwright.workflow.baseline:baseline(trust)": "goes to load, as that of resume does",
    "netwright.workflow.baseline:baseline(tell)": "tests/workflow/test_workflow_baseline.py "
    "::test_it_is_told_what_is_done",
}
