"""What a method asks of augmentation, or can't bear of it, before anything is written."""

from __future__ import annotations

from netwright._errors import must_be
from netwright.methods.base import Method
from netwright.methods.supervised import Supervised
from netwright.methods.transfer.frozen_features import FrozenFeatures
from netwright.runs.recipe import Recipe
from netwright.workflow.loaders import PreparedLoaders
from netwright.workflow.prepare import Prepared

__all__ = ["refuse_augmentation"]


def refuse_augmentation(
    method: Method, *, prepared: Prepared | PreparedLoaders, recipe: Recipe
) -> None:
    """Let no augmentation be asked for that would do nothing or mean nothing.

    Raises:
        BadValue: several views of examples that are never augmented by us, or mixtures of targets
            that the output unit can't be asked for.
    """
    if isinstance(method, FrozenFeatures) and method.views > 1:
        _refuse_views(method.views, prepared=prepared, recipe=recipe)
    if isinstance(prepared, Prepared) and isinstance(method, Supervised):
        _refuse_mixing(method, prepared=prepared, recipe=recipe)


def _refuse_views(views: int, *, prepared: Prepared | PreparedLoaders, recipe: Recipe) -> None:
    if isinstance(prepared, PreparedLoaders):
        fix = "It does not say which example is which: leave it out, or give the data set itself."
        raise must_be("method.views", "1 for a loader of yours", views, fix)
    if not recipe.augment:
        fix = "Name one, for example: augment=[{name: flip}]."
        raise must_be("method.views", "1 without augmentation", views, fix)


def _refuse_mixing(method: Supervised, *, prepared: Prepared, recipe: Recipe) -> None:
    augment = prepared.augmentation(recipe)
    if augment is not None and augment.mixes and not method.unit.mixes:
        raise must_be(
            "augment",
            f"without mixup and cutmix for {type(method.unit).__name__}, whose targets have no "
            "meaning between two of them",
            [entry["name"] for entry in augment.recipe],
            "Those of binary, classes, multi-label and real have.",
        )
