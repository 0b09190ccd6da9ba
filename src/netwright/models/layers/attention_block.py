"""Attention between the pixels of feature maps."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import must_be
from netwright.models.layers.attention import Attention
from netwright.models.layers.position import Position

__all__ = ["AttentionBlock"]


class AttentionBlock(nn.Module):
    """Every pixel asks all others; then two linear layers a pixel. Both are added to what came in.

    A 1x1 convolution brings the maps to `channels` first; layer norm stands before each branch.

    When to use it: small maps (the cost grows with the square of their pixels) in which far apart
    things belong together.

    Paper: Attention Is All You Need, 2017, https://arxiv.org/abs/1706.03762; the norm before:
        On Layer Normalization in the Transformer Architecture, 2020,
        https://arxiv.org/abs/2002.04745

    Args:
        channels_in: of what comes in.
        channels: of the output, a multiple of `heads`.
        position: what is known of places; of as many heads, and of the grid that comes in.
        heads: of the attention.
    """

    def __init__(
        self, channels_in: int, channels: int, *, position: Position, heads: int = 4
    ) -> None:
        super().__init__()
        self.project = nn.Conv2d(channels_in, channels, 1)
        self.position = position
        self.norm1 = nn.LayerNorm(channels)
        self.attention = Attention(channels, heads=heads)
        self.norm2 = nn.LayerNorm(channels)
        self.each = nn.Sequential(
            nn.Linear(channels, 2 * channels), nn.GELU(), nn.Linear(2 * channels, channels)
        )

    def forward(self, inputs: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d h w"]:
        """Maps of the same size."""
        grid = self.position.grid
        if grid is not None and tuple(inputs.shape[-2:]) != grid:
            raise must_be(
                "inputs",
                f"maps of {grid[0]}×{grid[1]}, whose places were learned",
                tuple(inputs.shape),
            )
        maps = self.project(inputs)
        tokens = self.position(maps.flatten(2).transpose(1, 2))
        normed = self.norm1(tokens)
        tokens = tokens + self.attention(normed, normed, bias=self.position.bias())
        tokens = tokens + self.each(self.norm2(tokens))
        return tokens.transpose(1, 2).reshape(maps.shape)  # type: ignore[no-any-return]
