"""The starts that a recipe asks for, each from weights of its own."""

from __future__ import annotations

from netwright import _random
from netwright._errors import must_be
from netwright.methods.base import Method
from netwright.train.random_restarts import RandomRestarts
from netwright.workflow.build import GIVEN, build_method
from netwright.workflow.initialising import start_weights
from netwright.workflow.session import Session
from netwright.workflow.starting_weights import begin_from_weights
from netwright.workflow.teachers import taught

__all__ = ["restarts_of"]


def restarts_of(session: Session) -> RandomRestarts | None:
    """What makes the weights of each start; None where there is one.

    Raises:
        BadValue: the network was given as an object, which can't be made again.
    """
    recipe, prepared = session.recipe, session.prepared
    count = recipe.training.restarts
    if count == 1:
        return None
    if any(part is not None and part.name == GIVEN for part in (recipe.model, recipe.method)):
        raise must_be(
            "training.restarts",
            "1 with a model or method given as an object",
            count,
            "Name it, so that it can be made again: model=my.py:Net.",
        )

    def make(number: int) -> Method:
        seed = _random.derive(recipe.seed, "start", number)
        seeded = recipe.model_copy(update={"seed": seed})
        task = taught(prepared.task, seeded, prepared=prepared)
        method = build_method(seeded, task=task, input_shape=prepared.input_shape)
        begin_from_weights(method, seeded, example=prepared.example)
        start_weights(method, seeded, prepared=prepared)
        return method

    return RandomRestarts(count, make=make)
