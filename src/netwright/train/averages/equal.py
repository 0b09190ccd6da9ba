"""The plain mean of the weights that the last epochs ended with.

Paper: Averaging Weights Leads to Wider Optima and Better Generalization, Izmailov et al. 2018,
    https://arxiv.org/abs/1803.05407
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from netwright._errors import must_be
from netwright.data.batch import Streams
from netwright.methods.base import Method, Phase
from netwright.train.averages.base import WeightAverage

__all__ = ["EqualAverage", "refresh_statistics"]


class EqualAverage(WeightAverage):
    """Stochastic weight averaging: each epoch's end counts alike, from a share of the stage on.

    Learning rates that stay high there (`constant`, or a schedule whose `final` is no small one)
    keep the weights moving around what their mean comes near to.

    Differs: the learning rate is the schedule's business. What batch normalisation has gathered is
        averaged too, for the validations on the way; `refresh_statistics` measures it at the end.

    Args:
        module: whose weights are averaged.
        start: share of the stage from which on they are, from 0 to below 1.
    """

    def __init__(self, module: nn.Module, *, start: float) -> None:
        if not 0 <= start < 1:
            raise must_be(
                "swa_start", "from 0 to below 1", start, "0.75 averages the last quarter."
            )
        super().__init__(module)
        self.start = start

    @property
    def weights(self) -> dict[str, Tensor]:
        """The mean; the module's own weights as long as there is none."""
        return self._average if self.steps else dict(self._module.state_dict())

    @property
    def statistics_are_stale(self) -> bool:
        """See `WeightAverage.statistics_are_stale`."""
        return self.steps > 0

    def afresh(self) -> Self:
        """See `WeightAverage.afresh`."""
        return type(self)(self._module, start=self.start)

    def epoch_ended(self, share: float) -> None:
        """Take in the present weights, once enough of the stage is done."""
        if share > self.start:
            self._take_in(1 / (self.steps + 1))


def refresh_statistics(method: Method, phase: Phase, *, batches: Iterable[Streams]) -> None:
    """Measure anew what batch normalisation gathers: no network of the way gathered the mean's.

    Args:
        method: holds the averaged weights.
        phase: whose loss takes the batches through it.
        batches: a pass over the training examples.
    """
    from torch.optim.swa_utils import update_bn

    if any(isinstance(module, _BatchNorm) for module in method.modules()):
        update_bn(batches, _Costing(method, phase))


class _Costing(nn.Module):
    def __init__(self, method: Method, phase: Phase) -> None:
        super().__init__()
        self.method = method
        self._loss = phase.loss

    def forward(self, streams: Streams) -> None:
        self._loss(streams)
