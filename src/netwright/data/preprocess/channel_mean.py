"""Each channel with mean 0."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor

from netwright.data.dataset import Samples
from netwright.data.preprocess.base import PicturePreprocess, channel_moments, picture_scale

__all__ = ["ChannelMean"]


class ChannelMean(PicturePreprocess):
    """Bring pictures to 0 to 1 and take off each channel's mean.

    When to use it: for networks in the manner of VGG, where contrast is to stay as it is.
    """

    name = "channel-mean"

    @classmethod
    def fit(cls, samples: Samples, index: Tensor) -> Self:
        """Mean over all pictures and pixels of the training split."""
        mean, _ = channel_moments(samples, index)
        return cls(
            scale=picture_scale(samples.take(index[:1])),
            mean=mean.float(),
            inverse_deviation=torch.ones(1, 1, 1),
        )
