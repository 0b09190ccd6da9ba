"""Keywords of the ways to learn and of their output units."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from keyword_cases.case import Case
from netwright.data.batch import Batch
from netwright.methods.base import trained
from netwright.methods.grid_search import GridSearch
from netwright.methods.normal_equations import NormalEquations
from netwright.methods.output_units.binary import Binary
from netwright.methods.output_units.bins import Bins
from netwright.methods.output_units.classes import Classes
from netwright.methods.output_units.gaussian import Gaussian
from netwright.methods.output_units.multi_label import MultiLabel
from netwright.methods.output_units.quantiles import Quantiles
from netwright.methods.output_units.real import Real
from netwright.methods.output_units.real_huber import RealHuber

PLACES = torch.arange(30)
REALS = PLACES.float() ** 1.5


def unit(make: Any, targets: Tensor, *names: str) -> Any:
    """An output unit, what it makes of some scores, and where it would start."""

    def call(_: object, **keyword: Any) -> Any:
        made = make(names=names, targets=targets, **keyword)
        scores = torch.sin(torch.arange(30.0 * made.width)).reshape(30, made.width) * 3
        return (
            made,
            made.loss(scores, targets),
            made.prior_bias(targets),
            made.predict(scores),
        )

    return call


def closed(make: Any) -> Any:
    """The weights of a line that is solved for."""

    def call(_: object, **keyword: Any) -> Any:
        method = make(nn.Linear(1, 1), Real(names=("y",), targets=REALS), **keyword)
        inputs = torch.linspace(-1, 1, 30)[:, None]
        fit = method.stages()[0].fit
        fit([Batch(inputs=inputs, targets=REALS, index=PLACES)])
        return dict(method.model.state_dict())

    return call


CASES = {
    "netwright.methods.grid_search:GridSearch": Case(
        closed(GridSearch), {"low": -0.1, "high": 0.1, "points": 8}
    ),
    "netwright.methods.normal_equations:NormalEquations": Case(
        closed(NormalEquations), {"ridge": 3.0}
    ),
    "netwright.methods.base:trained": Case(
        lambda _, **keyword: trained(nn.Linear(2, 1), **keyword), {"prefix": "head."}
    ),
    "netwright.methods.output_units.binary:Binary": Case(
        unit(Binary, PLACES % 2, "no", "yes"), {"label_smoothing": 0.1}
    ),
    "netwright.methods.output_units.bins:Bins": Case(
        unit(Bins, REALS, "size"), {"num_bins": 5, "label_smoothing": 0.1}
    ),
    "netwright.methods.output_units.classes:Classes": Case(
        unit(Classes, PLACES % 3, "a", "b", "c"), {"label_smoothing": 0.1}
    ),
    "netwright.methods.output_units.multi_label:MultiLabel": Case(
        unit(MultiLabel, torch.stack([PLACES % 2, PLACES % 3 // 2], 1).float(), "a", "b"),
        {"label_smoothing": 0.1},
    ),
    "netwright.methods.output_units.quantiles:Quantiles": Case(
        unit(Quantiles, REALS, "size"), {"quantiles": (0.2, 0.8)}
    ),
    "netwright.methods.output_units.gaussian:Gaussian": Case(
        unit(Gaussian, REALS, "size"), {"beta": 0.5}
    ),
    "netwright.methods.output_units.real_huber:RealHuber": Case(
        unit(RealHuber, REALS, "size"), {"delta": 0.3}
    ),
}
EXEMPT: dict[str, str] = {}
