"""Capsules with routing by agreement."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import must_be
from netwright.models.image_size import at_least
from netwright.models.layers.capsule_routing import route, squash

__all__ = ["CapsNet", "ClassCapsules", "PrimaryCapsules"]

_SPREAD = 0.1  # of the weights between capsules at the start


class CapsNet(nn.Module):
    """A convolution, capsules of it, and one capsule a class, whose length says that it is there.

    Train it with the method `capsules`: its margin loss and reconstruction are the paper's. Its
    scores suit any other method too, for a score is the log-odds of a length: 2 log |s| of what a
    capsule adds up before it is squashed, so that sigmoid(score) is the length exactly.

    Paper: Dynamic Routing Between Capsules, Sabour, Frosst and Hinton 2017,
        https://arxiv.org/abs/1710.09829
    Differs: the paper does not say whether gradients go through the couplings; they do here,
        through all rounds. The decoder is the method's. At 28×28 pixels of one channel and ten
        classes it has the paper's 6.8 million parameters, 6,804,224.

    Args:
        num_classes: capsules at the top, at least 1.
        in_channels: of the pictures.
        image_size: side, or (height, width), of the pictures; at least 2 · kernel_size − 1, 17 with
            the paper's kernels; None means 28.
        channels: of the first convolution.
        maps: kinds of primary capsules; there is one of each at every place.
        dimensions: coordinates of a primary capsule.
        class_dimensions: coordinates of a class's capsule.
        kernel_size: of both convolutions, the second of which has stride 2.
        routings: rounds of routing.

    Attributes:
        picture_shape: (c, h, w) of what it takes.
        capsule_shape: (k, e) of what `capsules` gives for one picture.

    Example:
        >>> network = CapsNet(10, in_channels=1, channels=8, maps=2)
        >>> network.capsules(torch.zeros(3, 1, 28, 28)).shape
        torch.Size([3, 10, 16])
    """

    def __init__(
        self,
        num_classes: int,
        *,
        in_channels: int = 3,
        image_size: int | Sequence[int] | None = None,
        channels: int = 256,
        maps: int = 32,
        dimensions: int = 8,
        class_dimensions: int = 16,
        kernel_size: int = 9,
        routings: int = 3,
    ) -> None:
        super().__init__()
        counts = {
            "channels": channels,
            "maps": maps,
            "dimensions": dimensions,
            "class_dimensions": class_dimensions,
            "kernel_size": kernel_size,
            "routings": routings,
        }
        for name, count in counts.items():
            if not isinstance(count, int) or isinstance(count, bool) or count < 1:
                raise must_be(name, "a whole number of at least 1", count)
        size = 28 if image_size is None else image_size
        self.image_size = at_least(2 * kernel_size - 1, size, model="capsnet")
        self.picture_shape = (in_channels, *self.image_size)
        self.capsule_shape = (num_classes, class_dimensions)
        height, width = ((side - 2 * kernel_size + 1) // 2 + 1 for side in self.image_size)
        self.features = nn.Sequential(nn.Conv2d(in_channels, channels, kernel_size), nn.ReLU())
        self.primary = PrimaryCapsules(channels, maps, dimensions=dimensions, kernel=kernel_size)
        self.classes = ClassCapsules(
            num_classes,
            inputs=maps * height * width,
            in_dimensions=dimensions,
            dimensions=class_dimensions,
            routings=routings,
        )

    def forward(self, inputs: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """The log-odds of each class's length."""
        return self.scores(self.arriving(inputs))

    def capsules(self, inputs: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k e"]:
        """The vector of each class, not longer than 1: its length says whether, the rest how."""
        return squash(self.arriving(inputs))

    def arriving(self, inputs: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k e"]:
        """What each class's capsule adds up, before it is squashed."""
        if tuple(inputs.shape[2:]) != self.image_size:
            got, fix = tuple(inputs.shape[2:]), "Make it with image_size=(height, width)."
            rule = f"pictures of {self.image_size} pixels, for which capsnet was made"
            raise must_be("inputs", rule, got, fix)
        below: Tensor = self.primary(self.features(inputs))
        return self.classes(below)  # type: ignore[no-any-return]

    @staticmethod
    def scores(arriving: Float[Tensor, "n k e"]) -> Float[Tensor, "n k"]:
        """Log |s|², whose sigmoid is |s|² / (1 + |s|²), the length of the squashed s."""
        return arriving.square().sum(dim=-1).clamp(min=torch.finfo(arriving.dtype).tiny).log()


class PrimaryCapsules(nn.Module):
    """A convolution of stride 2, whose channels are grouped into vectors and squashed.

    Args:
        in_channels: of the maps below.
        maps: kinds of capsules.
        dimensions: coordinates of each.
        kernel: side of the convolution.
    """

    def __init__(self, in_channels: int, maps: int, *, dimensions: int, kernel: int) -> None:
        super().__init__()
        self.dimensions = dimensions
        self.convolution = nn.Conv2d(in_channels, maps * dimensions, kernel, stride=2)

    def forward(self, inputs: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d i"]:
        """Places last, so that what all coordinates of a capsule share is spread over them fast."""
        found: Tensor = self.convolution(inputs)
        raised = found.to(torch.promote_types(found.dtype, torch.float32))
        return squash(raised.reshape(len(found), self.dimensions, -1), dim=1)


class ClassCapsules(nn.Module):
    """One capsule a class, fed from all capsules below by agreement.

    Args:
        num_classes: capsules.
        inputs: capsules below.
        in_dimensions: coordinates of each of those.
        dimensions: coordinates of a class's capsule.
        routings: rounds.
    """

    def __init__(
        self, num_classes: int, *, inputs: int, in_dimensions: int, dimensions: int, routings: int
    ) -> None:
        super().__init__()
        self.routings = routings
        start = torch.randn(num_classes, in_dimensions, inputs, dimensions) * _SPREAD
        self.weight = nn.Parameter(start)

    def forward(self, capsules: Float[Tensor, "n d i"]) -> Float[Tensor, "n k e"]:
        """What arrives at each class; in full precision, for couplings are differences of sums."""
        with torch.autocast(capsules.device.type, enabled=False):
            return route(capsules, self.weight.to(capsules.dtype), routings=self.routings)

    def extra_repr(self) -> str:
        """Its sizes, as other layers show theirs."""
        k, d, i, e = self.weight.shape
        return f"{i} of {d} → {k} of {e}, routings={self.routings}"
