"""Keywords of the private modules that all rooms share."""

from __future__ import annotations

import numpy as np
import torch

from keyword_cases.case import Case
from netwright import _errors, _random, _statistics

VALUES = np.arange(40.0) ** 1.5
PAIRED = np.sin(VALUES)
RESAMPLED = {"n_resamples": 200, "level": 0.5, "seed": 3}


def drawn_inside(_: object, **keyword: int) -> torch.Tensor:
    with _random.isolated(**keyword):
        return torch.rand(3)


CASES = {
    "netwright._errors:must_be": Case(
        lambda _, **keyword: [_errors.must_be("epochs", "at least 1", 0, **keyword)],
        {"fix": "Give one.", "error": _errors.BadType},
    ),
    "netwright._errors:offenders": Case(
        lambda _, **keyword: _errors.offenders(range(30), **keyword), {"shown": 3}
    ),
    "netwright._errors:unknown": Case(
        lambda _, **keyword: [_errors.unknown("model", "lenett", ["lenet"], **keyword)],
        {"hint": "Or your own."},
    ),
    "netwright._random:isolated": Case(drawn_inside, {"seed": 7}),
    "netwright._statistics:bootstrap": Case(
        lambda _, **keyword: _statistics.bootstrap(np.mean, [VALUES], **keyword), RESAMPLED
    ),
    "netwright._statistics:paired_difference": Case(
        lambda _, **keyword: _statistics.paired_difference(VALUES, PAIRED, **keyword), RESAMPLED
    ),
    "netwright._statistics:percentiles": Case(
        lambda _, **keyword: _statistics.percentiles(VALUES, 3.0, **keyword), {"level": 0.5}
    ),
    "netwright._statistics:wilson": Case(
        lambda _, **keyword: _statistics.wilson(8, 10, **keyword), {"level": 0.5}
    ),
    "netwright._statistics:exact_share": Case(
        lambda _, **keyword: _statistics.exact_share(8, 10, **keyword), {"level": 0.5}
    ),
    "netwright._statistics:bootstrap_weighted": Case(
        lambda _, **keyword: _statistics.bootstrap_weighted(
            lambda weights: VALUES @ weights / weights.sum(0), len(VALUES), **keyword
        ),
        RESAMPLED,
    ),
}
EXEMPT = {
    "netwright._random:generator(device)": "another device needs an accelerator; tests -m gpu",
}
