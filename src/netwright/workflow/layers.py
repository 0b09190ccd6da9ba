"""Which layers of a trained network serve a data set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from netwright import _random
from netwright._errors import must_be
from netwright.evaluate.layer_curve import LayerCurve, layer_curve
from netwright.methods.supervised import Supervised
from netwright.runs.recipe import Named, Recipe
from netwright.workflow.build import build_method
from netwright.workflow.prepare import Prepared
from netwright.workflow.session import Given, Session, open_session

__all__ = ["which_layers"]

USUAL = "resnet18"
AT_ONCE = 64
PARTS = ("train", "val", "test")


def which_layers(
    recipe: Recipe,
    *,
    data: Any = None,
    model: nn.Module | None = None,
    untrained: nn.Module | None = None,
    examples: int = 2000,
) -> LayerCurve:
    """A linear classifier on each depth of a trained network, against the same one untrained.

    Nothing is trained but the classifiers, and nothing is written.

    Args:
        recipe: whole or in part; its model begins with trained weights unless it says otherwise,
            and is `resnet18` where it names none.
        data: in place of what it names; arrays have no name.
        model: a trained module in place of a name.
        untrained: the same module with weights that learned nothing; with `model`, and only then.
        examples: of the training split at most, and as many of the test split.

    Raises:
        NetwrightError: one sentence on what can't be used, and the way out.
    """
    if examples < 10:
        raise must_be("examples", "at least 10", examples)
    if (model is None) != (untrained is None):
        raise must_be("untrained", "given with model, and only then", type(untrained).__name__)
    with _random.isolated():
        asked = _with_weights(recipe) if model is None else recipe
        session = open_session(asked, Given(data=data, model=model))
        prepared = session.prepared
        if not isinstance(prepared, Prepared):
            raise must_be("data", "a data set, not a loader", session.name)
        if prepared.task.kind not in ("binary", "classes", "ordinal"):
            raise must_be("data", "of classes for a curve of right answers", prepared.task.kind)
        missing = [part for part in PARTS if not len(prepared.splits.get(part, ()))]
        if missing:
            raise must_be("split", "with a train, val and test part", missing)
        twin = _untrained(session) if untrained is None else untrained
        rows = {
            part: _rows(prepared, part, most=examples, seed=session.recipe.seed) for part in PARTS
        }
        return layer_curve(_network(session), twin, rows=rows)


def _with_weights(recipe: Recipe) -> Recipe:
    model = recipe.model or Named(name=USUAL)
    options = dict(model.options)
    if options.setdefault("pretrained", True) is False:
        raise must_be("model.pretrained", "other than false to ask which layers transfer", False)
    named = Named.model_validate({"name": model.name, **options})
    return recipe.model_copy(update={"model": named})


def _network(session: Session) -> nn.Module:
    method = session.method
    if not isinstance(method, Supervised):
        raise must_be("method", "of one network", type(method).__name__)
    return method.model.to(session.device)


def _untrained(session: Session) -> nn.Module:
    """The same network as the recipe's seed draws it."""
    recipe, prepared = session.recipe, session.prepared
    part = recipe.model or Named(name=USUAL)
    options = {name: value for name, value in part.options.items() if name != "pretrained"}
    fresh = Named.model_validate({"name": part.name, **options})
    method = build_method(
        recipe.model_copy(update={"model": fresh}),
        task=prepared.task,
        input_shape=prepared.input_shape,
    )
    return _network(Session(recipe, session.name, prepared, method, session.device))


def _rows(
    prepared: Prepared, part: str, *, most: int, seed: int
) -> tuple[Iterator[Tensor], Tensor]:
    """Batches of some examples, drawn by the seed, and their classes."""
    index, targets = prepared.splits[part], prepared.data.target.values
    if targets is None:
        raise must_be("data", "given with targets", prepared.data.name)
    order = torch.randperm(len(index), generator=_random.generator(seed, "layers", part))
    chosen = index[order[:most]].sort().values
    batches = (
        prepared.preprocess(prepared.samples.take(chosen[start : start + AT_ONCE]))
        for start in range(0, len(chosen), AT_ONCE)
    )
    return batches, targets[chosen].long()
