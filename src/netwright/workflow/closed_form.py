"""Recipes of methods that solve instead of descending."""

from __future__ import annotations

from netwright._errors import must_be
from netwright.methods.base import Method
from netwright.runs.recipe import Recipe

__all__ = ["is_closed_form", "without_descent"]


def is_closed_form(method: Method) -> bool:
    """Whether none of its stages takes steps."""
    return all(stage.fit is not None for stage in method.stages())


def without_descent(asked: Recipe, completed: Recipe) -> Recipe:
    """The completed recipe without what only a descent has.

    Args:
        asked: as it was written.
        completed: with defaults in place of what it leaves out.

    Raises:
        BadValue: it asks for such a thing, which would be ignored.
    """
    training = asked.training
    wishes = {
        "optimizer": asked.optimizer,
        "schedule": asked.schedule,
        "training.epochs": None if training.epochs == 1 else training.epochs,
        "training.micro_batch_size": training.micro_batch_size,
        "training.clip_norm": training.clip_norm,
        "training.clip_value": training.clip_value,
        "training.gradient_noise": training.gradient_noise,
        "training.ema_decay": training.ema_decay,
        "training.swa_start": training.swa_start,
        "training.restarts": None if training.restarts == 1 else training.restarts,
        "training.early_stopping": training.early_stopping,
        "training.compile": training.compile or None,
    }
    told = [field for field, wish in wishes.items() if wish is not None]
    if told:
        raise must_be(
            "recipe",
            f"silent on descent with the method {completed.method.name}, which takes no steps",
            ", ".join(told),
            "Leave it out, or take method=supervised.",
        )
    update = {"epochs": 1, "record_every": 1, "snapshot_every": 1}
    return completed.model_copy(
        update={
            "optimizer": None,
            "schedule": None,
            "training": completed.training.model_copy(update=update),
        }
    )
