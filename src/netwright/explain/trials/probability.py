"""What a model makes of a picture, as a number between 0 and 1 where it names classes."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from netwright.explain.inside.target import Target, scores

__all__ = ["log_probabilities", "probabilities"]


def probabilities(output: Any, target: Target = None) -> Float[Tensor, "n"]:
    """The probability of the class that is explained: softmax over the scores.

    A single score goes through the sigmoid. What a function `target` gives is taken as it is, so a
    regression, or a model that ends in a softmax, says `target=lambda output: output[:, 0]`.

    Args:
        output: what a model gave, scores (n, k), (n, 1) or (n,).
        target: see `explain.Target`.

    Example:
        >>> probabilities(torch.tensor([[0.0, 0.0], [1.0, 1.0]]), 1)
        tensor([0.5000, 0.5000])
    """
    found = scores(output, target)
    if callable(target):
        return found
    if output.ndim == 1 or output.shape[1] == 1:
        return found.sigmoid()
    return (found - torch.logsumexp(output, 1)).exp()


def log_probabilities(output: Any, target: Target = None) -> Float[Tensor, "n"]:
    """Its logarithm, exact where the probability itself would be rounded to 0 or 1.

    Args:
        output: see `probabilities`.
        target: see `explain.Target`.

    Example:
        >>> log_probabilities(torch.tensor([[0.0, -1000.0]]), 1)
        tensor([-1000.])
    """
    found = scores(output, target)
    if callable(target):
        return found
    if output.ndim == 1 or output.shape[1] == 1:
        return F.logsigmoid(found)
    return found - torch.logsumexp(output, 1)
