"""The derivative of a score by the inputs."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import BadType, must_be
from netwright.explain.examined import examined
from netwright.explain.target import Target, scores

__all__ = ["gradient", "leaf"]


def gradient(
    model: nn.Module, inputs: Float[Tensor, "n ..."], *, target: Target = None
) -> Float[Tensor, "n ..."]:
    """How much the score grows with each number of the inputs: ∂score/∂input.

    Args:
        model: any, in any mode; it is left as it was.
        inputs: (n, ...) as the model takes them, preprocessed.
        target: what is explained, see `explain.Target`; None for the predicted class.

    Returns:
        One number for each of the inputs, score a unit of input.

    Example:
        >>> model = nn.Linear(2, 3)
        >>> torch.equal(gradient(model, torch.zeros(1, 2), target=1)[0], model.weight[1])
        True

    Raises:
        BadType: inputs that are no real numbers, or an output that needs a function as `target`.
        BadValue: the score does not depend on the inputs in a way that can be differentiated.
    """
    with examined(model) as opened:
        given, seen = leaf(inputs)
        score = scores(opened(seen), target)
        return differentiated(score, given)


def differentiated(score: Float[Tensor, "n"], given: Tensor) -> Tensor:
    """The derivative of scores by the leaf they came from.

    Raises:
        BadValue: there is no way from one to the other.
    """
    if not score.requires_grad:
        fix = "Is the model's output detached, rounded, or computed outside torch?"
        raise must_be("model", "differentiable by its inputs", "a score without a graph", fix)
    found = torch.autograd.grad(score.sum(), given, allow_unused=True)[0]
    if found is None:
        fix = "Does the model use its inputs?"
        raise must_be("model", "differentiable by its inputs", "a score that ignores them", fix)
    return found.detach()


def leaf(inputs: Tensor) -> tuple[Tensor, Tensor]:
    """A copy of the inputs that gradients are taken by, and what a model may be given of it.

    The second is another tensor, so that a model may begin with an operation in place.

    Raises:
        BadType: inputs that are no real numbers.
    """
    if not isinstance(inputs, Tensor) or not inputs.is_floating_point():
        shown = inputs.dtype if isinstance(inputs, Tensor) else type(inputs).__name__
        raise must_be("inputs", "a tensor of real numbers", shown, error=BadType)
    given = inputs.detach().clone().requires_grad_()
    return given, given.clone()
