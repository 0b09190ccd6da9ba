"""Each channel with mean 0 and variance 1."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor

from netwright.data.dataset import Samples
from netwright.data.preprocess.base import PicturePreprocess, channel_moments, picture_scale

__all__ = ["ChannelMeanStd"]


class ChannelMeanStd(PicturePreprocess):
    """Take off each channel's mean and divide by its standard deviation.

    When to use it: the default for pictures; it brings the inputs to the scale that
    initialisations are made for.
    """

    name = "channel-mean-std"

    @classmethod
    def fit(cls, samples: Samples, index: Tensor) -> Self:
        """Mean and deviation over all pictures and pixels of the training split."""
        mean, variance = channel_moments(samples, index)
        # below this a channel of one value differs from 0 by rounding only
        varies = variance > (torch.finfo(torch.float64).eps * mean.abs()).square() * 1e4
        inverse = torch.where(varies, variance, torch.inf).rsqrt()
        return cls(
            scale=picture_scale(samples.take(index[:1])),
            mean=mean.float(),
            inverse_deviation=inverse.float(),
        )
