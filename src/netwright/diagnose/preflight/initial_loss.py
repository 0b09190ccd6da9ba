"""A first loss far above what knowing nothing costs."""

from __future__ import annotations

import copy
import math

import torch

from netwright.data.batch import Batch
from netwright.methods.base import Method
from netwright.methods.supervised import Supervised
from netwright.runs.records import Cause, Finding, Severity

__all__ = ["initial_loss"]

# A fresh network's scores differ a little between classes, which costs up to a few tenths of a nat.
# Ten times the constant answer's loss is a wrong scale, target or output unit, not bad luck.
FACTOR = 10.0


def initial_loss(method: Method, batch: Batch) -> list[Finding]:
    """Compare the untrained loss with that of the best constant answer for these targets."""
    if not isinstance(method, Supervised):
        return []
    floor = method.floor(batch.targets)
    patient = copy.deepcopy(method).train()  # its batch norms would take the batch in
    with torch.no_grad():
        loss = patient.loss(batch)
        first = float(loss.total) / float(loss.count)
    if math.isfinite(first) and first <= FACTOR * max(floor, 0.1):
        return []
    return [
        Finding(
            symptom="initial-loss",
            severity=Severity.WARNING if math.isfinite(first) else Severity.ERROR,
            where="loss",
            step=0,
            measurements={"loss": first, "constant_answer": floor},
            causes=(
                Cause(
                    name="output-scale",
                    probability=1.0,
                    reason="the untrained network is surer of wrong answers than a constant is",
                ),
            ),
            message=(
                f"The loss before the first step is {first:.3g}, where the best constant answer "
                f"costs {floor:.3g}. Look at the scale of inputs, targets and last layer."
            ),
        )
    ]
