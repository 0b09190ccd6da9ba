"""The signal of a recipe's network before its first step."""

from __future__ import annotations

from torch import Tensor

from netwright import _random
from netwright._errors import must_be
from netwright.data.batch import Batch
from netwright.data.source import Position
from netwright.methods.base import Method
from netwright.methods.supervised import Supervised
from netwright.probes.signal import Signal, signal_propagation
from netwright.runs.recipe import Recipe
from netwright.workflow.session import Given, open_session

__all__ = ["first_signal"]


def first_signal(recipe: Recipe) -> Signal:
    """What the first batch of a run and the gradient of its loss are at every layer.

    Args:
        recipe: whole or in part.
    """
    with _random.isolated():
        session = open_session(recipe, Given())
        method = _supervised(session.method)
        source = session.prepared.train_source(session.recipe)
        batch = source.next(Position(0, 0))
        if not (isinstance(batch, Batch) and isinstance(batch.targets, Tensor)):
            raise must_be("data", "one stream with targets to learn", session.name)
        targets = batch.targets

        def loss(scores: Tensor) -> Tensor:
            wide = scores[:, None] if scores.ndim == 1 else scores
            return method.unit.total(wide, targets) / len(targets)

        return signal_propagation(method.model, batch.inputs, loss=loss)


def _supervised(method: Method) -> Supervised:
    if not isinstance(method, Supervised):
        raise must_be(
            "method",
            "supervised for its signal to be shown",
            type(method).__name__,
            "In Python: netwright.signal_propagation(model, batch, loss=...).",
        )
    return method
