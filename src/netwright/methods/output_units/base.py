"""The contract of an output unit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from netwright._errors import BadData, must_be
from netwright.metrics.base import Metric, Prediction

__all__ = ["OutputUnit", "checked_smoothing", "class_indices", "class_shares", "label_shares"]


class OutputUnit(nn.Module, ABC):
    """What a network's raw scores mean for one kind of target.

    What a unit has learned from the training targets is in its `state_dict`; one made without
    targets is complete once that is loaded.

    Attributes:
        target: the kind of target it serves.
        names: of classes, labels or target columns.
        width: how many raw scores an example the network must give.
        mixes: whether what lies between two targets is a target too, which costs what lies between
            their costs, but for a constant: `mixup` and `cutmix` need that.
    """

    target: ClassVar[str]
    mixes: ClassVar[bool] = False

    def __init__(self, *, names: tuple[str, ...], width: int) -> None:
        super().__init__()
        self.names = tuple(names)
        self.width = width

    @abstractmethod
    def loss(
        self, scores: Float[Tensor, "n width"], targets: Shaped[Tensor, "n ..."]
    ) -> Float[Tensor, "n"]:
        """What each example costs."""

    def total(
        self, scores: Float[Tensor, "n width"], targets: Shaped[Tensor, "n ..."]
    ) -> Float[Tensor, ""]:
        """What all examples cost together; for units that can say so in one operation."""
        return self.loss(scores, targets).sum()

    @abstractmethod
    def predict(self, scores: Float[Tensor, "n width"]) -> Prediction:
        """The answer in the target's own terms."""

    @abstractmethod
    def metrics(self) -> dict[str, Metric]:
        """Fresh metrics, the first being the one to select by."""

    @abstractmethod
    def prior_bias(self, targets: Shaped[Tensor, "n ..."]) -> Float[Tensor, "width"]:
        """The best constant scores for these targets: where the last layer's bias should start."""

    def prior_loss(self, targets: Shaped[Tensor, "n ..."]) -> float:
        """The mean loss of the best constant answer: what a network must beat.

        With the log-likelihood of classes this is the entropy of the prior.
        """
        with torch.no_grad():
            scores = self.prior_bias(targets).expand(len(targets), self.width)
            return float(self.loss(scores, targets).mean())


def class_indices(targets: Tensor, *, num_classes: int) -> Tensor:
    """The targets, once it is sure that they are places in a list of classes.

    Raises:
        BadData: other numbers among them.
    """
    wrong = (targets < 0) | (targets >= num_classes)
    if targets.ndim != 1 or targets.is_floating_point() or bool(wrong.any()):
        found = sorted(set(targets[wrong].tolist()))[:10] if bool(wrong.any()) else targets.dtype
        raise BadData(
            f"targets must be class indices (n,) from 0 to {num_classes - 1}, got {found} in shape "
            f"{tuple(targets.shape)}. There are {num_classes} names; number the classes from 0."
        )
    return targets


def class_shares(targets: Tensor, *, num_classes: int) -> Float[Tensor, "k"]:
    """How often each class occurs; one that doesn't counts as half an example, not as none."""
    if targets.ndim == 2:
        counts = targets.double().sum(dim=0)
    else:
        counts = class_indices(targets, num_classes=num_classes).bincount(minlength=num_classes)
    floored = counts.double().clamp(min=0.5)
    return floored / floored.sum()


def checked_smoothing(label_smoothing: float) -> float:
    """A label smoothing that leaves something of the label."""
    if not 0 <= label_smoothing < 1:
        raise must_be("label_smoothing", "in [0, 1)", label_smoothing, "0.1 is usual.")
    return label_smoothing


def label_shares(targets: Tensor) -> Float[Tensor, "k"]:
    """How often each of k labels is set; never or always counts as half an example off."""
    floor = 0.5 / len(targets)
    return targets.double().mean(dim=0).clamp(min=floor, max=1 - floor)
