"""How far a network's softened answer is from its teachers'."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid

from netwright.losses.precision import at_least_float32

__all__ = ["soft_classes", "soft_labels", "softened_classes", "softened_labels"]


def softened_classes(law: Float[Tensor, "n k"], *, temperature: float) -> Float[Tensor, "n k"]:
    """The law of the logits divided by `temperature`, whatever logits gave `law`."""
    return (_log(law) / temperature).softmax(dim=1)


def softened_labels(law: Float[Tensor, "..."], *, temperature: float) -> Float[Tensor, "..."]:
    """The same for probabilities of yes, each for itself."""
    raised = at_least_float32(law)
    return ((_log(raised) - _log(1 - raised)) / temperature).sigmoid()


def soft_classes(
    scores: Float[Tensor, "n k"], softened: Float[Tensor, "n k"], *, temperature: float
) -> Float[Tensor, "n"]:
    """T² KL(softened ‖ softmax(scores / T)).

    The factor keeps the size of the gradient while T changes; as T grows it becomes that of half
    the mean squared distance between the logits, each about its mean.

    Paper: Distilling the Knowledge in a Neural Network, Hinton, Vinyals and Dean 2015,
        https://arxiv.org/abs/1503.02531
    Differs: the entropy of the teachers' law is taken off, so that a perfect pupil costs 0; the
        gradient is the same.

    Args:
        scores: the network's own.
        softened: the teachers' law, already at the temperature.
        temperature: T, above 0.
    """
    wanted = at_least_float32(softened)
    found = (at_least_float32(scores) / temperature).log_softmax(dim=1)
    gaps = torch.xlogy(wanted, wanted) - wanted * found
    return temperature**2 * gaps.sum(dim=1)


def soft_labels(
    scores: Float[Tensor, "n k"], softened: Float[Tensor, "n k"], *, temperature: float
) -> Float[Tensor, "n"]:
    """`soft_classes` of yes and no for each label, added over the labels.

    Args:
        scores: log-odds of each label.
        softened: the teachers' probabilities of yes, already at the temperature.
        temperature: T, above 0.
    """
    yes, cooled = at_least_float32(softened), at_least_float32(scores) / temperature
    entropy = torch.xlogy(yes, yes) + torch.xlogy(1 - yes, 1 - yes)
    gaps = entropy - yes * logsigmoid(cooled) - (1 - yes) * logsigmoid(-cooled)
    return temperature**2 * gaps.sum(dim=1)


def _log(law: Tensor) -> Tensor:
    raised = at_least_float32(law)
    return raised.clamp(min=torch.finfo(raised.dtype).tiny).log()
