"""Derivatives of any function of a tensor: backwards, forwards, twice.

Reverse mode costs a few evaluations of the function for each *output*, and keeps what the function
made on its way; forward mode costs about as much for each *input*, and keeps nothing. So a gradient
is taken backwards, the derivative along one direction forwards, and a Jacobian in whichever has
fewer passes. The product of the Hessian with a direction needs no Hessian: it is the derivative of
the gradient along that direction, at the cost of a few gradients.

Paper: Automatic Differentiation in Machine Learning: a Survey, 2018,
    https://jmlr.org/papers/v18/17-468.html; the product: Fast Exact Multiplication by the Hessian,
    1994, https://doi.org/10.1162/neco.1994.6.1.147
Differs: torch.func does the work.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import must_be

__all__ = [
    "Function",
    "directional_derivative",
    "forward_jacobian",
    "gradient",
    "hessian_vector_product",
    "in_parameters",
    "jacobian",
    "reverse_jacobian",
]

Function = Callable[[Tensor], Tensor]


def gradient(function: Function, at: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """The gradient of a function with one result, by reverse mode.

    Example:
        >>> gradient(lambda x: (x**3).sum(), torch.tensor([1.0, 2.0]))
        tensor([ 3., 12.])

    Raises:
        BadValue: the function has several results.
    """
    found: Tensor = torch.func.grad(_with_one_result(function))(at)
    return found


def directional_derivative(
    function: Function, at: Float[Tensor, "*n"], *, direction: Float[Tensor, "*n"]
) -> Float[Tensor, "*m"]:
    """How all results change along one direction, by forward mode: the Jacobian times it.

    Example:
        >>> directional_derivative(torch.square, torch.tensor([1.0, 3.0]), direction=torch.ones(2))
        tensor([2., 6.])

    Raises:
        BadValue: the direction has another shape.
    """
    _check_direction(at, direction)
    with _without_torchs_own_warning():
        pair: Any = torch.func.jvp(function, (at,), (direction,))
    derivative: Tensor = pair[1]
    return derivative


def jacobian(function: Function, at: Float[Tensor, "*n"]) -> Float[Tensor, "*mn"]:
    """All derivatives (*results, *inputs): forwards where results are more than twice the inputs.

    Example:
        >>> jacobian(torch.square, torch.tensor([1.0, 3.0]))
        tensor([[2., 0.],
                [0., 6.]])
    """
    with torch.no_grad():
        results = function(at).numel()
    mode = forward_jacobian if 2 * at.numel() < results else reverse_jacobian
    return mode(function, at)


def reverse_jacobian(function: Function, at: Float[Tensor, "*n"]) -> Float[Tensor, "*mn"]:
    """All derivatives, one pass backwards for each result, several at a time."""
    found: Tensor = torch.func.jacrev(function)(at)
    return found


def forward_jacobian(function: Function, at: Float[Tensor, "*n"]) -> Float[Tensor, "*mn"]:
    """All derivatives, one pass forwards for each input, several at a time."""
    with _without_torchs_own_warning():
        found: Tensor = torch.func.jacfwd(function)(at)
    return found


def hessian_vector_product(
    function: Function, at: Float[Tensor, "*n"], *, direction: Float[Tensor, "*n"]
) -> Float[Tensor, "*n"]:
    """The Hessian of a function with one result, times a direction, without the Hessian.

    Two passes backwards: the gradient's product with the direction is derived again. Any operation
    that has two derivatives will do.

    Example:
        >>> at, direction = torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.0])
        >>> hessian_vector_product(lambda x: (x**3).sum(), at, direction=direction)
        tensor([6., 0.])

    Raises:
        BadValue: the function has several results, or the direction has another shape.
    """
    _check_direction(at, direction)
    slope = torch.func.grad(_with_one_result(function))
    pair: Any = torch.func.vjp(slope, at)
    (found,) = pair[1](direction)
    product: Tensor = found
    return product


def in_parameters(
    model: nn.Module, loss: Callable[[Callable[..., Tensor]], Tensor]
) -> tuple[Function, Float[Tensor, " p"]]:
    """A loss as a function of all trained parameters in one row, and where they are now.

    Args:
        model: any module; it stays as it is.
        loss: given a stand-in that is called like `model`, what the parameters cost.

    Returns:
        The function and the point, as the others here take them.

    Example:
        >>> model = nn.Linear(2, 1)
        >>> function, at = in_parameters(model, lambda net: net(torch.ones(4, 2)).square().mean())
        >>> gradient(function, at).shape
        torch.Size([3])
    """
    trained = {name: value for name, value in model.named_parameters() if value.requires_grad}
    sizes = [value.numel() for value in trained.values()]

    def function(row: Tensor) -> Tensor:
        parts = zip(trained.items(), torch.split(row, sizes), strict=True)
        values = {name: part.view_as(value) for (name, value), part in parts}
        return loss(lambda *inputs: torch.func.functional_call(model, values, inputs))

    return function, torch.cat([value.detach().flatten() for value in trained.values()])


@contextmanager
def _without_torchs_own_warning() -> Iterator[None]:
    """The first forward derivative of a process makes torch warn of what it scripts itself."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"`torch\.jit\.", category=FutureWarning)
        warnings.filterwarnings("ignore", message=r"`torch\.jit\.", category=DeprecationWarning)
        yield


def _with_one_result(function: Function) -> Function:
    def checked(at: Tensor) -> Tensor:
        result = function(at)
        if result.numel() != 1:
            shape = tuple(result.shape)
            raise must_be("function", "one with a single result", shape, "Take jacobian of it.")
        return result.reshape(())

    return checked


def _check_direction(at: Tensor, direction: Tensor) -> None:
    if direction.shape != at.shape:
        raise must_be(
            "direction", f"of the point's shape {tuple(at.shape)}", tuple(direction.shape)
        )
