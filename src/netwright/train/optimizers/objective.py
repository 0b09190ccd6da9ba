"""A loss as an optimiser sees it that asks for more than the gradient it is given."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from netwright._errors import must_be

__all__ = ["HessianProduct", "Objective", "Written", "hessian_product"]

HessianProduct = Callable[[Sequence[Tensor]], list[Tensor]]
"""From a vector, laid out as the parameters are, to the Hessian times it."""


class Objective(ABC):
    """The loss of one step as a function of the parameters, the same each time it is asked.

    It can be handed to any optimiser that takes a closure.
    """

    @abstractmethod
    def __call__(self) -> float:
        """The loss at the present parameters; its gradient is left in them."""

    @abstractmethod
    def loss(self) -> float:
        """The loss alone."""

    @abstractmethod
    def hessian(self, parameters: Sequence[Tensor]) -> HessianProduct:
        """Products with the Hessian of the loss at the present point, until the parameters move."""


class Written(Objective):
    """An objective for a loop written by hand.

    Args:
        function: gives the loss, a scalar with its graph; the same function each time, so draw the
            batch outside.
        parameters: it depends on.

    Example:
        >>> w = torch.tensor([3.0, 1.0], requires_grad=True)
        >>> objective = Written(lambda: w.square().sum(), [w])
        >>> objective(), w.grad.tolist(), objective.hessian([w])([torch.ones(2)])
        (10.0, [6.0, 2.0], [tensor([2., 2.])])
    """

    def __init__(self, function: Callable[[], Tensor], parameters: Sequence[Tensor]) -> None:
        self._function, self._parameters = function, list(parameters)

    def __call__(self) -> float:
        """See `Objective`."""
        for parameter in self._parameters:
            parameter.grad = None
        with torch.enable_grad():
            loss = self._function()
            torch.autograd.backward(loss)
        return float(loss.detach())

    def loss(self) -> float:
        """See `Objective`."""
        return float(self._function().detach())

    def hessian(self, parameters: Sequence[Tensor]) -> HessianProduct:
        """See `Objective`."""
        with torch.enable_grad():
            loss = self._function()
        return hessian_product(loss, parameters)


def hessian_product(loss: Tensor, parameters: Sequence[Tensor]) -> HessianProduct:
    """Products with the Hessian of a loss, each by one more backward pass through its gradient.

    Paper: Fast Exact Multiplication by the Hessian, Pearlmutter 1994,
        https://doi.org/10.1162/neco.1994.6.1.147

    Raises:
        BadValue: something in the graph of the loss has no second derivative in torch.
    """
    slopes = _differentiated([loss], parameters, create_graph=True)
    bent = [slope for slope in slopes if slope is not None and slope.requires_grad]
    places = [place for place, slope in enumerate(slopes) if any(slope is one for one in bent)]

    def product(vectors: Sequence[Tensor]) -> list[Tensor]:
        if not bent:  # the loss is linear
            return [torch.zeros_like(parameter) for parameter in parameters]
        weights = [vectors[place] for place in places]
        found = _differentiated(bent, parameters, weights=weights, retain_graph=True)
        return [
            torch.zeros_like(parameter) if one is None else one.detach()
            for parameter, one in zip(parameters, found, strict=True)
        ]

    return product


def _differentiated(
    outputs: Sequence[Tensor],
    inputs: Sequence[Tensor],
    *,
    weights: Sequence[Tensor] | None = None,
    **options: bool,
) -> Sequence[Tensor | None]:
    try:
        return torch.autograd.grad(
            list(outputs), list(inputs), grad_outputs=weights, allow_unused=True, **options
        )
    except RuntimeError as error:
        if "derivative" not in str(error) and "double backward" not in str(error).lower():
            raise
        reason = str(error).strip().splitlines()[0]
        raise must_be(
            "optimizer",
            "one that needs no second derivatives with this network",
            "truncated-newton",
            f"torch says: {reason}",
        ) from error
