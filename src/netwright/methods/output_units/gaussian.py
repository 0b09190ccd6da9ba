"""Real numbers with how sure the network is of each."""

from __future__ import annotations

from abc import abstractmethod

import torch
from jaxtyping import Float, Num
from torch import Tensor, nn

from netwright._errors import must_be
from netwright.losses.gaussian_nll import gaussian_nll
from netwright.losses.precision import at_least_float32, bounded_exp
from netwright.methods.output_units.standardised import StandardisedUnit, single
from netwright.metrics.base import Metric, Prediction
from netwright.metrics.standard import gaussian_metrics

__all__ = ["Gaussian", "GaussianShared"]

_LEAST_VARIANCE = 1e-6  # of the prior, in standard deviations of the targets squared


class _Normal(StandardisedUnit):
    """A normal law an example, in units of the targets' own spread."""

    @abstractmethod
    def law(
        self, scores: Float[Tensor, "n width"]
    ) -> tuple[Float[Tensor, "n t"], Float[Tensor, "n t"]]:
        """Means and log-variances in the network's units."""

    def predict(self, scores: Float[Tensor, "n width"]) -> Prediction:
        """Mean and standard deviation in the target's own units."""
        logits = at_least_float32(scores)
        means, logs = self.law(logits)
        return Prediction(
            outputs=single(self.outward(means)),
            deviations=single(_root(logs) * self.deviation),
            logits=logits,
        )

    def metrics(self) -> dict[str, Metric]:
        """Negative log-likelihood first."""
        return {**gaussian_metrics()}


class Gaussian(_Normal):
    """Mean and log-variance of a normal law, both from the inputs: twice the scores.

    Use it where some examples are noisier than others, and where answers need an interval. In
    nats; it can tell less noise from more only where there are enough examples, and overfits sooner
    than squared error: the variance of what is known by heart goes to 0.

    Paper: Estimating the Mean and Variance of the Target Probability Distribution, 1994,
        https://doi.org/10.1109/ICNN.1994.374138; On the Pitfalls of Heteroscedastic Uncertainty
        Estimation (beta), 2022, https://arxiv.org/abs/2203.09168

    Args:
        names: of the target columns.
        targets: (n,) or (n, t) numbers of the training split.
        beta: how far the weight that a large variance takes from an example's error is given back,
            in [0, 1]: 0 is the likelihood, 1 fits the mean as squared error does, 0.5 is the
            paper's advice.
    """

    def __init__(
        self, *, names: tuple[str, ...], targets: Tensor | None, beta: float = 0.0
    ) -> None:
        super().__init__(names=names, targets=targets)
        if not 0 <= beta <= 1:
            raise must_be("beta", "in [0, 1]", beta, "0.0 is the likelihood, 0.5 the usual other.")
        self.beta = beta
        self.columns = self.width
        self.width = 2 * self.columns

    def law(
        self, scores: Float[Tensor, "n width"]
    ) -> tuple[Float[Tensor, "n t"], Float[Tensor, "n t"]]:
        """The first half are the means, the second the log-variances."""
        return scores[:, : self.columns], scores[:, self.columns :]

    def loss(
        self, scores: Float[Tensor, "n width"], targets: Num[Tensor, "n *t"]
    ) -> Float[Tensor, "n"]:
        """The negative log-likelihood of standardised targets, added over the columns."""
        means, logs = self.law(scores)
        return gaussian_nll(means, self.inward(targets), log_variances=logs, beta=self.beta)

    def prior_bias(self, targets: Num[Tensor, "n *t"]) -> Float[Tensor, "width"]:
        """Mean and log-variance of the targets themselves."""
        return torch.cat(_prior(self.inward(targets)))


class GaussianShared(_Normal):
    """The mean of a normal law from the inputs, with one learned variance a column.

    Squared error that says how large its errors are: the rival of `Gaussian`.

    Args:
        names: of the target columns.
        targets: (n,) or (n, t) numbers of the training split.
    """

    def __init__(self, *, names: tuple[str, ...], targets: Tensor | None) -> None:
        super().__init__(names=names, targets=targets)
        self.log_variance = nn.Parameter(torch.zeros(self.width))

    def law(
        self, scores: Float[Tensor, "n width"]
    ) -> tuple[Float[Tensor, "n t"], Float[Tensor, "n t"]]:
        """The scores, and the same variance for all."""
        return scores, self.log_variance.expand(len(scores), -1)

    def loss(
        self, scores: Float[Tensor, "n width"], targets: Num[Tensor, "n *t"]
    ) -> Float[Tensor, "n"]:
        """The negative log-likelihood of standardised targets, added over the columns."""
        return gaussian_nll(scores, self.inward(targets), log_variances=self.log_variance)

    def prior_bias(self, targets: Num[Tensor, "n *t"]) -> Float[Tensor, "width"]:
        """The mean."""
        return _prior(self.inward(targets))[0]

    def prior_loss(self, targets: Num[Tensor, "n *t"]) -> float:
        """That of the targets' own mean and variance, whatever the variance has become."""
        values = self.inward(targets)
        mean, log = _prior(values)
        return float(gaussian_nll(mean.expand_as(values), values, log_variances=log).mean())


def _prior(values: Float[Tensor, "n t"]) -> tuple[Float[Tensor, "t"], Float[Tensor, "t"]]:
    variances = values.double().var(dim=0, correction=0).clamp(min=_LEAST_VARIANCE)
    return values.mean(dim=0), variances.log().to(values.dtype)


def _root(logs: Float[Tensor, "n t"]) -> Float[Tensor, "n t"]:
    """The standard deviation, neither 0 nor infinite however far the scores are off."""
    return bounded_exp(logs).sqrt().where(logs > 0, bounded_exp(-logs).rsqrt())
