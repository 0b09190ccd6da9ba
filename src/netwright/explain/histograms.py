"""How weights, activations and gradients of a network are spread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from netwright._errors import BadType, must_be
from netwright.explain.inside.examined import examined
from netwright.explain.inside.outputs import watched
from netwright.probes.base import tensors_in
from netwright.probes.distributions import tallied_gradients, tallied_parameters, unit_axis
from netwright.probes.histogram import Bins, Histogram, Tally, read_tallies, tally

__all__ = ["Histograms", "histograms"]


@dataclass(frozen=True, kw_only=True)
class Histograms:
    """How the numbers of a network are spread.

    Attributes:
        weights: by the name of each parameter.
        activations: by the path of each layer; `path#2` is its second call.
        gradients: by the name of each parameter.
    """

    weights: Mapping[str, Histogram]
    activations: Mapping[str, Histogram] = field(default_factory=dict)
    gradients: Mapping[str, Histogram] = field(default_factory=dict)


def histograms(
    model: nn.Module,
    inputs: Any = None,
    *,
    loss: Callable[[Any], Tensor] | None = None,
    bins: Bins = 64,
) -> Histograms:
    """Exact counts of every parameter, every layer's output and every parameter's gradient.

    Shares that explain much: exact zeros, numbers that are not finite, and dead units, all of whose
    numbers are 0 (of an output: for all of the inputs). The outputs are those of modules without
    children; what a model computes by functions between them (`F.relu`) is not seen. The model is
    in evaluation mode meanwhile.

    Args:
        model: any, in any mode; it is left as it was, with the `.grad` that it had.
        inputs: what the model takes; None for the weights alone.
        loss: from the model's output to the number that is differentiated, for the gradients of
            the parameters that are trained and that it depends on.
        bins: see `probes.histogram.Bins`; the numbers of each histogram have bins of their own,
            unless edges are given.

    Example:
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU())
        >>> found = histograms(model, torch.rand(16, 4), loss=lambda output: output.sum())
        >>> sorted(found.weights), sorted(found.activations)
        (['0.bias', '0.weight'], ['0', '1'])

    Raises:
        BadType: the loss gives no single number.
        BadValue: a loss without inputs, or one that depends on no parameter.
    """
    if inputs is None and loss is not None:
        raise must_be("inputs", "given for the gradients of a loss", None)
    with examined(model) as opened:
        found = dict(tallied_parameters(opened, bins=bins))
        if inputs is not None:
            with torch.set_grad_enabled(loss is not None):
                found |= _of_a_pass(opened, inputs, loss=loss, bins=bins)
    read = read_tallies(found)
    return Histograms(
        **{kind: _part(read, kind) for kind in ("weights", "activations", "gradients")}
    )


def _of_a_pass(
    model: nn.Module, inputs: Any, *, loss: Callable[[Any], Tensor] | None, bins: Bins
) -> dict[str, Tally]:
    found: dict[str, Tally] = {}
    layers = {path or "model": one for path, one in model.named_modules() if not _has_parts(one)}

    def look(path: str, module: nn.Module, output: Any) -> None:
        for place, tensor in tensors_in(output, path):
            name = _next_call(f"activations/{place}", found)
            found[name] = tally(tensor, bins=bins, unit_axis=unit_axis(module, tensor))

    with watched(layers, look):
        output = model(inputs.clone() if isinstance(inputs, Tensor) else inputs)
    if loss is not None:
        found |= tallied_gradients(_gradients(model, loss(output)), bins=bins)
    return found


def _gradients(model: nn.Module, value: Any) -> dict[str, Tensor]:
    if not isinstance(value, Tensor) or value.numel() != 1:
        shown = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise must_be("loss", "a function that gives one number", shown, error=BadType)
    trained = {name: one for name, one in model.named_parameters() if one.requires_grad}
    slopes: tuple[Tensor | None, ...] = (None,) * len(trained)
    if value.requires_grad and trained:
        slopes = torch.autograd.grad(value.sum(), list(trained.values()), allow_unused=True)
    found = {name: one for name, one in zip(trained, slopes, strict=True) if one is not None}
    if not found:
        fix = "Are they frozen, or is the output detached?"
        raise must_be("loss", "one that depends on trained parameters", "one without any", fix)
    return found


def _next_call(name: str, taken: Mapping[str, Any]) -> str:
    call, free = 1, name
    while free in taken:
        call += 1
        free = f"{name}#{call}"
    return free


def _has_parts(module: nn.Module) -> bool:
    return any(True for _ in module.children())


def _part(read: Mapping[str, Histogram], kind: str) -> dict[str, Histogram]:
    return {
        name.removeprefix(f"{kind}/"): one
        for name, one in read.items()
        if name.startswith(f"{kind}/")
    }
