"""Attention roll-out: from which places the class token draws, over all layers."""

from __future__ import annotations

from functools import reduce

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import must_be
from netwright.explain.attention_maps import seen_attention
from netwright.explain.inside.examined import examined
from netwright.explain.inside.maps import enlarged
from netwright.explain.inside.places import PlacesSeen, pictures
from netwright.explain.inside.target import Target, scores

__all__ = ["attention_rollout"]


def attention_rollout(
    model: nn.Module,
    inputs: Float[Tensor, "n c h w"],
    *,
    target: Target = None,
    size: tuple[int, int] | None = None,
) -> Float[Tensor, "n height width"]:
    """The attentions of all layers, with the shortcut around each, multiplied into one map.

    Each layer's weights are averaged over the heads and mixed half and half with the identity, for
    the shortcut. It says nothing of a class: all classes have the same map.

    Paper: Quantifying Attention Flow in Transformers, 2020, https://arxiv.org/abs/2005.00928

    Differs: where no token comes before those of the picture, their rows are averaged, as such
    networks average their tokens.

    Args:
        model: any whose attentions are all among the same tokens, as in a vision transformer; in
            any mode; it is left as it was.
        inputs: (n, c, h, w) pictures as the model takes them.
        target: refused where the model has no such class, as by the other methods; see
            `explain.Target`.
        size: (height, width) of the answer, bilinear; None for the inputs' size. The grid of the
            tokens leaves the numbers as they are.

    Returns:
        (n, height, width), at least 0; in the grid of the tokens, shares that sum to 1 less what
        the class token keeps.

    Raises:
        BadType: inputs that are no real numbers, or an output that needs a function as `target`.
        BadValue: inputs that are no pictures, or a model whose tokens are not always the same
            places of a picture.
    """
    given = pictures(inputs)
    seen = PlacesSeen(given)
    with examined(model) as opened:
        output, found = seen_attention(opened, given, after=[seen.find])
    scores(output, target)
    count = next(iter(found.values())).shape[-1]
    for path, weights in found.items():
        if weights.ndim != 4 or weights.shape[::2] + weights.shape[3:] != (
            len(given),
            *[count] * 2,
        ):
            shown = f"{path} with {tuple(weights.shape)}"
            rule = (
                f"one whose attentions are all (n, heads, {count}, {count}), among the same tokens"
            )
            raise must_be("model", rule, shown, "Use grad_cam; attention_maps shows each.")
    places = seen.of_tokens(count)
    if places is None:
        fix = "Use grad_cam; attention_maps shows each."
        raise must_be("model", "one whose tokens are a picture's", f"{count} tokens", fix)
    rolled = _rolled(list(found.values()))
    rows = rolled[:, :1] if places.ahead else rolled
    shares = rows.mean(1)[:, places.ahead :].reshape(len(given), *places.size)
    return enlarged(shares, size or (inputs.shape[2], inputs.shape[3]))


def _rolled(layers: list[Float[Tensor, "n heads t t"]]) -> Float[Tensor, "n t t"]:
    """What each token of the last layer draws from each of the first."""
    mixed = [0.5 * layer.mean(1) + 0.5 * torch.eye(layer.shape[-1]).to(layer) for layer in layers]
    shares = [layer / layer.sum(2, keepdim=True) for layer in mixed]
    return reduce(lambda below, layer: layer @ below, shares)
