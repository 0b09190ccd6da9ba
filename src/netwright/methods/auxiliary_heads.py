"""Classifiers halfway up a network learn along with the main one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from torch import nn

from netwright._errors import must_be
from netwright.methods.base import Loss
from netwright.methods.output_units.base import OutputUnit
from netwright.methods.supervised import Supervised, called, only
from netwright.models.auxiliary_scores import GivesAuxiliaryScores

if TYPE_CHECKING:
    from netwright.data.batch import Streams

__all__ = ["AuxiliaryHeads"]


class AuxiliaryHeads(Supervised):
    """The loss of the main classifier, and a share of that of each auxiliary one.

    The auxiliary classifiers bring the gradient to the lower layers on a short way, and ask of
    these that they tell the classes apart themselves. The main one alone predicts and is judged. In
    the record there are the mean losses `main`, `auxiliary_1`, `auxiliary_2`, ... with their
    weights, the lowest classifier first.

    When to use it: deep networks without normalisation, as GoogLeNet is. Batch normalisation and
    shortcuts bring the gradient down too.

    Paper: Going Deeper with Convolutions, 2014, https://arxiv.org/abs/1409.4842

    Args:
        model: with `auxiliary_scores` (`models.auxiliary_scores.GivesAuxiliaryScores`), such as
            `googlenet`.
        unit: what the scores mean, of all classifiers alike.
        auxiliary_weight: of the loss of each auxiliary classifier, at least 0; 1 is the main one's.

    Example:
        >>> from netwright.methods.output_units.catalogue import create
        >>> from netwright.models.classifiers.googlenet import GoogLeNet
        >>> unit = create("classes", names=("cat", "dog"), targets=None)
        >>> AuxiliaryHeads(GoogLeNet(2, image_size=32), unit).auxiliary_weight
        0.3
    """

    def __init__(
        self, model: nn.Module, unit: OutputUnit, *, auxiliary_weight: float = 0.3
    ) -> None:
        super().__init__(model, unit)
        if not isinstance(model, GivesAuxiliaryScores):
            raise must_be(
                "model",
                "one with auxiliary classifiers for auxiliary-heads",
                type(model).__name__,
                "Take model=googlenet, give yours a method auxiliary_scores(inputs) that gives the "
                "main scores and the others, or take method=supervised.",
            )
        if not (isinstance(auxiliary_weight, int | float) and 0 <= auxiliary_weight < math.inf):
            raise must_be("auxiliary_weight", "a finite number of at least 0", auxiliary_weight)
        self.auxiliary_weight = auxiliary_weight

    def loss(self, batch: Streams) -> Loss:
        """What the examples cost the main classifier, and a share of what they cost the others."""
        batch = only(batch)
        given = called(self.model.auxiliary_scores, batch.inputs)  # type: ignore[arg-type]
        if not isinstance(given, tuple | list) or len(given) < 2:
            count = len(given) if isinstance(given, tuple | list) else type(given).__name__
            rule = "one whose auxiliary_scores give the main scores and at least one more"
            raise must_be("model", rule, count, "Without auxiliaries take method=supervised.")
        main, *others = (self.cost(self.fitting(scores), batch) for scores in given)
        costs = {"main": main}
        costs |= {f"auxiliary_{place}": cost for place, cost in enumerate(others, start=1)}
        weights = {
            name: 1.0 if cost is main else self.auxiliary_weight for name, cost in costs.items()
        }
        return Loss(
            total=main.total + self.auxiliary_weight * sum(cost.total for cost in others),
            count=main.count,
            terms={name: (cost.total / cost.count).detach() for name, cost in costs.items()},
            term_weights=weights,
        )
