"""Local response normalisation, in the numbers of the paper."""

from __future__ import annotations

from torch import nn

__all__ = ["local_response_norm"]


def local_response_norm(
    *, channels: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 2.0
) -> nn.LocalResponseNorm:
    """Torch's layer, dividing each unit by (k + α Σ x²)^β over the channels around it.

    When to use it: to rebuild AlexNet. Batch normalisation has taken its place since.

    Paper: ImageNet Classification with Deep Convolutional Neural Networks, 2012,
        https://doi.org/10.1145/3065386
    Differs: not at all; but torch takes the mean of the squares where the paper takes their sum, so
        that the paper's α of 1e-4 is torch's 5e-4.

    Args:
        channels: how many neighbours are summed over, the unit itself among them.
        alpha: weight of the sum.
        beta: power of the divisor.
        k: what the divisor begins at.

    Example:
        >>> local_response_norm()
        LocalResponseNorm(5, alpha=0.0005, beta=0.75, k=2.0)
    """
    return nn.LocalResponseNorm(channels, alpha=alpha * channels, beta=beta, k=k)
