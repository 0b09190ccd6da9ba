"""Every pixel with mean 0."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor

from netwright.data.dataset import Samples
from netwright.data.preprocess.base import PicturePreprocess, chunks, picture_scale

__all__ = ["MeanPicture"]


class MeanPicture(PicturePreprocess):
    """Bring pictures to 0 to 1 and take off the mean picture.

    When to use it: for pictures of one size whose subject is always in the same place; in the
    manner of AlexNet.
    """

    name = "mean-picture"

    @classmethod
    def fit(cls, samples: Samples, index: Tensor) -> Self:
        """Mean over the pictures of the training split, pixel by pixel."""
        scale = picture_scale(samples.take(index[:1]))
        total = sum(raw.sum(0, dtype=torch.float64) for raw in chunks(samples, index))
        mean = torch.as_tensor(total) / len(index) * float(scale)
        return cls(scale=scale, mean=mean.float(), inverse_deviation=torch.ones(1, 1, 1))
