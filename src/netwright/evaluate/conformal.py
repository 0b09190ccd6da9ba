"""Sets and intervals that hold the truth as often as they say, whatever the model is worth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from netwright._errors import must_be, unknown
from netwright._random import generator
from netwright.metrics.base import Prediction
from netwright.metrics.probabilities import class_probabilities

__all__ = ["CLASS_SCORES", "Conformal", "class_scores", "conformal_quantile", "fit_conformal"]

CLASS_SCORES = ("lac", "aps", "raps")
_ONE_CLASS = ("binary", "classes", "ordinal")
_STEPS = 2**13  # of a probability: coarse, so that roundings of other batches make no other draw
_PENALTY, _FREE = 0.05, 2  # of RAPS: from the third likeliest class on, each costs 0.05


@dataclass(frozen=True, kw_only=True)
class Conformal:
    """What makes sets or intervals out of a model's answers.

    A new example that is exchangeable with those it was fitted on is in its set with probability
    1 − alpha at least, over both: the mean over many fits, not a promise for this one.

    Attributes:
        score: how strange an answer is: "lac", "aps" or "raps" for classes; "residual" for numbers,
            "quantiles" for predicted quantiles.
        alpha: how often the truth may be left out.
        n: examples it was fitted on.
        quantiles: of the scores, one a target column.
    """

    score: str
    alpha: float
    n: int
    quantiles: tuple[float, ...]

    def sets(self, prediction: Prediction) -> Bool[Tensor, "n k"]:
        """Which classes are in each example's set; the likeliest is always.

        Without that some sets would be empty where the model is right more often than is asked.
        """
        probabilities = class_probabilities(prediction)
        found = class_scores(probabilities, score=self.score) <= self.quantiles[0]
        likeliest = probabilities.argmax(dim=1, keepdim=True)
        return found.scatter(1, likeliest, torch.ones_like(likeliest, dtype=torch.bool))

    def intervals(self, prediction: Prediction) -> Float[Tensor, "n t 2"]:
        """The lower and the upper end for each target column."""
        answers = prediction.outputs.double()
        answers = answers.reshape(len(answers), -1)
        if self.score == "quantiles":
            ends = torch.stack([answers[:, 0], answers[:, -1]], dim=1)[:, None]
        else:
            ends = torch.stack([answers, answers], dim=2)
        reach = torch.tensor(self.quantiles, dtype=torch.float64)[:, None]
        moved = ends + reach * torch.tensor([-1.0, 1.0], dtype=torch.float64)
        # quantiles that were too wide by more than half would cross
        middle = moved.mean(dim=2, keepdim=True)
        crossed = moved[..., :1] > moved[..., 1:]
        return torch.where(crossed, middle, moved)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {"quantiles": list(self.quantiles)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """From what `to_json` gave."""
        return cls(**{**content, "quantiles": tuple(content["quantiles"])})


def fit_conformal(
    prediction: Prediction, targets: Tensor, *, kind: str, alpha: float = 0.1, score: str = "lac"
) -> Conformal:
    """Split conformal prediction from answers for examples that nothing else was chosen by.

    Paper: Inductive Confidence Machines for Regression, 2002,
        https://doi.org/10.1007/3-540-36755-1_29
    Paper: Conformalized Quantile Regression, 2019, https://arxiv.org/abs/1905.03222

    Args:
        prediction: answers for n examples.
        targets: the truth, as in a batch.
        kind: of the targets; label sets have no conformal sets here.
        alpha: how often the truth may be left out, at least 1/(n + 1).
        score: of classes: "lac" (smallest sets), "aps" (sets that grow where it is hard) or "raps"
            (those without their long tails).

    Raises:
        BadValue: too few examples for that alpha, or answers that have no score.
    """
    if kind in _ONE_CLASS:
        scores = class_scores(class_probabilities(prediction), score=score)
        own, named = scores.gather(1, targets[:, None].long()), score
    elif kind == "multi-label":
        raise must_be("run", "one of classes or numbers for sets", kind, "Leave alpha out.")
    elif kind == "quantiles":
        own, named = _beyond(prediction.outputs.double(), targets.double()), "quantiles"
    else:
        columns = targets.double().reshape(len(targets), -1)
        own = (prediction.outputs.double().reshape(columns.shape) - columns).abs()
        named = "residual"
    found = tuple(conformal_quantile(column, alpha=alpha) for column in own.double().unbind(1))
    return Conformal(score=named, alpha=alpha, n=len(targets), quantiles=found)


def conformal_quantile(scores: Float[Tensor, "n"], *, alpha: float) -> float:
    """The ⌈(n + 1)(1 − alpha)⌉-th smallest score.

    A further exchangeable score is at most that with a probability from 1 − alpha to
    1 − alpha + 1/(n + 1), where no two are equal.

    Example:
        >>> conformal_quantile(torch.arange(1.0, 10.0), alpha=0.2)
        8.0
    """
    if not 0 < alpha < 1:
        raise must_be("alpha", "between 0 and 1", alpha, "0.1 is usual.")
    # (n + 1)(1 − alpha) as a float may lie a rounding above the whole number that it is
    rank = max(math.ceil(round((len(scores) + 1) * (1 - alpha), 9)), 1)
    if rank > len(scores):
        raise must_be(
            "alpha",
            f"at least 1/{len(scores) + 1} for {len(scores)} examples",
            alpha,
            "Calibrate on more.",
        )
    return float(scores.sort().values[rank - 1])


def class_scores(probabilities: Float[Tensor, "n k"], *, score: str) -> Float[Tensor, "n k"]:
    """How strange each class would be, for each example.

    The draws of APS and RAPS, which keep sets from being too large, are made of the probabilities
    of the example itself. So an example has the same set alone and in any company, and scores are
    one function of all examples, as the promise asks.

    Paper: Least Ambiguous Set-Valued Classifiers with Bounded Error Levels, 2019 ("lac"),
        https://arxiv.org/abs/1609.00451
    Paper: Classification with Valid and Adaptive Coverage, 2020 ("aps"),
        https://arxiv.org/abs/2006.02544
    Paper: Uncertainty Sets for Image Classifiers using Conformal Prediction, 2021 ("raps"),
        https://arxiv.org/abs/2009.14193
    """
    if score not in CLASS_SCORES:
        raise unknown("score", score, CLASS_SCORES)
    law = probabilities.double()
    if score == "lac":
        return 1 - law
    order = law.argsort(dim=1, descending=True, stable=True)
    ranked = law.gather(1, order)
    mass = ranked.cumsum(dim=1) - _drawn(law) * ranked
    if score == "raps":
        places = torch.arange(1, law.shape[1] + 1, dtype=torch.float64)
        mass = mass + _PENALTY * (places - _FREE).clamp(min=0)
    return torch.empty_like(mass).scatter(1, order, mass)


def _drawn(law: Tensor) -> Float[Tensor, "n 1"]:
    """A number in [0, 1) of each row: whole numbers times irrational ones, less what is whole."""
    random = torch.rand(law.shape[1], 1, dtype=torch.float64, generator=generator(0, "aps"))
    return ((law * _STEPS).round() @ random).frac()


def _beyond(answers: Tensor, targets: Tensor) -> Float[Tensor, "n 1"]:
    """How far the target is outside of the outermost quantiles; below 0 inside."""
    if answers.ndim != 2 or answers.shape[1] < 2:
        raise must_be("quantiles", "two or more for an interval", tuple(answers.shape))
    true = targets.reshape(-1)
    return torch.maximum(answers[:, 0] - true, true - answers[:, -1])[:, None]
