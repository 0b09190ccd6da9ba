"""Keywords of judging."""

from __future__ import annotations

import torch

from keyword_cases.case import Case
from keyword_cases.metrics import PREDICTION, TARGETS
from netwright.evaluate.hold_out import judge
from netwright.metrics.accuracy import Accuracy

CASES = {
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
