"""The weights of a recipe's model, started as the recipe says."""

from __future__ import annotations

import inspect
from typing import Any

from torch import nn

from netwright import _random
from netwright._errors import must_be
from netwright.methods.base import Method
from netwright.methods.supervised import Supervised
from netwright.models.initialisation.catalogue import CATALOGUE, initialise
from netwright.runs.recipe import Named, Recipe
from netwright.workflow.build import GIVEN, naming_options
from netwright.workflow.defaults import AS_MADE
from netwright.workflow.loaders import PreparedLoaders
from netwright.workflow.prepare import Prepared

__all__ = ["start_weights"]

LOOKED_AT = 256  # examples that lsuv measures by; a variance over them is right to a tenth
_ADDS = ("output-bias",)  # what touches nothing that a pretrained or a given network brings


def start_weights(method: Method, recipe: Recipe, *, prepared: Prepared | PreparedLoaders) -> None:
    """Carry out `initialise` of a completed recipe, one step after the other, in place.

    Raises:
        BadValue: an unknown step, weights that were given or trained, a model that does not fit.
    """
    for step in recipe.initialise or ():
        if step.name == AS_MADE and not step.options:
            continue
        _refuse_overwriting(step, recipe)
        model = method.model if isinstance(method, Supervised) else method
        _carry_out(step, model, _supplied(step, method, recipe, prepared))


def _carry_out(step: Named, model: nn.Module, supplied: dict[str, Any]) -> None:
    twice = sorted({*supplied} & {*step.options})
    if twice:
        raise must_be(
            f"initialise.{step.name}",
            "silent on what the run itself gives it",
            ", ".join(twice),
            "The seed is the recipe's.",
        )
    with naming_options("initialise", step.options):
        initialise(model, step.name, **step.options, **supplied)


def _supplied(
    step: Named, method: Method, recipe: Recipe, prepared: Prepared | PreparedLoaders
) -> dict[str, Any]:
    """What a law takes that only the run knows."""
    takes = inspect.signature(CATALOGUE.load(step.name)).parameters
    supplied: dict[str, Any] = {}
    if "seed" in takes:
        supplied["seed"] = _random.derive(recipe.seed, "initialise")
    if "inputs" in takes:
        supplied["inputs"] = prepared.first_inputs(LOOKED_AT)
    if "scores" in takes:
        targets = prepared.task.targets
        if not isinstance(method, Supervised) or targets is None:
            raise must_be(
                "initialise", "without output-bias for a method without an output unit", step.name
            )
        supplied["scores"] = method.unit.prior_bias(targets)
    return supplied


def _refuse_overwriting(step: Named, recipe: Recipe) -> None:
    if step.name in _ADDS:
        return
    model = recipe.model
    given = recipe.method.name == GIVEN or (model is not None and model.name == GIVEN)
    if given:
        raise must_be(
            "initialise",
            f"{AS_MADE} for a module that was given, whose weights are yours",
            step.name,
            "Call netwright.initialise(module, ...) before, or name a model of the catalogue.",
        )
    if model is not None and model.options.get("pretrained", False) is not False:
        raise must_be(
            "initialise",
            f"{AS_MADE} for pretrained weights, which it would overwrite",
            step.name,
            "Leave it out, or set model.pretrained=false.",
        )
