"""The pinball loss of quantile regression."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Num
from torch import Tensor

from netwright.losses.precision import at_least_float32

__all__ = ["quantile"]


def quantile(
    prediction: Float[Tensor, "n q"], targets: Num[Tensor, "n"], *, quantiles: Sequence[float]
) -> Float[Tensor, "n"]:
    """The pinball loss, added over the quantiles that are asked for.

    Use it where an interval is wanted: being below the target costs τ a unit, being above 1 − τ,
    so that the minimum is the τ-quantile.

    Paper: Regression Quantiles, 1978, https://doi.org/10.2307/1913643

    Args:
        prediction: one column a quantile.
        targets: real numbers.
        quantiles: τ of each column, in (0, 1).
    """
    scores = at_least_float32(prediction)
    levels = torch.tensor(quantiles, dtype=scores.dtype, device=scores.device)
    errors = targets.to(scores.dtype)[:, None] - scores
    return torch.maximum(levels * errors, (levels - 1) * errors).sum(dim=1)
