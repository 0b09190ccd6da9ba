"""Class activation mapping: the maps before the pooling, weighed as the last layer weighs them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from netwright._errors import BadType, must_be
from netwright.explain.inside.examined import examined
from netwright.explain.inside.maps import enlarged
from netwright.explain.inside.places import pictures
from netwright.explain.inside.target import Target, chosen

__all__ = ["cam"]


def cam(
    model: nn.Module,
    inputs: Float[Tensor, "n c h w"],
    *,
    target: Target = None,
    size: tuple[int, int] | None = None,
) -> Float[Tensor, "n height width"]:
    """The maps before global average pooling, summed by the class's weights in the linear layer.

    Exact where it exists: its mean over the places, and the bias, is the score. So it needs a
    network that ends in global average pooling and one linear layer (or 1x1 convolution), as
    GoogLeNet, ResNet, DenseNet and MobileNetV2 do, or in the pooling of class maps, as SqueezeNet.
    What the network ends in is found by running it, and by comparing numbers.

    Paper: Learning Deep Features for Discriminative Localization, 2015,
    https://arxiv.org/abs/1512.04150

    Args:
        model: any that ends so, in any mode; it is left as it was.
        inputs: (n, c, h, w) pictures as the model takes them.
        target: a class, or one for each picture; None for the predicted class.
        size: (height, width) of the answer, bilinear; None for the inputs' size. The maps' own
            size leaves the numbers as they are.

    Returns:
        (n, height, width), of any sign, in units of the score.

    Example:
        >>> body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
        >>> model = nn.Sequential(body, nn.Flatten(), nn.Linear(4, 2))
        >>> cam(model, torch.rand(2, 3, 5, 5), target=1, size=(3, 3)).shape
        torch.Size([2, 3, 3])

    Raises:
        BadType: inputs that are no real numbers, or a `target` that is a function.
        BadValue: inputs that are no pictures, or a model that does not end so: use `grad_cam`.
    """
    if callable(target):
        raise must_be(
            "target", "a class: a class activation map has no other", target, error=BadType
        )
    given = pictures(inputs)
    with examined(model) as opened, torch.no_grad(), _End(len(given)) as end:
        output = opened(given)
    classes = chosen(output, target)
    for weights, maps in end.readings(output):
        picked = weights[classes].to(maps.dtype)
        found = torch.einsum("nc,nchw->nhw", picked, maps)
        return enlarged(found, size or (inputs.shape[2], inputs.shape[3]))
    rule = "a network that ends in global average pooling and one linear layer"
    fix = "Use grad_cam, which gives the same where both exist."
    raise must_be("model", rule, type(model).__name__, fix)


@dataclass(frozen=True)
class _Linear:
    """One call of a linear layer, on numbers without places."""

    given: Tensor
    weights: Tensor
    gave: Tensor


class _End(TorchFunctionMode):
    """Keeps the last maps and linear layers of a forward pass, by whatever functions they came."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._count = count
        self._maps: deque[Tensor] = deque(maxlen=8)
        self._last: _Linear | None = None

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        found = func(*args, **(kwargs or {}))
        if not isinstance(found, Tensor) or found.ndim == 0 or len(found) != self._count:
            return found
        if found.ndim == 4 and found[0, 0].numel() > 1:
            self._maps.append(found)
        elif func in {F.linear, F.conv2d}:
            given, weights = (*args, *(kwargs or {}).values())[:2]
            self._last = _Linear(given.flatten(1), weights.detach().flatten(1), found.flatten(1))
        return found

    def readings(self, output: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Weights (k, c) and maps (n, c, h, w) whose product's mean, and a bias, is the output."""
        table = output.reshape(self._count, -1)
        one_each = torch.eye(table.shape[1], device=table.device)
        last = self._last or _Linear(table, one_each, table)
        for maps in reversed(self._maps):
            for channels_first in (maps, maps.movedim(-1, 1)):
                pooled = channels_first.mean((2, 3))
                if _same(last.gave, table) and _same(last.given, pooled):
                    yield last.weights, channels_first
                elif _same(pooled, table):
                    yield one_each, channels_first


def _same(first: Tensor, second: Tensor) -> bool:
    """Equal as far as another order of sums allows."""
    if first.shape != second.shape:
        return False
    error = 32 * torch.finfo(first.dtype).eps
    return (first - second).abs().max().item() <= error * first.abs().max().item()
