"""Perturbations that push the highest pixels of a gradient map down."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from netwright._errors import must_be
from netwright.explain.gradient import leaf
from netwright.explain.inside.target import Target, scores

__all__ = ["TopAttack"]


@dataclass(frozen=True, kw_only=True)
class TopAttack:
    """Steps against the share of the gradient's size that falls on the pixels it is highest on.

    The direction is a second derivative. That of rectifiers is 0 everywhere, so for the direction,
    and for it alone, ReLU, ReLU6 and leaky ReLU are smoothed to softplus; what is found is judged
    on the model and the method as they are. Maps of other methods are attacked by way of the
    gradient's, so for them it is a weaker attack than it could be.

    Paper: Interpretation of Neural Networks Is Fragile, 2017, https://arxiv.org/abs/1710.10547

    Attributes:
        steps: so many, each of a quarter of the bound; each gives one set of inputs.
        top: share of the pixels that are pushed down.
        sharpness: of the softplus that stands for a rectifier; higher is closer to it.
    """

    steps: int = 8
    top: float = 0.02
    sharpness: float = 10.0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise must_be("steps", "at least 1", self.steps)
        if not 0 < self.top < 1:
            raise must_be("top", "between 0 and 1", self.top, "0.02 is usual.")
        if not self.sharpness > 0:
            raise must_be("sharpness", "positive", self.sharpness, "10.0 is usual.")

    def __call__(
        self, model: nn.Module, inputs: Tensor, *, target: Target, bound: Tensor
    ) -> Iterator[Tensor]:
        """Perturbed inputs, one set after another.

        Args:
            model: opened by `examined`.
            inputs: (n, ...).
            target: what is explained.
            bound: (n, 1, ...) the most that a number of each input may move.

        Raises:
            BadValue: the gradient does not change with the inputs, as that of a linear model, or of
                one that rectifies in a way that is not smoothed here.
        """
        now, highest = inputs, None
        for _ in range(self.steps):
            given, seen = leaf(now)
            with _Smooth(self.sharpness):
                score = scores(model(seen), target).sum()
                sizes = torch.autograd.grad(score, given, create_graph=True)[0].abs()
            sizes = (sizes.sum(1) if sizes.ndim > 2 else sizes).flatten(1)
            if highest is None:
                highest = sizes.topk(max(1, round(self.top * sizes.shape[1]))).indices
            share = sizes.gather(1, highest).sum(1) / sizes.sum(1)
            now = self._moved(given, share.sum(), inputs=inputs, bound=bound)
            yield now

    def _moved(self, given: Tensor, share: Tensor, *, inputs: Tensor, bound: Tensor) -> Tensor:
        found = (
            torch.autograd.grad(share, given, allow_unused=True)[0] if share.requires_grad else None
        )
        if found is None or not found.any():
            fix = "Use attack=RandomSigns()."
            raise must_be("model", "one whose gradient changes with its inputs", "none", fix)
        moved = given.detach() - bound / 4 * found.sign()
        return moved.clamp(inputs - bound, inputs + bound)


class _Smooth(TorchFunctionMode):
    """Within the block, rectifiers are softplus."""

    def __init__(self, sharpness: float) -> None:
        super().__init__()
        self.sharpness = sharpness

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        keywords = dict(kwargs or {})
        if func in _RECTIFIERS:
            return self._soft(*args, **keywords)
        if func in _IN_PLACE:
            return args[0].copy_(self._soft(args[0].clone()))
        if func is functional.leaky_relu:
            return self._leaky(*args, **keywords)
        if func in (functional.relu6, functional.hardtanh) and _is_six(func, args, keywords):
            return self._six(args[0], inplace=keywords.get("inplace", False))
        return func(*args, **keywords)

    def _soft(self, given: Tensor, inplace: bool = False) -> Tensor:
        found = functional.softplus(given.clone(), beta=self.sharpness)
        return given.copy_(found) if inplace else found

    def _leaky(self, given: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
        before = given.clone()
        found = negative_slope * before + (1 - negative_slope) * self._soft(before)
        return given.copy_(found) if inplace else found

    def _six(self, given: Tensor, *, inplace: bool) -> Tensor:
        before = given.clone()
        found = self._soft(before) - self._soft(before - 6)
        return given.copy_(found) if inplace else found


_RECTIFIERS = (functional.relu, torch.relu, Tensor.relu)
_IN_PLACE = (torch.relu_, Tensor.relu_, functional.relu_)


def _is_six(func: Callable[..., Any], args: Sequence[Any], keywords: Mapping[str, Any]) -> bool:
    if func is functional.relu6:
        return True
    low = args[1] if len(args) > 1 else keywords.get("min_val", -1.0)
    high = args[2] if len(args) > 2 else keywords.get("max_val", 1.0)
    return (low, high) == (0.0, 6.0)
