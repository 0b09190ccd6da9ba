"""Guided backpropagation: the gradient along units that are active and raise the score."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from netwright.explain.gradient import leaf
from netwright.explain.inside.at_layer import Place
from netwright.explain.inside.examined import examined
from netwright.explain.inside.rectifiers import rectified
from netwright.explain.inside.target import Target, scores

__all__ = ["guided_backprop"]


def guided_backprop(
    model: nn.Module, inputs: Float[Tensor, "n ..."], *, target: Target = None
) -> Float[Tensor, "n ..."]:
    """The gradient with each ReLU passing back max(g, 0) · [x > 0].

    Sharp pictures of the edges and parts that are there; but they change little with the class that
    is asked for, and with the weights of the last layers: see how far to trust a map.

    Paper: Striving for Simplicity: The All Convolutional Net, 2014,
    https://arxiv.org/abs/1412.6806

    Args:
        model: any whose activations are ReLUs, however they are written; ReLU6 passes back
            max(g, 0) · [0 < x < 6]. Others are refused by name.
        inputs: (n, ...) as the model takes them, preprocessed.
        target: what is explained, see `explain.Target`; None for the predicted class.

    Returns:
        One number for each of the inputs.

    Example:
        >>> import torch
        >>> model = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 1))
        >>> for layer, weights in ((model[0], [[1.0], [1.0]]), (model[2], [[3.0, -1.0]])):
        ...     layer.weight.data, layer.bias.data = torch.tensor(weights), torch.ones(len(weights))
        >>> guided_backprop(model, torch.ones(1, 1))  # the gradient is 3 - 1
        tensor([[3.]])

    Raises:
        BadType: inputs that are no real numbers, or an output that needs a function as `target`.
        BadValue: the model has an activation without a rule; its name and place are told.
    """
    with examined(model) as opened:
        place = Place(opened)
        return rectified(
            opened,
            leaf(inputs)[0],
            score=lambda seen: scores(place.run(inputs, seen), target),
            rule=_active_and_raising,
            method="guided backpropagation",
        )


def _active_and_raising(plain: Tensor, _: Tensor) -> Tensor:
    return plain.clamp(min=0)
