"""How often something happens."""

from __future__ import annotations

from jaxtyping import Float, Num
from torch import Tensor

from netwright._errors import BadData
from netwright.losses.poisson import poisson
from netwright.losses.precision import at_least_float32, bounded_exp
from netwright.methods.output_units.base import OutputUnit
from netwright.methods.output_units.standardised import num_columns, single
from netwright.metrics.base import Metric, Prediction
from netwright.metrics.standard import standard_metrics

__all__ = ["Counts"]


class Counts(OutputUnit):
    """The Poisson law; the scores are logarithms of rates.

    Args:
        names: of the target columns.
        targets: (n,) or (n, t) counts of the training split.
    """

    target = "counts"

    def __init__(self, *, names: tuple[str, ...], targets: Tensor | None) -> None:
        super().__init__(names=names, width=num_columns(names, targets))
        if targets is not None and bool((targets < 0).any()):
            raise BadData(
                f"targets must be counts of 0 or more, got a smallest of {targets.min().item()}. "
                "Real numbers take the output unit real."
            )

    def loss(
        self, scores: Float[Tensor, "n t"], targets: Num[Tensor, "n *t"]
    ) -> Float[Tensor, "n"]:
        """The negative log-likelihood, added over the columns."""
        return poisson(scores, targets.reshape(scores.shape))

    def predict(self, scores: Float[Tensor, "n t"]) -> Prediction:
        """The expected counts."""
        logits = at_least_float32(scores)
        return Prediction(outputs=single(bounded_exp(logits)), logits=logits)

    def metrics(self) -> dict[str, Metric]:
        """Poisson deviance first."""
        return {**standard_metrics("counts", num_outputs=self.width)}

    def prior_bias(self, targets: Num[Tensor, "n *t"]) -> Float[Tensor, "t"]:
        """The logarithm of the mean count; of half an event in all where there is none."""
        means = targets.reshape(-1, self.width).double().mean(dim=0)
        return means.clamp(min=0.5 / len(targets)).log().float()
