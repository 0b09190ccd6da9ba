"""Everything a run needs, opened and checked before anything is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from netwright._errors import BadData, BadType, must_be
from netwright.data.dataset import Data, InMemory, InputKind, TargetKind
from netwright.data.open import open_data
from netwright.data.preprocess.catalogue import default_for
from netwright.data.sources.table import Table
from netwright.evaluate.costs import Costs, CostTable
from netwright.methods.base import Method
from netwright.methods.catalogue import CATALOGUE as METHODS
from netwright.methods.ensemble import Ensemble
from netwright.runs.recipe import Named, Recipe, SplitPart
from netwright.train.precision import choose_device, choose_precision
from netwright.workflow.augmentable import refuse_augmentation
from netwright.workflow.build import GIVEN, build_method, check_optimizer, given_part, resolved_path
from netwright.workflow.closed_form import is_closed_form, without_descent
from netwright.workflow.defaults import Facts, complete
from netwright.workflow.initialising import start_weights
from netwright.workflow.loaders import PreparedLoaders, are_loaders, prepare_loaders
from netwright.workflow.prepare import Prepared, divide_data, fingerprint, prepare
from netwright.workflow.shuffled_targets import with_shuffled_targets
from netwright.workflow.starting_weights import Started, begin_from_weights, with_weights
from netwright.workflow.teachers import taught, with_paths
from netwright.workflow.try_out import gives_two_scores, refuse_misfit

__all__ = ["Given", "Session", "open_session", "opened_and_prepared", "read_data"]


@dataclass(frozen=True, kw_only=True)
class Given:
    """What was handed over as objects, which a recipe can't hold.

    Attributes:
        data: whatever `open_data` takes, or loaders; None opens what the recipe names.
        model: a module.
        method: a method.
    """

    data: Any = None
    model: nn.Module | None = None
    method: Method | None = None

    def __post_init__(self) -> None:
        for what, value, kind in (
            ("model", self.model, nn.Module),
            ("method", self.method, Method),
        ):
            if value is not None and not isinstance(value, kind):
                raise must_be(
                    what,
                    f"a {kind.__name__} object; a name goes into the recipe",
                    value,
                    error=BadType,
                )


@dataclass(frozen=True)
class Session:
    """A completed recipe with everything it needs, before anything is written."""

    recipe: Recipe
    name: str
    prepared: Prepared | PreparedLoaders
    method: Method
    device: torch.device
    started: Started | None = None


def open_session(recipe: Recipe, given: Given, *, begun: bool = False) -> Session:
    """Open the data, complete the recipe, and make what it names.

    Args:
        recipe: whole or in part.
        given: what was handed over as objects.
        begun: a snapshot is there, which holds the weights: those that it started from need not be.

    Raises:
        NetwrightError: one sentence on what can't be used, and the way out.
    """
    if given.data is None and recipe.data.name == GIVEN:
        raise must_be(
            "data", "given again: the recipe's came from Python", GIVEN, "netwright.fit(data, ...)"
        )
    asked = recipe
    device = choose_device(recipe.device)
    precision = choose_precision(_wished_precision(recipe), device).name
    training = recipe.training.model_copy(update={"precision": precision})
    recipe = recipe.model_copy(update={"training": training})
    name, prepared, recipe = (
        _prepare_loaders(recipe, given, begun=begun)
        if are_loaders(given.data)
        else opened_and_prepared(recipe, given, begun=begun)
    )
    if given.model is not None:
        recipe = _with_unit(recipe, prepared, model=given.model)
    recipe = with_paths(recipe)
    method = build_method(
        recipe,
        task=taught(prepared.task, recipe, prepared=prepared),
        input_shape=prepared.input_shape,
        model=given.model,
        method=given.method,
    )
    refuse_misfit(method, prepared.example)
    refuse_augmentation(method, prepared=prepared, recipe=recipe)
    recipe = without_descent(asked, recipe) if is_closed_form(method) else recipe
    check_optimizer(recipe, method)
    started = None
    if not begun:
        started = begin_from_weights(method, recipe, example=prepared.example)
        start_weights(method, recipe, prepared=prepared)
    if recipe.costs is not None and method.predict(prepared.example).probabilities is None:
        raise must_be("costs", "left out for a method without probabilities", recipe.method.name)
    return Session(recipe, name, prepared, method, device, started)


def _wished_precision(recipe: Recipe) -> str:
    """Curvature tells little in 16 bits: what asks for it gets 32 where nobody says otherwise."""
    curved = recipe.optimizer is not None and recipe.optimizer.name == "truncated-newton"
    wished = recipe.training.precision
    return "fp32" if curved and wished == "auto" else wished


def _with_unit(recipe: Recipe, prepared: Prepared | PreparedLoaders, *, model: nn.Module) -> Recipe:
    """The recipe with softmax for two classes where the module that was given has two scores."""
    asked = recipe.method
    learns_one = asked.name in ("supervised", "fine-tuning")
    if prepared.task.kind != "binary" or not learns_one or "unit" in asked.options:
        return recipe
    if not gives_two_scores(model, prepared.example):
        return recipe
    method = Named.model_validate({"name": asked.name, "unit": "classes", **asked.options})
    return recipe.model_copy(update={"method": method})


def read_data(recipe: Recipe, given: Given) -> Data:
    """The data of a recipe, with the targets to learn.

    Raises:
        BadData: they are not there or can't be used.
    """
    part = recipe.data
    data = open_data(
        part.name if given.data is None else given.data,
        target=part.target,
        kind=_kind(recipe),
        image_size=part.image_size,
        channels=part.channels,
        group=part.group,
        time=part.time,
        skip_bad=part.skip_bad,
    )
    if data.target.values is None:
        raise must_be(
            "data", "given with targets to learn", data.name, "Name the target, or give (x, y)."
        )
    return data


def _kind(recipe: Recipe) -> Any:
    """Of the targets: what is asked for, else what the method takes alone."""
    asked, method = recipe.data.kind, recipe.method.name
    if asked is not None or method not in METHODS:
        return asked
    return METHODS.entry(method).facts.get("targets")


def _refuse_several(data: Data, recipe: Recipe, given: Given) -> None:
    """Several targets for a method that learns one; what one's own takes is its own business."""
    method = recipe.method.name
    if data.target.kind is not TargetKind.SEVERAL:
        return
    if recipe.ensemble is not None or isinstance(given.method, Ensemble):
        raise must_be(
            "ensemble",
            "left out for several targets, whose answers have no mean",
            ", ".join(data.target.names),
            "Train a run a seed, and take the mean of method.apart(run.predict(x)).",
        )
    if given.method is not None:
        return
    if method in METHODS and METHODS.entry(method).facts.get("targets") != TargetKind.SEVERAL:
        raise must_be(
            "method",
            f"multi-task for several targets ({', '.join(data.target.names)})",
            method,
            'fit(data, method="multi-task"), or --method multi-task.',
        )


