"""One number that makes probabilities mean what they say: the temperature of the scores."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from netwright._errors import BadData, must_be
from netwright.evaluate.confident_errors import on_cpu
from netwright.metrics.base import Prediction

__all__ = ["COLDEST", "HOTTEST", "fit_temperature", "with_temperature"]

COLDEST, HOTTEST = 0.02, 50.0
"""Between which a temperature is sought; answers that are all right would have it 0."""

_STEPS = 200


def fit_temperature(prediction: Prediction, targets: Tensor, *, kind: str) -> float:
    """The temperature T with the least log loss of softmax(scores / T), by Newton's method.

    The log loss is convex in 1/T, so there is one; order and answers stay as they are. Above 1 the
    model was too sure of itself.

    Paper: On Calibration of Modern Neural Networks, 2017, https://arxiv.org/abs/1706.04599
    Differs: Newton's method in one dimension, kept within a bracket, in place of L-BFGS: the same
        minimum, since there is but one.

    Args:
        prediction: answers for n examples that were not learned from.
        targets: the truth, as in a batch.
        kind: of the targets: "binary", "classes", "ordinal" or "multi-label".

    Raises:
        BadValue: answers without probabilities.
        BadData: they are not finite.
    """
    scores, answers = _as_classes(on_cpu(prediction), targets.detach().cpu(), kind=kind)
    if not len(scores) or not bool(scores.isfinite().all()):
        raise must_be("predictions", "finite, of one example or more", len(scores), error=BadData)
    low, high = 1 / HOTTEST, 1 / COLDEST
    sharpness = 1.0
    for _ in range(_STEPS):
        slope, curvature = _derivatives(scores, answers, sharpness)
        low, high = (low, sharpness) if slope > 0 else (sharpness, high)
        step = sharpness - slope / curvature if curvature > 0 else low
        following = step if low < step < high else (low * high) ** 0.5
        if abs(following - sharpness) <= 1e-12 * sharpness:
            break
        sharpness = following
    return 1 / sharpness


def with_temperature(prediction: Prediction, temperature: float, *, kind: str) -> Prediction:
    """The same answers with the probabilities of scores that are divided by `temperature`."""
    if temperature <= 0:
        raise must_be("temperature", "above 0", temperature)
    given = prediction.probabilities
    if given is None:
        raise must_be("prediction", "given with probabilities", None, "Margins have none.")
    if given.ndim == 1 or kind == "multi-label":
        cooled = (_log_odds(prediction, given) / temperature).sigmoid()
    else:
        cooled = (_log_probabilities(prediction, given) / temperature).softmax(dim=1)
    return Prediction(
        outputs=prediction.outputs, probabilities=cooled.to(given.dtype), logits=prediction.logits
    )


def _as_classes(
    prediction: Prediction, targets: Tensor, *, kind: str
) -> tuple[Float[Tensor, "m k"], Int[Tensor, "m"]]:
    """Scores whose softmax the probabilities are, and the class of each row."""
    given = prediction.probabilities
    if given is None or kind not in ("binary", "classes", "ordinal", "multi-label"):
        raise must_be(
            "run",
            "one that gives probabilities of classes or labels, for a temperature",
            kind,
            "Calibrate its intervals alone: temperature=False.",
        )
    if given.ndim == 1 or kind == "multi-label":
        odds = _log_odds(prediction, given).flatten()
        return torch.stack([torch.zeros_like(odds), odds], dim=1), targets.flatten().long()
    return _log_probabilities(prediction, given), targets.long()


def _log_odds(prediction: Prediction, given: Tensor) -> Tensor:
    """From the logits where those are theirs, because probabilities near 1 have lost them."""
    logits = prediction.logits
    if logits is not None and logits.numel() == given.numel():
        odds = logits.double().reshape(given.shape)
        if torch.allclose(odds.sigmoid(), given.double(), atol=1e-4):
            return odds
    return torch.logit(given.double(), eps=1e-12)


def _log_probabilities(prediction: Prediction, given: Tensor) -> Tensor:
    logits = prediction.logits
    if logits is not None and logits.shape == given.shape:
        found = logits.double().log_softmax(dim=1)
        if torch.allclose(found.exp(), given.double(), atol=1e-4):
            return found
    return given.double().clamp(min=torch.finfo(given.dtype).tiny).log()


def _derivatives(scores: Tensor, answers: Tensor, sharpness: float) -> tuple[float, float]:
    """Of the mean log loss by 1/T: what is expected less what is there, and a variance."""
    law = (scores * sharpness).softmax(dim=1)
    mean = (law * scores).sum(dim=1)
    true = scores.gather(1, answers[:, None]).squeeze(1)
    variance = (law * (scores - mean[:, None]).square()).sum(dim=1)
    return float((mean - true).mean()), float(variance.mean())
