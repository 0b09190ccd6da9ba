"""Penalties on weights as what was believed of them beforehand: decay and L1 are MAP priors.

The weights that are most probable given the data minimise −log likelihood − log prior. Of a loss
that is the mean over n examples of the negative log-likelihood, that is the minimum of

    loss + |w|² / (2·variance·n)      where each weight has the prior N(0, variance),
    loss + |w| / (scale·n)            where each has the prior Laplace(0, scale):

L2 with `optimizer.weight_decay = decay_of_prior(variance, count=n)` (sgd, adam; the decay of adamw
stands apart from the loss and is no prior), L1 with `optimizer.l1 = l1_of_prior(scale, count=n)`.
The more examples, the less a prior weighs. No penalty is a flat prior: maximum likelihood.

Paper: Regression shrinkage and selection via the lasso, Tibshirani 1996,
    https://doi.org/10.1111/j.2517-6161.1996.tb02080.x; Ridge regression: biased estimation for
    nonorthogonal problems, Hoerl and Kennard 1970, https://doi.org/10.1080/00401706.1970.10488634
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor

from netwright._errors import must_be

__all__ = ["decay_of_prior", "gaussian_prior", "l1_of_prior", "laplace_prior"]


def gaussian_prior(weights: Iterable[Tensor], *, variance: float) -> Float[Tensor, ""]:
    """−log N(w; 0, variance), added over all weights, its constant included.

    Args:
        weights: tensors of any shape.
        variance: of the prior, above 0.

    Example:
        >>> gaussian_prior([torch.zeros(3)], variance=1.0)
        tensor(2.7568)
    """
    _require("variance", variance)
    constant = 0.5 * math.log(2 * math.pi * variance)
    values = [(one.square() / (2 * variance) + constant).sum() for one in weights]
    return torch.stack(values).sum()


def laplace_prior(weights: Iterable[Tensor], *, scale: float) -> Float[Tensor, ""]:
    """−log Laplace(w; 0, scale), added over all weights, its constant included.

    Args:
        weights: tensors of any shape.
        scale: of the prior, above 0; its variance is 2·scale².

    Example:
        >>> laplace_prior([torch.zeros(3)], scale=0.5)
        tensor(0.)
    """
    _require("scale", scale)
    values = [(one.abs() / scale + math.log(2 * scale)).sum() for one in weights]
    return torch.stack(values).sum()


def decay_of_prior(variance: float, *, count: int, noise: float | None = None) -> float:
    """The `weight_decay` that makes a minimum the MAP under N(0, variance).

    Args:
        variance: of the prior of each weight.
        count: training examples.
        noise: variance of the targets about their mean, for squared error, which is 2·noise times
            the negative log-likelihood; None for a loss that is the likelihood's own (that of
            classes, of counts). In the network's units: `real` standardises its targets.

    Example:
        >>> decay_of_prior(0.5, count=100)
        0.02
    """
    _require("variance", variance)
    return _per_nat(noise) / (variance * _counted(count))


def l1_of_prior(scale: float, *, count: int, noise: float | None = None) -> float:
    """The `l1` that makes a minimum the MAP under Laplace(0, scale).

    Args:
        scale: of the prior of each weight.
        count: training examples.
        noise: see `decay_of_prior`.

    Example:
        >>> l1_of_prior(0.5, count=100)
        0.02
    """
    _require("scale", scale)
    return _per_nat(noise) / (scale * _counted(count))


def _per_nat(noise: float | None) -> float:
    """By how much the loss is larger than the negative log-likelihood."""
    if noise is None:
        return 1.0
    _require("noise", noise)
    return 2 * noise


def _counted(count: int) -> int:
    if count < 1:
        raise must_be("count", "at least 1", count)
    return count


def _require(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise must_be(name, "above 0 and finite", value)