def opened_and_prepared(
    recipe: Recipe, given: Given, *, begun: bool = False
) -> tuple[str, Prepared, Recipe]:
    """Name of the data, the data ready to be learned from, and the completed recipe.

    Args:
        recipe: whole or in part.
        given: what was handed over as objects.
        begun: see `open_session`.

    Raises:
        NetwrightError: they can't be opened, have no targets, or are not those of the recipe.
    """
    data = read_data(recipe, given)
    _refuse_several(data, recipe, given)
    if recipe.data.kind is None and data.target.kind is TargetKind.SEVERAL:
        recipe = recipe.with_fields({"data.kind": str(data.target.kind)})
    part = recipe.data
    if recipe.costs is not None:
        _refuse_costs(data, recipe.costs)
    splits = divide_data(data, recipe)
    if not begun:
        recipe = with_weights(recipe, raw_shape=_picture_shape(data), given=_is_given(given))
    recipe = complete(recipe, _facts(data, count=len(splits["train"])))
    recipe = _with_given(recipe, given, found=fingerprint(data), path=resolved_path(part.name))
    if part.shuffle_labels:
        data = with_shuffled_targets(data, splits, seed=recipe.seed)
    return data.name, prepare(data, recipe, splits=splits), recipe


def _is_given(given: Given) -> bool:
    return given.model is not None or given.method is not None


