"""Several trained methods that answer together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from netwright._errors import must_be, offenders
from netwright.methods.base import Method, Phase, Stage, evaluating
from netwright.metrics.base import Metric, Prediction

__all__ = ["Ensemble", "Member", "combined"]


class Member(nn.Module):
    """A trained method with what brings raw inputs to it.

    Args:
        preprocess: from raw inputs to what the method takes.
        method: trained.
    """

    def __init__(self, preprocess: nn.Module, method: Method) -> None:
        super().__init__()
        self.preprocess = preprocess
        self.method = method

    def predict(self, raw: Any) -> Prediction:
        """Answer for raw inputs (n, ...)."""
        return self.method.predict(self.preprocess(raw))


class Ensemble(Method):
    """The mean of what its members answer; it has nothing left to learn.

    Members may be of different architectures and preprocessings; they take the same raw inputs.

    Paper: Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles,
        Lakshminarayanan, Pritzel and Blundell 2017, https://arxiv.org/abs/1612.01474
    Differs: no adversarial training; the members differ by their seeds, their architectures or
        the time at which they were taken.

    Args:
        members: at least one.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        super().__init__()
        if not members:
            raise must_be("members", "at least one", [])
        self.members = nn.ModuleList(members)

    def stages(self) -> Sequence[Stage]:
        """None: the members have learned."""
        return ()

    def phases(self, stage: Stage) -> Sequence[Phase]:
        """None: the members have learned."""
        return ()

    def predict(self, inputs: Any) -> Prediction:
        """See `combined`."""
        return combined(self.each(inputs))

    def each(self, inputs: Any) -> list[Prediction]:
        """What every member answers for raw inputs."""
        with evaluating(self):
            return [member.predict(inputs) for member in self._members()]

    def metrics(self) -> Mapping[str, Metric]:
        """Those of the first member."""
        return self._members()[0].method.judged_by()

    def _members(self) -> list[Member]:
        return [member for member in self.members if isinstance(member, Member)]


def combined(predictions: Sequence[Prediction]) -> Prediction:
    """One answer out of several for the same n examples.

    Probabilities are averaged and the answer follows from their mean; numbers are averaged; classes
    without probabilities are voted on, and a tie goes to the class of the lowest number. Deviations
    become those of the members' laws mixed: their own, and how far the means lie apart.

    Args:
        predictions: of one kind, each for all examples.

    Returns:
        A prediction that has logits only where there are no probabilities, and classes are ranked
        by margins: the mean law has no network that gave it.

    Raises:
        BadValue: they don't fit together.

    Example:
        >>> sure = Prediction(outputs=torch.tensor([0]), probabilities=torch.tensor([[0.9, 0.1]]))
        >>> unsure = Prediction(outputs=torch.tensor([1]), probabilities=torch.tensor([[0.4, 0.6]]))
        >>> combined([sure, unsure]).outputs
        tensor([0])
    """
    outputs = _stacked([one.outputs for one in predictions], called="answers")
    laws = [one.probabilities for one in predictions if one.probabilities is not None]
    if laws and len(laws) < len(predictions):
        raise must_be("members", "all with probabilities or all without", f"{len(laws)} with")
    law = _stacked(laws, called="probabilities").mean(dim=0) if laws else None
    if law is None and not outputs.is_floating_point():
        return Prediction(outputs=_voted(outputs), logits=_margins(predictions))
    decided = outputs.mean(dim=0) if law is None else _decided(outputs, law)
    return Prediction(outputs=decided, probabilities=law, deviations=_spread(predictions))


def _stacked(parts: Sequence[Any], *, called: str) -> Tensor:
    """What all members say, one after another.

    Raises:
        BadValue: it is no tensors, or not of one shape.
    """
    strange = {type(one).__name__ for one in parts if not isinstance(one, Tensor)}
    if strange:
        fix = "Boxes, texts and other lists have no mean."
        raise must_be("members", f"methods whose {called} are tensors", offenders(strange), fix)
    shapes = sorted({tuple(one.shape) for one in parts})
    if len(shapes) > 1:
        raise must_be("members", f"alike in the shape of their {called}", offenders(shapes))
    return torch.stack(list(parts))


def _margins(predictions: Sequence[Prediction]) -> Tensor | None:
    """The mean of the members' margins, where all have them."""
    own = [one.logits for one in predictions if one.logits is not None]
    alike = len(own) == len(predictions) and len({one.shape for one in own}) == 1
    return torch.stack(own).mean(dim=0) if alike else None


def _decided(outputs: Tensor, law: Tensor) -> Tensor:
    """The answer that the mean law gives; numbers that have a law stay the mean of numbers."""
    like = outputs[0]
    if law.shape == like.shape:  # of yes, or of each label
        return (law > 0.5).to(like.dtype)
    if like.is_floating_point():
        return outputs.mean(dim=0)
    by_class = 1 if law.shape[:1] + law.shape[2:] == like.shape else -1
    return law.argmax(dim=by_class)


def _spread(predictions: Sequence[Prediction]) -> Tensor | None:
    """The standard deviation of the members' laws mixed: their own, and how far they disagree."""
    own = [one.deviations for one in predictions if one.deviations is not None]
    if len(own) < len(predictions):
        return None
    disagreement = torch.stack([one.outputs for one in predictions]).var(dim=0, correction=0)
    return (torch.stack(own).square().mean(dim=0) + disagreement).sqrt()


def _voted(votes: Tensor) -> Tensor:
    """(m, n, ...) classes → the commonest of each place."""
    return nn.functional.one_hot(votes).sum(dim=0).argmax(dim=-1)
