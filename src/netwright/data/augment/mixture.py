"""Two examples in one, and targets that say how much of each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from netwright._errors import BadData, must_be
from netwright.data.augment.draws import Draws
from netwright.data.augment.objects import Objects

__all__ = ["Mixture", "beta_shares", "chosen", "mixed_targets"]

STEPS = 4096
"""Pieces of the inverse distribution; what is read between them is exact to 1e-3 and better."""


class Mixture(ABC):
    """How each of n pictures is mixed with its partner.

    Attributes:
        share: (n,) of the picture itself, from 0 to 1; 1 where it is not mixed.
    """

    share: Float[Tensor, "n"]

    @abstractmethod
    def where(self, mixed: Bool[Tensor, "n"]) -> Mixture:
        """The same for these, and nothing for the rest."""

    @abstractmethod
    def pictures(
        self, pictures: Shaped[Tensor, "n *rest"], partners: Shaped[Tensor, "n *rest"]
    ) -> Shaped[Tensor, "n *rest"]:
        """Pictures, or other inputs, with their partners."""

    @abstractmethod
    def planes(
        self, planes: Shaped[Tensor, "n *k h w"], partners: Shaped[Tensor, "n *k h w"]
    ) -> Shaped[Tensor, "n *k h w"]:
        """Targets of the pictures' size.

        Raises:
            BadData: there is no such mixture.
        """

    @abstractmethod
    def objects(self, own: Objects, partners: Objects) -> list[dict[str, Any]]:
        """Boxes, masks and labels of both."""


def chosen(draws: Draws, *, probability: float) -> Bool[Tensor, "n"]:
    """Which examples are mixed at all."""
    if not 0 <= probability <= 1:
        raise must_be("probability", "from 0 to 1", probability)
    return draws.uniform("whether") < probability


def beta_shares(draws: Draws, *, alpha: float) -> Float[Tensor, "n"]:
    """A number of Beta(alpha, alpha) for each example."""
    if not 0.01 <= alpha <= 100:
        raise must_be("alpha", "from 0.01 to 100", alpha, "1 draws every share alike.")
    place = draws.uniform("share") * STEPS
    low = place.long()
    quantiles = _quantiles(alpha, draws.index.device)
    return torch.lerp(quantiles[low], quantiles[low + 1], place - low)


@lru_cache(maxsize=8)
def _quantiles(alpha: float, device: torch.device) -> Float[Tensor, "steps"]:
    from scipy.special import betaincinv

    levels = torch.linspace(0, 1, STEPS + 1, dtype=torch.float64)
    return torch.from_numpy(betaincinv(alpha, alpha, levels.numpy())).float().to(device)


def mixed_targets(
    targets: Any, mixture: Mixture, *, partners: Any, share: Tensor, num_classes: int | None
) -> Any:
    """Targets of n examples mixed with those of their partners.

    Classes become probabilities, and numbers lie between both; what has the size of the picture is
    mixed as the picture is; boxes are those of both.

    Args:
        targets: of the examples.
        mixture: of the pictures.
        partners: their partners' targets, in the same form.
        share: (n,) of the example's own target.
        num_classes: of targets that are class indices; None takes whole numbers as they are.

    Raises:
        BadData: the mixture has no meaning for them.
    """
    if targets is None:
        return None
    if isinstance(targets, Mapping):
        return {
            name: mixed_targets(
                one, mixture, partners=partners[name], share=share, num_classes=num_classes
            )
            for name, one in targets.items()
        }  # fmt: skip
    if isinstance(targets, Sequence) and targets and isinstance(targets[0], Mapping):
        return mixture.objects(Objects.of(targets), Objects.of(partners))
    if not isinstance(targets, Tensor):
        raise must_be(
            "targets", "a tensor, or mappings of tensors, to be mixed", type(targets).__name__,
            error=BadData,
        )  # fmt: skip
    if targets.ndim >= 3:
        return mixture.planes(targets, partners)
    own, others = (_soft(values, num_classes=num_classes) for values in (targets, partners))
    weight = share.to(own.dtype).view(-1, *[1] * (own.ndim - 1))
    return torch.lerp(others, own, weight)


def _soft(targets: Tensor, *, num_classes: int | None) -> Float[Tensor, "n *k"]:
    if targets.is_floating_point():
        return targets
    if num_classes is None or targets.ndim != 1:
        return targets.float()
    return F.one_hot(targets.long(), num_classes).float()