def _refuse_costs(data: Data, costs: CostTable) -> None:
    """Before anything is learned: costs that don't fit the classes."""
    if data.target.kind not in (TargetKind.BINARY, TargetKind.CLASSES, TargetKind.ORDINAL):
        raise must_be("costs", "left out where the targets are no classes", data.target.kind)
    Costs.of(costs, names=data.target.names)


def _prepare_loaders(
    recipe: Recipe, given: Given, *, begun: bool
) -> tuple[str, PreparedLoaders, Recipe]:
    if given.model is None and given.method is None and recipe.model is None:
        raise must_be("model", "given with a DataLoader", None, "fit(loader, model=my_module)")
    prepared = prepare_loaders(given.data, kind=_kind_of_loaders(recipe))
    if prepared.target.values is None and given.method is None:
        _refuse_without_own_method(recipe)
    _refuse_for_loaders(recipe)
    facts = Facts(count=prepared.counts["train"], batches=prepared.batches, preprocess="none")
    if not begun:
        recipe = with_weights(recipe, raw_shape=None, given=_is_given(given))
    recipe = complete(recipe, facts)
    recipe = _with_given(recipe, given, found=prepared.fingerprint(), path=GIVEN)
    return "loader", prepared, recipe


def _kind_of_loaders(recipe: Recipe) -> str | None:
    kind = _kind(recipe)
    if kind is None or (isinstance(kind, str) and kind != TargetKind.SEVERAL):
        return kind
    raise must_be(
        "data",
        "arrays (x, {task: y}) or a table for several targets",
        "a DataLoader",
        "A loader's batches say nothing of their tasks' kinds.",
        error=BadData,
    )


def _with_given(recipe: Recipe, given: Given, *, found: str, path: str) -> Recipe:
    known = recipe.data.fingerprint
    if known is not None and known != found:
        raise must_be(
            "data",
            "what the recipe was made with",
            f"fingerprint {found[:12]}, not {known[:12]}",
            "The data, or how they are read, have changed since; to train on them anyway, set "
            "data.fingerprint=null.",
        )
    update: dict[str, Any] = {
        "data": recipe.data.model_copy(update={"fingerprint": found, "name": path})
    }
    if given.model is not None:
        update["model"] = given_part(given.model)
    if given.method is not None:
        update["method"] = given_part(given.method)
        update["model"] = None
    return recipe.model_copy(update=update)


def _picture_shape(data: Data) -> tuple[int, ...] | None:
    """(c, h, w) of the pictures as they are read; None where the inputs are none."""
    if data.input_kind is not InputKind.IMAGE:
        return None
    return tuple(data.samples.take(torch.zeros(1, dtype=torch.int64)).shape[1:])


def _facts(data: Data, *, count: int) -> Facts:
    shape = _picture_shape(data)
    return Facts(
        count=count,
        picture_size=None if shape is None else (shape[-2], shape[-1]),
        reads_items=not isinstance(data.samples, (InMemory, Table)),
        preprocess=default_for(data),
    )


def _refuse_without_own_method(recipe: Recipe) -> None:
    if recipe.method.name in METHODS:
        raise must_be(
            "loader",
            f"one that gives targets (n,) or (n, t) for {recipe.method.name}",
            "none, lists, or tensors of more axes",
            "A method of your own learns from them: fit(loader, method=mine).",
            error=BadData,
        )


def _refuse_for_loaders(recipe: Recipe) -> None:
    """What a DataLoader decides itself is refused, not passed over; a completed recipe has none."""
    own = {
        "data.shuffle_labels": recipe.data.shuffle_labels or None,
        "training.batch_size": recipe.training.batch_size,
        "training.workers": recipe.training.workers,
        "preprocess": None if recipe.preprocess == Named(name="none") else recipe.preprocess,
        "augment": recipe.augment or None,
        "costs": recipe.costs,
        "split": None if recipe.split == SplitPart() else recipe.split,
    }
    asked = [name for name, value in own.items() if value is not None]
    if asked:
        raise must_be(
            "recipe",
            "silent on what a DataLoader decides itself",
            ", ".join(asked),
            "Set it in the loader, or give its dataset instead of the loader.",
        )
