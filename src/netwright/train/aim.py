"""What a phase updates, and how far at most."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from netwright._errors import must_be
from netwright.train.optimizers.direct import Direct
from netwright.train.optimizers.reevaluating import reevaluates

__all__ = ["Aim", "Clipping"]


@dataclass(frozen=True, kw_only=True)
class Clipping:
    """How gradients are kept small before a step.

    Attributes:
        norm: gradients of a phase are rescaled together to at most this Euclidean norm.
        value: each entry is clamped to ± this.
    """

    norm: float | None = None
    value: float | None = None

    def __post_init__(self) -> None:
        for name, bound in (("clip_norm", self.norm), ("clip_value", self.value)):
            if bound is not None and not bound > 0:
                raise must_be(name, "above 0", bound, "Leave it out for no clipping.")


@dataclass(frozen=True)
class Aim:
    """What a phase updates, gathered once.

    Attributes:
        optimizers: of the phase.
        parameters: of all of them.
        steps: one for each optimiser.
        reevaluates: whether they take the gradient again.
        together: whether all parameters are on one device.
    """

    optimizers: Sequence[torch.optim.Optimizer]
    parameters: Sequence[Tensor]
    steps: Sequence[Callable[[], None]]
    reevaluates: bool
    together: bool

    @classmethod
    def at(cls, optimizers: Sequence[torch.optim.Optimizer]) -> Aim:
        """Gather it."""
        parameters = [p for o in optimizers for group in o.param_groups for p in group["params"]]
        return cls(
            optimizers,
            parameters,
            [Direct(optimizer).step for optimizer in optimizers],
            any(map(reevaluates, optimizers)),
            len({parameter.device for parameter in parameters}) == 1,
        )

    def gradients(self) -> list[Tensor]:
        """Those that are there."""
        return [parameter.grad for parameter in self.parameters if parameter.grad is not None]

    def gradient_norm(self) -> Tensor:
        """Of all together; torch's own sorts them by device first, which costs."""
        gradients = self.gradients()
        if not gradients or not self.together:
            return torch.nn.utils.get_total_norm(gradients)
        norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        return norm
