"""A network of stacked cells, each cell a small graph of operations."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import must_be
from netwright.models.image_size import ImageSize, height_and_width
from netwright.models.layers.cell import Cell
from netwright.models.layers.residual_block import BasicBlock

__all__ = ["CellNetwork"]

STAGES = 3


class CellNetwork(nn.Module):
    """Three stages of equal cells with a residual block of stride 2 between them.

    A 3x3 stem, `cells` cells of `width` channels, a residual block that halves the picture and
    doubles the channels, as many cells, another such block, as many cells; the mean over what is
    left of the picture, and a linear layer. It bears any size. `netwright search` finds the cell.

    Paper: NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search, 2020,
        https://arxiv.org/abs/2001.00326
    Differs: one cell a stage and 8 channels where the paper has 5 and 16; the stem halves pictures
        of 24 pixels and more; the block between two stages is He's, its shortcut a 1x1 convolution
        of stride 2 with batch norm where the paper averages 2x2 pixels first, and the last scale
        of its branch starts at zero; edges on no way from a cell's input to its output are not
        made.

    Args:
        num_classes: scores an input, at least 1.
        in_channels: of the pictures.
        image_size: side, or (height, width); only chooses the stride of the stem.
        cell: operations of the edges 0→1, 0→2, 1→2, 0→3, …: zero, skip, conv-1x1, conv-3x3 or
            pool-3x3. As many as some number of nodes has: 1, 3, 6, 10.
        width: channels of the first stage; each later one has twice as many.
        cells: of each stage, at least 1.
        stem_stride: step of the first convolution; None takes 2 from 24 pixels on and where the
            size is not known, 1 below.

    Example:
        >>> import torch
        >>> network = CellNetwork(10, in_channels=1, cell=["conv-3x3", "skip", "conv-1x1"])
        >>> network(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        num_classes: int,
        *,
        in_channels: int = 3,
        image_size: ImageSize | None = None,
        cell: Sequence[str] = ("conv-3x3", "skip", "conv-3x3"),
        width: int = 8,
        cells: int = 1,
        stem_stride: int | None = None,
    ) -> None:
        super().__init__()
        for name, value in (("width", width), ("cells", cells), ("stem_stride", stem_stride or 1)):
            if value < 1:
                raise must_be(name, "at least 1", value)
        if stem_stride is None:
            small = image_size is not None and min(height_and_width(image_size)) < 24
            stem_stride = 1 if small else 2
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, width, 3, stride=stem_stride, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )
        self.body = nn.Sequential()
        for stage in range(STAGES):
            channels = width * 2**stage
            if stage:
                self.body.append(BasicBlock(channels // 2, channels, stride=2))
            self.body.extend(Cell(cell, channels=channels) for _ in range(cells))
        self.norm = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU())
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(channels, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, inputs: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """Raw scores of each class."""
        features = self.pool(self.norm(self.body(self.stem(inputs)))).flatten(1)
        return self.head(features)  # type: ignore[no-any-return]
