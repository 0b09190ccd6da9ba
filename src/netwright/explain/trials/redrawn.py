"""Copies of a model in which some layers know nothing any more."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from netwright._errors import must_be
from netwright._random import generator

__all__ = ["Layers", "copied", "halfway", "learned_layers", "redraw", "settle"]


@dataclass(frozen=True, kw_only=True)
class Layers:
    """Parameters that are drawn anew together.

    Attributes:
        path: of the layer they are of.
        parameters: their names in the model.
    """

    path: str
    parameters: tuple[str, ...]


def learned_layers(model: nn.Module, inputs: Tensor) -> tuple[Layers, ...]:
    """The layers with parameters, from the output to the input, as a run of the model meets them.

    What has vectors only, as a normalisation, belongs to the layer that ran before it. Parameters
    of a module that is never called belong to the nearest one around it that is.

    Args:
        model: opened by `examined`.
        inputs: one or more to run it on.

    Raises:
        BadValue: the model has no parameters.
    """
    order = _called(model, inputs)
    owned: dict[str, list[str]] = {path: [] for path in order}
    for name, _ in model.named_parameters():
        owned[_owner(name, owned)].append(name)
    groups: list[tuple[str, list[str]]] = []
    for path in order:
        vectors = all(model.get_parameter(name).ndim < 2 for name in owned[path])
        if owned[path] and vectors and groups:
            groups[-1][1].extend(owned[path])
        elif owned[path]:
            groups.append((path, owned[path]))
    if not groups:
        raise must_be("model", "one with parameters", type(model).__name__)
    return tuple(Layers(path=path, parameters=tuple(names)) for path, names in reversed(groups))


def halfway(model: nn.Module, inputs: Tensor) -> str:
    """Path of the layer down to which half of the layers are drawn anew, from the output.

    Nothing is left there of what told the classes apart, while edges are still found: maps that
    stay the same show edges.

    Args:
        model: opened by `examined`.
        inputs: one or more to run it on.
    """
    layers = learned_layers(model, inputs)
    return layers[(len(layers) - 1) // 2].path


def _called(model: nn.Module, inputs: Tensor) -> list[str]:
    """Paths of the modules that run, in the order of their last beginning."""
    order: dict[str, None] = {}

    def note(path: str) -> None:
        order.pop(path, None)
        order[path] = None

    hooks = [
        module.register_forward_pre_hook(lambda *_, path=path: note(path))
        for path, module in model.named_modules()
    ]
    try:
        model(inputs[:1].clone())
    finally:
        for hook in hooks:
            hook.remove()
    return list(order)


def _owner(name: str, called: Iterable[str]) -> str:
    path = name.rpartition(".")[0]
    while path and path not in called:
        path = path.rpartition(".")[0]
    return path


def copied(model: nn.Module) -> nn.Module:
    """A copy that shares nothing with the model.

    Raises:
        BadValue: the model can't be copied.
    """
    try:
        return copy.deepcopy(model)
    except (RuntimeError, TypeError, AttributeError) as refusal:
        fix = f"copy.deepcopy says: {refusal}"
        raise must_be("model", "one that can be copied", type(model).__name__, fix) from None


@torch.no_grad()
def redraw(model: nn.Module, layers: Sequence[Layers], *, seed: int) -> None:
    """Draw each parameter anew from a normal law with the mean and the spread it has itself.

    So the scale of every layer stays what training made of it, and all that it knew is gone. What
    has no spread, as a single number, stays. A parameter's numbers depend on the seed and its name
    alone.

    Args:
        model: changed in place.
        layers: which.
        seed: of the numbers.
    """
    for layer in layers:
        for name in layer.parameters:
            value = model.get_parameter(name)
            spread, mean = torch.std_mean(value.float(), correction=0)
            drawn = torch.randn(value.shape, generator=generator(seed, "redraw", name))
            value.copy_(drawn.to(spread) * spread + mean)


@torch.no_grad()
def settle(model: nn.Module, inputs: Tensor, *, after: Sequence[Layers]) -> None:
    """Measure the statistics of batch normalisations anew on these inputs, where layers are new.

    Those of the trained model would not fit what the new layers give: a channel that hardly varied
    would be blown up a thousandfold. One pass: each is measured on what the ones before it give.
    What runs before the first new layer stays as trained, so that no map changes by its statistics.

    Args:
        model: in evaluation mode, changed in place.
        inputs: all that there are.
        after: the layers that were drawn anew.
    """
    new = {id(model.get_submodule(layer.path)) for layer in after}
    reached = False

    def reach(*_: object) -> None:
        nonlocal reached
        reached = True

    def measure(module: nn.Module, given: tuple[Tensor, ...]) -> None:
        values = given[0].detach().transpose(0, 1).flatten(1).double()
        if reached and values.shape[1] > 1:
            variance, mean = torch.var_mean(values, dim=1, correction=0)
            module.running_mean.copy_(mean)  # type: ignore[operator]
            module.running_var.copy_(variance)  # type: ignore[operator]

    measured = [
        module.register_forward_pre_hook(measure)
        for module in model.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is not None
    ]
    hooks = measured + [
        module.register_forward_pre_hook(reach, prepend=True)
        for module in model.modules()
        if id(module) in new
    ]
    try:
        if measured:
            model(inputs.clone())
    finally:
        for hook in hooks:
            hook.remove()
