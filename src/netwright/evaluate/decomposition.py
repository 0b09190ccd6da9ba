"""What an ensemble's squared error is made of."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from netwright._errors import must_be

__all__ = ["Ambiguity", "BiasVarianceCovariance", "ambiguity", "bias_variance_covariance"]


@dataclass(frozen=True, kw_only=True)
class BiasVarianceCovariance:
    """error = squared_bias + variance / members + (1 − 1 / members) · covariance.

    Means over the examples; of several outputs an example the sum over them.

    Attributes:
        error: of the ensemble, measured.
        squared_bias: of the members' mean over the draws.
        variance: of a member over the draws, the mean over the members.
        covariance: of two different members over the draws, the mean over the pairs; 0 for one.
        members: how many answer together.
    """

    error: float
    squared_bias: float
    variance: float
    covariance: float
    members: int

    @property
    def total(self) -> float:
        """What the three terms add up to."""
        share = 1 / self.members
        return self.squared_bias + share * self.variance + (1 - share) * self.covariance


def bias_variance_covariance(
    predictions: Float[Tensor, "draws members n *outputs"], targets: Float[Tensor, "n *outputs"]
) -> BiasVarianceCovariance:
    """Split an ensemble's squared error over draws of its training data.

    The expectations of the paper are means over the draws that were made, so that the split is
    exact for them; as estimates of those over all draws, bias and covariance are the surer the more
    draws there are.

    Paper: Generalization error of ensemble estimators, Ueda and Nakano 1996,
        https://doi.org/10.1109/ICNN.1996.548872

    Args:
        predictions: of each member after each draw; probabilities, for the Brier score.
        targets: of the same examples; classes as one-hot rows.

    Example:
        >>> import torch
        >>> draws = torch.tensor([[[1.0], [3.0]], [[2.0], [0.0]]])
        >>> split = bias_variance_covariance(draws, torch.tensor([1.0]))
        >>> round(split.error, 6), round(split.total, 6)
        (0.5, 0.5)
    """
    if predictions.ndim < 3 or predictions.shape[2:] != targets.shape:
        raise must_be(
            "predictions",
            f"(draws, members, *targets' shape), the targets' being {tuple(targets.shape)}",
            tuple(predictions.shape),
        )
    if len(predictions) < 2:
        raise must_be(
            "predictions",
            "of at least 2 draws: nothing varies in one",
            len(predictions),
            "evaluate.decomposition.ambiguity splits the error of a single ensemble.",
        )
    values, truth = predictions.double(), targets.double()
    count = values.shape[1]
    expected = values.mean(dim=0)
    away = values - expected
    error = _mean((values.mean(dim=1) - truth).square().mean(dim=0))
    variance = _mean(away.square().mean(dim=(0, 1)))
    of_pairs = away.sum(dim=1).square() - away.square().sum(dim=1)
    pairs = count * (count - 1)
    return BiasVarianceCovariance(
        error=error,
        squared_bias=_mean((expected.mean(dim=0) - truth).square()),
        variance=variance,
        covariance=_mean(of_pairs.mean(dim=0)) / pairs if pairs else 0.0,
        members=count,
    )


@dataclass(frozen=True, kw_only=True)
class Ambiguity:
    """error = members − ambiguity: an ensemble is better than its members by what they differ.

    Attributes:
        error: squared, of the ensemble.
        members: mean squared error of its members.
        ambiguity: mean squared distance of the members from their mean.
    """

    error: float
    members: float
    ambiguity: float


def ambiguity(
    predictions: Float[Tensor, "members n *outputs"], targets: Float[Tensor, "n *outputs"]
) -> Ambiguity:
    """Split the squared error of one ensemble.

    Paper: Neural Network Ensembles, Cross Validation, and Active Learning, Krogh and Vedelsby 1995,
        https://papers.nips.cc/paper/1994/hash/b8c37e33defde51cf91e1e03e51657da-Abstract.html

    Args:
        predictions: of each member; probabilities, for the Brier score.
        targets: of the same examples; classes as one-hot rows.

    Example:
        >>> import torch
        >>> ambiguity(torch.tensor([[0.0], [2.0]]), torch.tensor([1.0]))
        Ambiguity(error=0.0, members=1.0, ambiguity=1.0)
    """
    if predictions.ndim < 2 or predictions.shape[1:] != targets.shape:
        raise must_be(
            "predictions",
            f"(members, *targets' shape), the targets' being {tuple(targets.shape)}",
            tuple(predictions.shape),
        )
    values, truth = predictions.double(), targets.double()
    mean = values.mean(dim=0)
    return Ambiguity(
        error=_mean((mean - truth).square()),
        members=_mean((values - truth).square().mean(dim=0)),
        ambiguity=_mean((values - mean).square().mean(dim=0)),
    )


def _mean(squares: Tensor) -> float:
    """Over the examples, of the sum over the outputs of each."""
    return float(
        squares.flatten(start_dim=1).sum(dim=1).mean() if squares.ndim > 1 else squares.mean()
    )
