"""Decisions by what they cost, where some mistakes are worse than others."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from netwright._errors import BadData, must_be, offenders
from netwright.metrics.base import MeanMetric, Prediction
from netwright.metrics.probabilities import class_probabilities

__all__ = [
    "ABSTAIN",
    "CostOfLikeliest",
    "CostTable",
    "Costs",
    "ExpectedCost",
    "RealisedCost",
    "cost_metrics",
    "read_costs",
    "surprise",
]

ABSTAIN = "abstain"
"""A decision of this name is to give no answer; it is the one that need not be a class."""

CostTable = Mapping[str, Mapping[str, float]]
"""True class → decision → what it costs."""


@dataclass(frozen=True)
class Costs:
    """What each decision costs for each true class.

    Attributes:
        names: of the classes, in the order of the probabilities.
        decisions: the classes that may be answered, in that order, and perhaps "abstain" last.
        matrix: (classes, decisions).
    """

    names: tuple[str, ...]
    decisions: tuple[str, ...]
    matrix: Tensor

    @classmethod
    def of(cls, table: CostTable, *, names: Sequence[str]) -> Costs:
        """From a table by names.

        Raises:
            BadData: classes are missing or unknown, or a cost is not a finite number.
        """
        decisions = list(dict.fromkeys(name for row in table.values() for name in row))
        missing = [name for name in names if name not in table]
        strange = [name for name in [*table, *decisions] if name not in (*names, ABSTAIN)]
        strange += [name for name in table if name == ABSTAIN]
        if missing or strange:
            lacking = f"no row of {offenders(missing)}" if missing else ""
            known = " and ".join(filter(None, [lacking, offenders(dict.fromkeys(strange))]))
            raise BadData(
                f"costs must be of the classes {', '.join(names)} (and {ABSTAIN} as a decision), "
                f"got {known}. The first column names the true classes, the first row decisions."
            )
        order = [name for name in (*names, ABSTAIN) if name in decisions]
        holes = [
            f"{true} decided as {decision}"
            for true in names
            for decision in order
            if not math.isfinite(table[true].get(decision, math.nan))
        ]
        if holes or not order:
            raise BadData(
                "costs must be a finite number for each class and decision, got none for "
                f"{offenders(holes)}."
            )
        rows = [[float(table[true][decision]) for decision in order] for true in names]
        return cls(tuple(names), tuple(order), torch.tensor(rows, dtype=torch.float64))

    def expected(self, probabilities: Float[Tensor, "n k"]) -> Float[Tensor, "n d"]:
        """What each decision is expected to cost, if the probabilities are right."""
        return probabilities.to(self.matrix.dtype) @ self.matrix.to(probabilities.device)

    def decide(self, probabilities: Float[Tensor, "n k"]) -> Int[Tensor, "n"]:
        """The decision of least expected cost; of equal ones the first.

        Of two classes without cost for right answers, the second is decided on from a probability
        of c(first, second) / (c(first, second) + c(second, first)) on.

        Paper: The Foundations of Cost-Sensitive Learning, 2001,
            https://www.ijcai.org/Proceedings/01/IJCAI-2001-k.pdf
        """
        return self.expected(probabilities).argmin(dim=1)

    def realised(
        self, decisions: Int[Tensor, "n"], targets: Int[Tensor, "n"]
    ) -> Float[Tensor, "n"]:
        """What decisions did cost."""
        return self.matrix.to(targets.device)[targets.long(), decisions]


class RealisedCost(MeanMetric):
    """What the decisions of least expected cost did cost, a mean an example."""

    higher_is_better = False

    def __init__(self, costs: Costs) -> None:
        super().__init__()
        self.costs = costs

    def values(self, prediction: Prediction, targets: Tensor) -> Tensor:
        """Of each example."""
        return self.costs.realised(self.costs.decide(class_probabilities(prediction)), targets)


class ExpectedCost(MeanMetric):
    """What the model itself believes that those decisions cost: right if it is calibrated."""

    higher_is_better = False

    def __init__(self, costs: Costs) -> None:
        super().__init__()
        self.costs = costs

    def values(self, prediction: Prediction, targets: Tensor) -> Tensor:
        """Of each example."""
        return self.costs.expected(class_probabilities(prediction)).amin(dim=1)


class CostOfLikeliest(MeanMetric):
    """What it would cost to answer the likeliest class, whatever mistakes cost."""

    higher_is_better = False

    def __init__(self, costs: Costs) -> None:
        super().__init__()
        self.costs = costs

    def values(self, prediction: Prediction, targets: Tensor) -> Tensor:
        """Of each example; a class that may not be decided on is taken as the least cost."""
        allowed = [self.costs.names.index(n) for n in self.costs.decisions if n != ABSTAIN]
        if not allowed:
            return self.costs.realised(torch.zeros_like(targets), targets)
        likeliest = class_probabilities(prediction)[:, allowed].argmax(dim=1)
        return self.costs.realised(likeliest, targets)


def cost_metrics(costs: Costs) -> dict[str, MeanMetric]:
    """What is told beside accuracy where mistakes have costs."""
    return {
        "cost": RealisedCost(costs),
        "expected_cost": ExpectedCost(costs),
        "cost_of_likeliest": CostOfLikeliest(costs),
    }


def surprise(prediction: Prediction, targets: Tensor, *, costs: Costs) -> float:
    """By how many standard deviations what was paid exceeds what the model believed it would pay.

    If the probabilities are right, each example's cost has the mean and the variance that they give
    it, rare and dear mistakes included. Beyond 3 they are not right.
    """
    law = class_probabilities(prediction).to(costs.matrix.dtype)
    decided = costs.decide(law)
    by_class = costs.matrix[:, decided].T
    mean = (law * by_class).sum(dim=1)
    variance = (law * (by_class - mean[:, None]).square()).sum()
    gap = (costs.realised(decided, targets) - mean).sum()
    return float(gap / variance.sqrt()) if variance > 0 else 0.0


def read_costs(path: Path) -> dict[str, dict[str, float]]:
    """A CSV file: a first column of true classes, then a column a decision.

    Raises:
        BadData: it can't be read so.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if any(cell.strip() for cell in row)]
    except OSError as error:
        raise must_be("costs", "a readable file", str(path), f"{error.strerror}.") from None
    except (UnicodeDecodeError, csv.Error):
        raise must_be("costs", "a CSV file in UTF-8", str(path), error=BadData) from None
    if len(rows) < 2 or len(rows[0]) < 2 or any(len(row) != len(rows[0]) for row in rows):
        raise must_be(
            "costs",
            "a table: true classes in the first column, a column a decision",
            str(path),
            "Separate with commas, as many in each row.",
            error=BadData,
        )
    decisions = [cell.strip() for cell in rows[0][1:]]
    classes = [row[0].strip() for row in rows[1:]]
    for kind, names in (("row", classes), ("column", decisions)):
        twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
        if twice:
            raise must_be("costs", f"one {kind} a name", offenders(twice), error=BadData)
    try:
        return {
            row[0].strip(): dict(zip(decisions, map(float, row[1:]), strict=True))
            for row in rows[1:]
        }
    except ValueError as error:
        raise must_be("costs", "numbers", str(path), f"{error}.", error=BadData) from None
