"""Keywords of judging."""

from __future__ import annotations

import torch

from keyword_cases.case import Case
from keyword_cases.metrics import PREDICTION, TARGETS
from netwright.evaluate.abstention import guaranteed_abstention, risk_coverage
from netwright.evaluate.conformal import fit_conformal
from netwright.evaluate.cross_validation import HeldOutPart, corrected_interval, pooled
from netwright.evaluate.hold_out import judge
from netwright.evaluate.intervals import figure_intervals
from netwright.metrics.accuracy import Accuracy
from netwright.metrics.log_loss import LogLoss

PART = HeldOutPart(prediction=PREDICTION, targets=TARGETS, index=torch.arange(40))

SURE = torch.linspace(0.5, 1, 200)
WRONG = torch.arange(200) % 9 == 0

CASES = {
    "netwright.evaluate.intervals:figure_intervals": Case(
        lambda _, **keyword: figure_intervals(
            {"log_loss": LogLoss()},
            [(PREDICTION, TARGETS)],
            kind="classes",
            weights=torch.ones(40, 1, dtype=torch.float64),
            **keyword,
        ),
        {"n_resamples": 100, "seed": 5},
    ),
    "netwright.evaluate.abstention:risk_coverage": Case(
        lambda _, **keyword: risk_coverage(SURE, WRONG, **keyword), {"n_resamples": 50, "seed": 3}
    ),
    "netwright.evaluate.abstention:guaranteed_abstention": Case(
        lambda _, **keyword: guaranteed_abstention(SURE, WRONG, risk=0.3, **keyword),
        {"delta": 0.2},
    ),
    "netwright.evaluate.conformal:fit_conformal": Case(
        lambda _, **keyword: fit_conformal(PREDICTION, TARGETS, kind="classes", **keyword),
        {"alpha": 0.2, "score": "aps"},
    ),
    "netwright.evaluate.cross_validation:corrected_interval": Case(
        lambda _, **keyword: corrected_interval([0.5, 0.7, 0.6], ratio=0.2, **keyword),
        {"level": 0.8},
    ),
    "netwright.evaluate.cross_validation:pooled": Case(
        lambda _, **keyword: pooled(
            [PART], lambda: {"log_loss": LogLoss()}, kind="classes", **keyword
        ),
        {"n_resamples": 100, "seed": 5},
    ),
    "netwright.evaluate.hold_out:judge": Case(
        lambda _, **keyword: judge(
            PREDICTION, TARGETS, kind="classes", names=tuple("abcdefgh"), **keyword
        ),
        {
            "weight": torch.linspace(0, 1, 40),
            "metrics": {"accuracy": Accuracy()},
            "n_resamples": 100,
            "seed": 5,
        },
    ),
}
EXEMPT: dict[str, str] = {}
