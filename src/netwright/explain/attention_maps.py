"""Attention maps: how much each query takes from each key, by layer and head."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from netwright._errors import must_be
from netwright.explain.inside.examined import examined

__all__ = ["Attentions", "attention_maps"]

_ARGUMENTS = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal")
_SAME_NUMBERS = {"clone", "contiguous", "dropout", "to", "type_as", "view", "reshape"}
_OTHER_ORDER = {"transpose", "permute", "swapaxes", "mT"}
_PRODUCTS = {"matmul", "__matmul__", "bmm", "einsum"}


def attention_maps(
    model: nn.Module, inputs: Tensor
) -> Mapping[str, Float[Tensor, "n ... heads q k"]]:
    """The weights of every attention that runs, for tokens of pictures, words or anything else.

    What a token looks at, not what the output rests on: values and later layers have their say.
    Weights that are mixed between heads after the softmax are not seen.

    Paper: Attention Is All You Need, 2017, https://arxiv.org/abs/1706.03762

    Args:
        model: any with `nn.MultiheadAttention`, `scaled_dot_product_attention`, encoder layers of
            torch, or a softmax over the last axis that is multiplied with values; in any mode; it
            is left as it was.
        inputs: (n, ...) as the model takes them: pictures, tokens, their numbers.

    Returns:
        By the path of the module, in the order in which they ran, (n, heads, q, k): rows sum to 1.
        A module that attends again is named "path:2". Attention within windows has them before
        the heads: (n, windows, heads, q, k).

    Example:
        >>> model = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        >>> {path: tuple(m.shape) for path, m in attention_maps(model, torch.rand(3, 5, 8)).items()}
        {'self_attn': (3, 2, 5, 5)}

    Raises:
        BadValue: nothing in the model attends.
    """
    with examined(model) as opened:
        return seen_attention(opened, inputs, after=())[1]


def seen_attention(
    model: nn.Module, inputs: Tensor, *, after: Sequence[Callable[[nn.Module, Any], object]]
) -> tuple[Any, Mapping[str, Tensor]]:
    """The output of a model, and its attentions.

    Args:
        model: opened by `examined`.
        inputs: (n, ...) as the model takes them.
        after: called with every module and its output.

    Raises:
        BadValue: nothing in the model attends.
    """
    attentions = Attentions(len(inputs))
    with torch.no_grad(), _hooked(model, attentions, after), attentions:
        output = model(inputs.detach().clone())
    if not attentions.found:
        fix = "grad_cam and occlusion look into networks without."
        raise must_be("model", "one with attention", type(model).__name__, fix)
    return output, attentions.found


@contextmanager
def _hooked(
    model: nn.Module,
    attentions: Attentions,
    after: Sequence[Callable[[nn.Module, Any], object]],
) -> Iterator[None]:
    def leave(module: nn.Module, _: object, output: object) -> None:
        attentions.running.pop()
        for call in after:
            call(module, output)

    def entering(path: str) -> Callable[[nn.Module, object], None]:
        return lambda module, _: attentions.running.append(path)

    handles = []
    try:
        for path, module in model.named_modules():
            handles.append(module.register_forward_pre_hook(entering(path or "model")))
            handles.append(module.register_forward_hook(leave))
        yield
    finally:
        for handle in handles:
            handle.remove()


class Attentions(TorchFunctionMode):
    """Sees every function of torch that is called within the block, and keeps what attends.

    While it is on, torch leaves out the fused forms that no one could look into.

    Args:
        count: examples in the batch.

    Attributes:
        found: (n, heads, q, k) by the path of the module, or with windows before the heads.
        running: paths of the modules that run, the innermost last.
    """

    def __init__(self, count: int) -> None:
        super().__init__()
        self._count = count
        self._shares: deque[tuple[Tensor, Tensor]] = deque(maxlen=8)
        self.found: dict[str, Tensor] = {}
        self.running: list[str] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = kwargs or {}
        found = func(*args, **given)
        if func is F.scaled_dot_product_attention:
            self._keep(self._of_each(_of_products(*args, **given)))
        elif func is F.multi_head_attention_forward:
            self._keep(_of_heads(*args, **given))
        elif isinstance(found, Tensor):
            self._follow(getattr(func, "__name__", ""), args, given, found)
        return found

    def _follow(
        self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any], found: Tensor
    ) -> None:
        """Attention written by hand: a softmax over the last axis, multiplied with something."""
        if name == "softmax" and found.ndim > 2:
            axis = kwargs.get("dim", args[1] if len(args) > 1 else None)
            if axis in {-1, found.ndim - 1}:
                self._shares.append((found, found))
        elif self._shares and name in _PRODUCTS:
            operands = list(_flat(args))
            for share, weights in self._shares:
                if any(share is operand for operand in operands):
                    self._keep(self._of_each(weights))
                    break
        elif self._shares and args and name in _SAME_NUMBERS | _OTHER_ORDER:
            for share, weights in list(self._shares):
                same_axes = found.shape[-2:] == weights.shape[-2:]
                if share is args[0] and (same_axes or name in _OTHER_ORDER):
                    self._shares.append((found, weights))

    def _of_each(self, weights: Tensor) -> Tensor:
        """By example and head; windows and heads may have been counted as examples."""
        first, *rest = weights.shape
        if first % self._count:
            return weights
        if weights.ndim == 3:
            return weights.reshape(self._count, -1, *rest)
        if weights.ndim == 4 and first == self._count:
            return weights
        return weights.reshape(self._count, -1, *rest[-3:])

    def _keep(self, weights: Tensor) -> None:
        """Put it under the path of the module that runs."""
        path = self.running[-1]
        times = sum(name.partition(":")[0] == path for name in self.found)
        self.found[f"{path}:{times + 1}" if times else path] = weights.detach()


def _flat(args: Sequence[Any]) -> Iterator[Any]:
    for value in args:
        if isinstance(value, list | tuple):
            yield from value
        else:
            yield value


def _of_products(*args: Any, **kwargs: Any) -> Tensor:
    """The weights within `scaled_dot_product_attention`, which gives none."""
    given: dict[str, Any] = dict(zip(_ARGUMENTS, args, strict=False)) | kwargs
    query, key = given["query"], given["key"]
    if given.get("enable_gqa"):
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)
    scale, mask = given.get("scale"), given.get("attn_mask")
    products = query @ key.transpose(-2, -1) * (query.shape[-1] ** -0.5 if scale is None else scale)
    if given.get("is_causal"):
        later = torch.ones(products.shape[-2:], dtype=torch.bool, device=products.device).triu(1)
        products = products.masked_fill(later, -torch.inf)
    if mask is not None and mask.dtype == torch.bool:
        products = products.masked_fill(~mask, -torch.inf)
    elif mask is not None:
        products = products + mask
    nothing = products.amax(-1, keepdim=True) == -torch.inf
    weights: Tensor = products.softmax(-1).masked_fill(nothing, 0.0)
    return weights


def _of_heads(*args: Any, **kwargs: Any) -> Tensor:
    """The weights of `nn.MultiheadAttention`, each head's own."""
    asked = inspect.signature(F.multi_head_attention_forward).bind(*args, **kwargs)
    asked.arguments |= {"need_weights": True, "average_attn_weights": False}
    weights: Any = F.multi_head_attention_forward(*asked.args, **asked.kwargs)[1]
    return cast("Tensor", weights)
