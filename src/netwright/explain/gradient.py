"""The derivative of a score by the inputs."""

from __future__ import annotations

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from netwright._errors import must_be
from netwright.explain.inside.at_layer import Place, real
from netwright.explain.inside.examined import examined
from netwright.explain.inside.layers import Layer
from netwright.explain.inside.target import Target, scores

__all__ = ["gradient", "leaf"]


def gradient(
    model: nn.Module,
    inputs: Shaped[Tensor, "n ..."],
    *,
    target: Target = None,
    layer: Layer | None = None,
) -> Float[Tensor, "n ..."]:
    """How much the score grows with each number of the inputs: ∂score/∂input.

    Args:
        model: any, in any mode; it is left as it was.
        inputs: (n, ...) as the model takes them, preprocessed.
        target: what is explained, see `explain.Target`; None for the predicted class.
        layer: by the output of this layer in place of the inputs, see `layers.Layer`; an embedding
            where the inputs are tokens.

    Returns:
        One number for each of the inputs, or of the layer's outputs, score a unit of it.

    Example:
        >>> model = nn.Linear(2, 3)
        >>> torch.equal(gradient(model, torch.zeros(1, 2), target=1)[0], model.weight[1])
        True

    Raises:
        BadType: inputs that are no real numbers, or an output that needs a function as `target`.
        BadValue: the score does not depend on the inputs in a way that can be differentiated, or
            there is no such layer.
    """
    with examined(model) as opened:
        place = Place(opened, layer)
        given, seen = leaf(place.values(inputs))
        return differentiated(scores(place.run(inputs, seen), target), given)


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
    return found.detach().contiguous()


def leaf(inputs: Tensor) -> tuple[Tensor, Tensor]:
    """A copy of the inputs that gradients are taken by, and what a model may be given of it.

    The second is another tensor, so that a model may begin with an operation in place.

    Raises:
        BadType: inputs that are no real numbers.
    """
    given = real(inputs).detach().clone().requires_grad_()
    return given, given.clone()
