"""The vision transformer."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import must_be
from netwright.models.image_size import ImageSize, height_and_width
from netwright.models.layers.attention import Attention

__all__ = ["ViT"]

_SIDE = 224  # of the paper's pictures
_EPSILON = 1e-6  # of the paper's own code, and of every set of weights since


class ViT(nn.Module):
    """A picture cut into square patches, each a word of a sentence that a transformer reads.

    A linear layer makes a token of each patch, a class token is put before them, each gets the
    learned vector of its place, and after `depth` blocks of attention and two linear layers the
    class token is read. The defaults are ViT-B/16; S/16 has width 384 and 6 heads, L/16 width 1024,
    depth 24 and 16 heads. What each token looked at: `explain.attention_maps`, and as one map
    `explain.attention_rollout`.

    When to use it: with pretrained weights or very many pictures. It must learn from the data what
    a convolution knows: that neighbours belong together, and that things may stand anywhere.

    Paper: An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale, 2020,
        https://arxiv.org/abs/2010.11929
    Differs: the head is the single linear layer with which the paper fine-tunes; its pretraining on
        ImageNet-21k has a hidden layer in between. Its head starts at zero, here near it, so that
        the layers below have a gradient in the first step. Pictures need not be square.

    Args:
        num_classes: scores an input, at least 1.
        in_channels: of the pictures.
        image_size: side, or (height, width), multiples of `patch`; None means 224. The places are
            learned for this size.
        patch: side of a patch in pixels.
        width: features of a token, a multiple of `heads`.
        depth: blocks, at least 1.
        heads: of each attention.
        mlp_width: between the two linear layers of a block; None for four times `width`.
        dropout: share of what is dropped in training behind every linear layer but those of
            queries, keys and values, and behind the sum with the places; in [0, 1).

    Example:
        >>> network = ViT(10, in_channels=1, image_size=28, patch=7, width=64, depth=2, heads=4)
        >>> network(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        num_classes: int,
        *,
        in_channels: int = 3,
        image_size: int | Sequence[int] | None = None,
        patch: int = 16,
        width: int = 768,
        depth: int = 12,
        heads: int = 12,
        mlp_width: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        rows, columns = _grid(_SIDE if image_size is None else image_size, patch=patch)
        hidden = 4 * width if mlp_width is None else mlp_width
        _check(depth=depth, mlp_width=hidden, dropout=dropout)
        self.size = rows * patch, columns * patch
        self.patches = nn.Conv2d(in_channels, width, patch, stride=patch)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.places = nn.Parameter(torch.empty(1, 1 + rows * columns, width))
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.Sequential(
            *(_Block(width, heads=heads, hidden=hidden, dropout=dropout) for _ in range(depth))
        )
        self.norm = nn.LayerNorm(width, eps=_EPSILON)
        self.head = nn.Linear(width, num_classes)
        self._begin()

    def forward(self, inputs: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """Raw scores of each class."""
        if tuple(inputs.shape[-2:]) != self.size:
            rule = f"pictures of {self.size[0]}×{self.size[1]}, whose places were learned"
            raise must_be("inputs", rule, tuple(inputs.shape))
        patches = self.patches(inputs).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.class_token.expand(len(inputs), -1, -1), patches], dim=1)
        tokens = self.norm(self.blocks(self.dropout(tokens + self.places)))
        return self.head(tokens[:, 0])  # type: ignore[no-any-return]

    def _begin(self) -> None:
        """Xavier's law, which the paper's own code has for all but the patches and the head."""
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                nn.init.xavier_uniform_(module.weight.flatten(1))
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        nn.init.normal_(self.places, std=0.02)
        nn.init.normal_(self.head.weight, std=0.02)  # the first scores are close to one another


class _Block(nn.Module):
    """Attention among all tokens, then two linear layers a token; both added to what came in."""

    def __init__(self, width: int, *, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=_EPSILON)
        self.attention = Attention(width, heads=heads)
        self.dropout = nn.Dropout(dropout)
        self.norm2 = nn.LayerNorm(width, eps=_EPSILON)
        self.each = nn.Sequential(
            nn.Linear(width, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, width),
            nn.Dropout(dropout),
        )

    def forward(self, tokens: Float[Tensor, "n t d"]) -> Float[Tensor, "n t d"]:
        normed = self.norm1(tokens)
        tokens = tokens + self.dropout(self.attention(normed, normed))
        return tokens + self.each(self.norm2(tokens))  # type: ignore[no-any-return]


def _grid(image_size: ImageSize, *, patch: int) -> tuple[int, int]:
    height, width = height_and_width(image_size)
    if patch < 1:
        raise must_be("patch", "at least 1", patch)
    if height % patch or width % patch:
        common = gcd(height, width)
        fitting = [str(side) for side in range(2, common) if common % side == 0]
        choice = f"Set patch to one of {', '.join(fitting)}" if fitting else "Resize the pictures"
        rule = f"a multiple of the patch ({patch}) for vit"
        raise must_be("image_size", rule, image_size, f"{choice}, or take another model.")
    return height // patch, width // patch


def _check(*, depth: int, mlp_width: int, dropout: float) -> None:
    for name, value in (("depth", depth), ("mlp_width", mlp_width)):
        if value < 1:
            raise must_be(name, "at least 1", value)
    if not 0 <= dropout < 1:
        raise must_be("dropout", "in [0, 1)", dropout)
