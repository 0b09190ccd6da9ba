"""Keywords of the losses."""

from __future__ import annotations

import torch

from keyword_cases.case import Case
from netwright.losses.binary_cross_entropy import binary_cross_entropy
from netwright.losses.cross_entropy import cross_entropy, total_cross_entropy
from netwright.losses.gaussian_nll import gaussian_nll
from netwright.losses.huber import huber
from netwright.losses.margin import best_length, margin, shares_of_lengths
from netwright.losses.prior import decay_of_prior, l1_of_prior

SCORES = torch.tensor([[2.0, -1.0, 0.5], [0.3, 0.1, -3.0]])
CLASSES = torch.tensor([0, 2])
REALS = torch.tensor([[0.1, 0.2, 0.3], [3.0, -2.0, 5.0]])

CASES = {
    "netwright.losses.cross_entropy:cross_entropy": Case(
        lambda _, **keyword: cross_entropy(SCORES, CLASSES, **keyword), {"label_smoothing": 0.1}
    ),
    "netwright.losses.cross_entropy:total_cross_entropy": Case(
        lambda _, **keyword: total_cross_entropy(SCORES, CLASSES, **keyword),
        {"label_smoothing": 0.1},
    ),
    "netwright.losses.binary_cross_entropy:binary_cross_entropy": Case(
        lambda _, **keyword: binary_cross_entropy(SCORES, (SCORES > 0).float(), **keyword),
        {"label_smoothing": 0.1},
    ),
    "netwright.losses.gaussian_nll:gaussian_nll": Case(
        lambda _, **keyword: gaussian_nll(SCORES, REALS, log_variances=REALS - 1, **keyword),
        {"beta": 0.5},
    ),
    "netwright.losses.huber:huber": Case(
        lambda _, **keyword: huber(SCORES, REALS, **keyword), {"delta": 0.5}
    ),
    **{
        f"netwright.losses.margin:{law.__name__}": Case(
            lambda _, law=law, rest=rest, **keyword: law(SCORES.sigmoid(), *rest, **keyword),
            {"present": 0.7, "absent": 0.3, "absent_weight": 2.0},
        )
        for law, rest in ((margin, (CLASSES,)), (best_length, ()), (shares_of_lengths, ()))
    },
    "netwright.losses.prior:decay_of_prior": Case(
        lambda _, **keyword: decay_of_prior(0.5, count=10, **keyword), {"noise": 0.7}
    ),
    "netwright.losses.prior:l1_of_prior": Case(
        lambda _, **keyword: l1_of_prior(0.5, count=10, **keyword), {"noise": 0.7}
    ),
}
EXEMPT: dict[str, str] = {}
