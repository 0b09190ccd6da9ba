"""Invariance to an input shift: two models that answer alike must be explained alike."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import must_be
from netwright.explain.gradient import leaf
from netwright.explain.inside.examined import examined
from netwright.explain.inside.target import Target, chosen
from netwright.explain.trials.likeness import Likeness, likeness
from netwright.explain.trials.method import Method, mapped, named_method

__all__ = ["ShiftInvariance", "shift_invariance"]


@dataclass(frozen=True, kw_only=True)
class ShiftInvariance:
    """How far maps move with a shift of the inputs that the model takes back.

    Attributes:
        change: (n,) length of the difference of two maps, as a share of the length of the first; 0
            for a method that is invariant, bit for bit.
        likeness: rank correlations of the two.
    """

    change: Float[Tensor, "n"]
    likeness: Likeness


class _Shifted(nn.Module):
    """Answers for inputs + shift what the model answers for inputs."""

    def __init__(self, model: nn.Module, shift: Tensor) -> None:
        super().__init__()
        self.model = model
        self.shift = shift

    def forward(self, inputs: Tensor) -> Tensor:
        found: Tensor = self.model(inputs - self.shift)
        return found


def shift_invariance(
    model: nn.Module,
    inputs: Float[Tensor, "n ..."],
    *,
    method: Method,
    target: Target = None,
    shift: float | Tensor = 1.0,
) -> ShiftInvariance:
    """Shift all inputs by a constant, let a twin of the model take it back, and compare the maps.

    The twin answers every shifted input as the model answers the input, so whatever differs between
    the maps says nothing of the model: it comes from a reference that is no part of it, such as the
    zero of integrated gradients or of a product of gradient and input. The gradient passes exactly.

    Paper: The (Un)reliability of Saliency Methods, 2017, https://arxiv.org/abs/1711.00867

    Differs: the paper moves the biases of the first layer; here the twin subtracts before the first
    layer, which is the same function for any model. Both are given numbers of which the shift can
    be taken back without a rounding error, so nothing but the method can differ.

    Args:
        model: any, in any mode; it is left as it was.
        inputs: (n, c, h, w) pictures as the model takes them, or rows (n, d).
        method: a name of the catalogue, or a function; see `explain.method.Method`.
        target: see `explain.Target`; None for the predicted class.
        shift: what is added, in units of the inputs: a number, or a tensor that can be spread over
            one input, e.g. (c, 1, 1).

    Raises:
        BadValue: no such method, a shift that does not fit or is nowhere different from 0.
    """
    _, function = named_method(method)
    given = leaf(inputs)[0].detach()
    constant = _constant(shift, given)
    moved = given + constant
    given = moved - constant
    with examined(model) as opened:
        with torch.no_grad():
            kept = chosen(opened(given.clone()), target)
        own = mapped(opened, given, method=function, target=kept)
        twin = _Shifted(opened, constant)
        other = mapped(twin, moved, method=function, target=kept)
    size = own.flatten(1).norm(dim=1)
    change = (other - own).flatten(1).norm(dim=1) / size.clamp(min=torch.finfo(size.dtype).tiny)
    return ShiftInvariance(change=change, likeness=likeness(own, other, inputs=given))


def _constant(shift: float | Tensor, inputs: Tensor) -> Tensor:
    value = torch.as_tensor(shift, dtype=inputs.dtype, device=inputs.device)
    if not value.isfinite().all() or not value.any():
        raise must_be("shift", "finite, and different from 0", shift)
    try:
        value.expand(inputs.shape[1:])
    except RuntimeError:
        rule = f"spread over one input of shape {tuple(inputs.shape[1:])}"
        raise must_be("shift", rule, tuple(value.shape)) from None
    return value
