"""Every example a blend of two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from netwright._errors import BadData, must_be
from netwright.data.augment.draws import Draws
from netwright.data.augment.mixture import Mixture, beta_shares, chosen
from netwright.data.augment.objects import Objects

__all__ = ["Blend", "mixup"]


def mixup(
    size: Sequence[int], draws: Draws, *, alpha: float = 0.2, probability: float = 1.0
) -> Blend:
    """Blend each example with another one, and its target with the other's by the same share.

    When to use it: few examples of classes, or a network that is too sure of itself. The training
    loss then stays above what the network could reach: its targets are uncertain themselves.

    Paper: mixup: Beyond empirical risk minimization, Zhang, Cisse, Dauphin and Lopez-Paz 2018,
        https://arxiv.org/abs/1710.09412
    Differs: each example has a share and a partner of its own, where the paper's code draws one
        share a batch.

    Args:
        size: of the pictures, which does not matter here.
        draws: their random numbers.
        alpha: of the share's law Beta(alpha, alpha), from 0.01 to 100: small ones leave most
            examples nearly as they are.
        probability: share of the examples that are blended, from 0 to 1.
    """
    which = chosen(draws, probability=probability)
    return Blend(torch.where(which, beta_shares(draws, alpha=alpha), 1.0))


@dataclass(frozen=True)
class Blend(Mixture):
    """A weighted mean; see `Mixture`."""

    share: Float[Tensor, "n"]

    def where(self, mixed: Bool[Tensor, "n"]) -> Blend:
        """See `Mixture.where`."""
        return Blend(torch.where(mixed, self.share, 1.0))

    def pictures(
        self, pictures: Shaped[Tensor, "n *rest"], partners: Shaped[Tensor, "n *rest"]
    ) -> Shaped[Tensor, "n *rest"]:
        """See `Mixture.pictures`; bytes are rounded."""
        share = self.share.view(-1, *[1] * (pictures.ndim - 1))
        if pictures.is_floating_point():
            return torch.lerp(partners, pictures, share.to(pictures.dtype))
        return torch.lerp(partners.float(), pictures.float(), share).round_().to(pictures.dtype)

    def planes(
        self, planes: Shaped[Tensor, "n *k h w"], partners: Shaped[Tensor, "n *k h w"]
    ) -> Shaped[Tensor, "n *k h w"]:
        """See `Mixture.planes`: pictures to be answered with are blended, masks are refused."""
        if not planes.is_floating_point():
            raise must_be(
                "targets", "other than masks for mixup, whose pixels are of two classes at once",
                tuple(planes.shape), "cutmix keeps every pixel of one class.", error=BadData,
            )  # fmt: skip
        return self.pictures(planes, partners)

    def objects(self, own: Objects, partners: Objects) -> list[dict[str, Any]]:
        """Those of both pictures, all counting in full; nothing of a partner that has no share."""
        if own.planes:
            raise must_be(
                "targets", "without a mask of classes for mixup", list(own.planes),
                "cutmix keeps every pixel of one class.", error=BadData,
            )  # fmt: skip
        mixed = self.share < 1
        all_of_them = torch.ones_like(own.picture, dtype=torch.bool)
        return own.joined(partners, kept=torch.cat([all_of_them, mixed[partners.picture]]))
