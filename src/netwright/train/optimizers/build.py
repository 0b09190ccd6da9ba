"""From a method's parameter groups to an optimiser."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

import torch
from torch import Tensor

from netwright._errors import must_be, offenders, unknown
from netwright.methods.base import ParameterGroup
from netwright.train.optimizers.catalogue import CATALOGUE
from netwright.train.optimizers.proximal import ProximalStep, refuse_without_lengths

__all__ = ["build_optimizer", "check_groups", "goes_free"]


def build_optimizer(
    groups: Sequence[ParameterGroup],
    *,
    name: str,
    learning_rate: float,
    l1: float = 0.0,
    **options: Any,
) -> torch.optim.Optimizer:
    """The optimiser `name` over `groups`, fused where torch has a fused form.

    A group's `lr_scale` multiplies the learning rate; its other options override the optimiser's.

    Args:
        groups: what is trained.
        name: of the catalogue.
        learning_rate: of groups that name none.
        l1: weight of the absolute values in the loss, see `train.optimizers.proximal`. Parameters
            of one dimension and biases go free, where their group does not ask for it by itself.
        options: of the optimiser.

    Raises:
        BadValue: an unknown optimiser or option, a learning rate of 0 or less, nothing to train, an
            L1 that is negative or that the optimiser can't bring to 0.
    """
    if not learning_rate > 0:
        raise must_be("learning_rate", "above 0", learning_rate, "0.001 is a usual first try.")
    kind: Callable[..., torch.optim.Optimizer] = CATALOGUE.load(name)
    takes = inspect.signature(kind).parameters
    known = set(takes) - {"params", "lr"}
    for option in options:
        if option not in known:
            raise unknown(f"option of optimizer {name}", option, known)
    laid_out = [
        _torch_group(group, learning_rate, known=known, kind=name)
        for whole in groups
        for group in _by_penalty(whole, l1)
        if group.parameters
    ]
    for group in laid_out:
        refuse_without_lengths(kind, name=name, l1=group.get("l1", 0.0))
    if not laid_out:
        raise must_be("model", "holding parameters to train", "none", "Is everything frozen?")
    if kind is torch.optim.LBFGS:
        laid_out = [_single(laid_out)]
    laid_out = _merged(laid_out, {name: takes[name].default for name in known} | options)
    if "fused" in known and "fused" not in options and _can_fuse(laid_out):
        options = {**options, "fused": True}
    built = kind(laid_out, lr=learning_rate, **options)
    if isinstance(built, torch.optim.SGD):
        _fill_momentum(built)
    ProximalStep.attach(built)
    return built


def check_groups(groups: Mapping[str, Sequence[ParameterGroup]]) -> None:
    """Refuse a parameter that is in more than one group."""
    seen: dict[int, str] = {}
    doubles = []
    for optimizer, members in groups.items():
        for group in members:
            for name, parameter in group.parameters.items():
                place = f"{name} ({optimizer})"
                if id(parameter) in seen:
                    doubles.append(f"{seen[id(parameter)]} and {place}")
                seen[id(parameter)] = place
    if doubles:
        raise must_be(
            "parameter_groups",
            "holding each parameter once",
            offenders(doubles),
            "Two optimisers of one parameter overwrite each other.",
        )


def _by_penalty(group: ParameterGroup, l1: float) -> list[ParameterGroup]:
    """The group in two where it says nothing of L1: what has a penalty, and what goes free."""
    if not l1 or "l1" in group.options:
        return [group]
    named = group.parameters.items()
    free = {name: one for name, one in named if goes_free(name, one)}
    shrinks = {name: one for name, one in named if name not in free}
    return [
        ParameterGroup(parameters=shrinks, options={**group.options, "l1": l1}),
        ParameterGroup(parameters=free, options=group.options),
    ]


def goes_free(name: str, parameter: Tensor) -> bool:
    """Whether a penalty spares it unless asked: an offset or a scale makes nothing simpler."""
    return parameter.ndim < 2 or name.rpartition(".")[2] == "bias"


def _torch_group(
    group: ParameterGroup, learning_rate: float, *, known: Set[str], kind: str
) -> dict[str, Any]:
    options = dict(group.options)
    if "weight_decay" not in known and not options.get("weight_decay"):
        options.pop("weight_decay", None)  # none is what an optimiser without decay gives anyway
    every = known | {"lr", "lr_scale", "l1"}
    if not options.get("l1"):
        options.pop("l1", None)
    for option in options:
        if option not in every:
            raise unknown(f"option of optimizer {kind}", option, every)
    # torch looks at the numbers that all groups share only
    if options.get("weight_decay", 0.0) < 0:
        raise must_be("weight_decay", "at least 0", options["weight_decay"])
    rate = options.pop("lr", learning_rate) * options.pop("lr_scale", 1.0)
    # initial_lr: what a schedule's factor is applied to, under the name torch's schedulers use
    return {"params": list(group.parameters.values()), "lr": rate, "initial_lr": rate, **options}


def _merged(groups: Sequence[dict[str, Any]], common: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Groups that are treated alike as one: each costs a call a step."""
    merged: list[dict[str, Any]] = []
    seen: list[dict[str, Any]] = []
    for group in groups:
        treated = {**common, **group, "params": None}
        if treated in seen:
            merged[seen.index(treated)]["params"] += group["params"]
        else:
            merged.append(group)
            seen.append(treated)
    return merged


def _single(groups: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One group, for an optimiser that takes no more."""
    rates = sorted({group["lr"] for group in groups})
    if len(rates) > 1:
        raise must_be("optimizer", "one that knows groups", "lbfgs", f"They learn at {rates}.")
    every = [parameter for group in groups for parameter in group["params"]]
    for parameter in every:  # torch's L-BFGS takes views of gradients, which lie as parameters do
        parameter.data = parameter.data.contiguous()
    return {**groups[0], "params": every}


def _fill_momentum(optimizer: torch.optim.SGD) -> None:
    """Begin with momentum 0 where torch begins with none.

    Its fused form fails on parameters of which some have momentum and some have not yet: where one
    got no gradient at first, or was put in later. The values are the same.
    """
    for group in optimizer.param_groups:
        if group["fused"] and group["momentum"] and not group["dampening"]:
            for parameter in group["params"]:
                optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)


def _can_fuse(groups: Sequence[Mapping[str, Any]]) -> bool:
    return all(
        parameter.is_floating_point() and parameter.device.type in ("cpu", "cuda")
        for group in groups
        for parameter in group["params"]
    )
