"""Inputs of a size that networks do not learn well from.

Paper: Efficient BackProp, LeCun, Bottou, Orr and Müller 1998, section 4.3,
    https://doi.org/10.1007/3-540-49430-8_2
"""

from __future__ import annotations

import torch
from torch import Tensor

from netwright.data.batch import Batch
from netwright.methods.base import Method
from netwright.runs.records import Cause, Finding, Severity

__all__ = ["input_scale"]

# Raw 8-bit pixels have a deviation near 70; a standardised input has one near 1. Between 1/20 and
# 20 the default initialisations still train, so nothing is said.
LARGEST = 20.0
SMALLEST = 0.05


def input_scale(method: Method, batch: Batch) -> list[Finding]:
    """Say when the root mean square of the inputs is far from 1."""
    if not isinstance(batch.inputs, Tensor) or not batch.inputs.is_floating_point():
        return []
    size = float(batch.inputs.detach().double().square().mean().sqrt())
    if not torch.isfinite(torch.tensor(size)):
        return [_finding("inputs hold NaN or infinity", size, Severity.ERROR)]
    if SMALLEST <= size <= LARGEST:
        return []
    return [_finding(f"inputs have a root mean square of {size:.3g}", size, Severity.WARNING)]


def _finding(what: str, size: float, severity: Severity) -> Finding:
    return Finding(
        symptom="input-scale",
        severity=severity,
        where="data",
        step=0,
        measurements={"root_mean_square": size},
        causes=(
            Cause(
                name="inputs-not-standardised",
                probability=1.0,
                reason="measured on the first training batch, as the network receives it",
            ),
        ),
        repairs=("standardise-inputs",),
        message=f"The {what}; networks learn best from about 1. Choose a preprocessing.",
    )
