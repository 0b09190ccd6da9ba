"""Batch normalisation with statistics of its own for each domain."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from netwright._errors import must_be

__all__ = ["DomainBatchNorm", "in_domain", "per_domain"]


class DomainBatchNorm(nn.Module):
    """One batch normalisation a domain; a batch goes through that of its domain.

    When to use it: pictures from several cameras, hospitals, styles. What differs in mean and
    spread alone is taken out where it comes in, and all other weights are shared.

    Paper: Domain-Specific Batch Normalization for Unsupervised Domain Adaptation, 2019,
        https://arxiv.org/abs/1906.03950

    Args:
        norm: what each domain begins from (`nn.BatchNorm2d(64)`), its statistics included.
        domains: how many there are.

    Example:
        >>> layer = DomainBatchNorm(nn.BatchNorm2d(3), domains=2)
        >>> layer.domain = 1  # all of a network at once: in_domain(network, 1)
    """

    def __init__(self, norm: nn.Module, *, domains: int) -> None:
        super().__init__()
        if domains < 1:
            raise must_be("domains", "at least 1", domains)
        self.norms = nn.ModuleList(copy.deepcopy(norm) for _ in range(domains))
        self.domain = 0

    def forward(self, inputs: Float[Tensor, "n c ..."]) -> Float[Tensor, "n c ..."]:
        """The inputs, all of the present domain, normalised by it."""
        return self.norms[self.domain](inputs)  # type: ignore[no-any-return]


def per_domain(network: nn.Module, *, domains: int) -> nn.Module:
    """A copy of any network with batch norm per domain, each beginning from what there was.

    Trained on the first domain and then only shown another (`in_domain`, training mode, no step),
    its statistics become the other's: adaptive batch normalisation, without labels.

    Paper: Revisiting Batch Normalization For Practical Domain Adaptation, 2016,
        https://arxiv.org/abs/1603.04779

    Raises:
        BadValue: there is no batch normalisation in it.
    """
    changed = copy.deepcopy(network)
    if isinstance(changed, _BatchNorm):
        return DomainBatchNorm(changed, domains=domains)
    found = [
        (parent, name)
        for parent in changed.modules()
        for name, child in parent._modules.items()
        if isinstance(child, _BatchNorm)
    ]
    if not found:
        raise must_be("network", "one with batch normalisation", type(network).__name__)
    made: dict[int, DomainBatchNorm] = {}  # one that is used in two places stays one
    for parent, name in found:
        norm = getattr(parent, name)
        setattr(parent, name, made.setdefault(id(norm), DomainBatchNorm(norm, domains=domains)))
    return changed


@contextmanager
def in_domain(network: nn.Module, domain: int) -> Iterator[None]:
    """Within the block, what goes through `network` is of `domain`.

    Args:
        network: with `DomainBatchNorm` in it.
        domain: its number, from 0.

    Raises:
        BadValue: no such domain, or no `DomainBatchNorm`.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, DomainBatchNorm)]
    if not layers:
        raise must_be(
            "network", "one with batch norm per domain", type(network).__name__, "See per_domain."
        )
    least = min(len(layer.norms) for layer in layers)
    if not 0 <= domain < least:
        raise must_be("domain", f"from 0 to {least - 1}", domain)
    before = [layer.domain for layer in layers]
    for layer in layers:
        layer.domain = domain
    try:
        yield
    finally:
        for layer, known in zip(layers, before, strict=True):
            layer.domain = known
