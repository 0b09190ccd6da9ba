"""Attention of several heads."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import must_be

__all__ = ["Attention"]


class Attention(nn.Module):
    """Each query looks at all of a memory and takes the values whose keys fit it best.

    Queries come from the first argument, keys and values from the second: the same twice is
    self-attention. With m heads and d features all three are (n, m, length, d / m), and the answer
    of a head is softmax(q kᵀ / √(d / m) + bias) v. It says nothing of positions: exchanged tokens
    give exchanged answers, unless positions are added to the tokens (`AbsolutePosition`) or given
    as a bias (`RelativePosition`).

    Paper: Attention Is All You Need, 2017, https://arxiv.org/abs/1706.03762

    Args:
        features: of a token, a multiple of `heads`.
        heads: how many looks are taken side by side.

    Example:
        >>> import torch
        >>> tokens = torch.zeros(2, 5, 16)
        >>> Attention(16)(tokens, tokens).shape
        torch.Size([2, 5, 16])
    """

    def __init__(self, features: int, *, heads: int = 4) -> None:
        super().__init__()
        if heads < 1 or features < 1 or features % heads:
            raise must_be("features", f"a positive multiple of heads ({heads})", features)
        self.heads = heads
        self.query = nn.Linear(features, features)
        self.key = nn.Linear(features, features)
        self.value = nn.Linear(features, features)
        self.out = nn.Linear(features, features)

    def forward(
        self,
        tokens: Float[Tensor, "n t d"],
        memory: Float[Tensor, "n s d"],
        *,
        bias: Float[Tensor, "m t s"] | None = None,
    ) -> Float[Tensor, "n t d"]:
        """What each token takes from the memory.

        Args:
            tokens: that ask.
            memory: that is asked.
            bias: added to how well each key fits each query, head by head.
        """
        query = self._split(self.query(tokens))
        key, value = self._split(self.key(memory)), self._split(self.value(memory))
        mask = None if bias is None else bias.to(query.dtype)
        found = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self.out(found.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

    def _split(self, features: Float[Tensor, "n t d"]) -> Float[Tensor, "n m t e"]:
        return features.reshape(*features.shape[:2], self.heads, -1).transpose(1, 2)
