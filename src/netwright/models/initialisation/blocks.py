"""The weight matrices of any module, one by one, with how many terms each adds up."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.parameter import is_lazy

from netwright import _random
from netwright._errors import must_be

__all__ = ["Block", "Law", "blocks_of", "redraw"]


@dataclass(frozen=True, kw_only=True)
class Block:
    """One linear map within a parameter: a layer, a group of it, a gate, a query projection.

    Attributes:
        values: (out, in, *kernel), on the processor, in single precision at least; a law writes
            into it.
        fan_in: how many products add up in one output.
        fan_out: in how many outputs one input takes part.
        generator: what a law draws from.
    """

    values: Float[Tensor, "out in *kernel"]
    fan_in: float
    fan_out: float
    generator: torch.Generator


Law = Callable[[Block], object]
"""Writes into the values of a block."""


@dataclass(frozen=True, kw_only=True)
class _Part:
    """Where a block lives in its parameter; writing into the view writes into the parameter."""

    view: Tensor
    fan_in: float
    fan_out: float


def redraw(model: nn.Module, law: Law, *, seed: int = 0) -> tuple[str, ...]:
    """Put every weight matrix of `model` under a law, and the biases of its layers to 0.

    Layers are linear, bilinear, convolutions and transposed ones (each group for itself),
    embeddings (whose padding row stays 0), attention (query, key and value each for themselves) and
    recurrent ones (each gate for itself). Norms, position codes and whatever else a model holds
    stay as they are. A parameter that two layers share is drawn once.

    Each parameter is drawn on the processor, from the seed and its name: the device, the other
    layers and the global generators make no difference.

    Args:
        model: any module.
        law: writes into a block.
        seed: of the draws.

    Returns:
        The names of the parameters that were written.

    Raises:
        BadValue: no such layer; a weight that has no shape yet, or is computed from others.
    """
    layers = [(name, module) for name, module in model.named_modules() if _matrices(module)]
    if not layers:
        raise must_be(
            "model",
            "one with linear, convolution, embedding, attention or recurrent layers to initialise",
            type(model).__name__,
        )
    for place, module in layers:
        _refuse_unwritable(module, place=place)
    written: dict[int, str] = {}
    with torch.no_grad():
        for place, module in layers:
            for name, parameter in module.named_parameters(recurse=False):
                if id(parameter) in written or not _is_written(module, name):
                    continue
                full = f"{place}.{name}" if place else name
                written[id(parameter)] = full
                if name in _matrices(module):
                    _draw(module, name, law=law, generator=_random.generator(seed, full))
                else:
                    parameter.zero_()
    return tuple(written.values())


def blocks_of(module: nn.Module, name: str) -> list[Block]:
    """The blocks of one weight as they are, in copies; to look at, or to compare.

    Example:
        >>> [block.fan_in for block in blocks_of(nn.Conv2d(8, 4, 3, groups=2), "weight")]
        [36, 36]
    """
    generator = torch.Generator()
    return [
        Block(
            values=part.view.detach().cpu().clone(memory_format=torch.contiguous_format),
            fan_in=part.fan_in,
            fan_out=part.fan_out,
            generator=generator,
        )
        for part in _parts(module, name)
    ]


def _draw(module: nn.Module, name: str, *, law: Law, generator: torch.Generator) -> None:
    for part in _parts(module, name):
        wide = part.view.dtype is torch.float64
        values = torch.zeros(part.view.shape, dtype=torch.float64 if wide else torch.float32)
        law(Block(values=values, fan_in=part.fan_in, fan_out=part.fan_out, generator=generator))
        part.view.copy_(values)
    padding = getattr(module, "padding_idx", None)
    if isinstance(module, (nn.Embedding, nn.EmbeddingBag)) and padding is not None:
        module.weight[padding].zero_()


def _matrices(module: nn.Module) -> tuple[str, ...]:
    """Names of the parameters of `module` that are matrices."""
    if isinstance(module, (nn.Linear, nn.Bilinear, nn.Embedding, nn.EmbeddingBag, _ConvNd)):
        return ("weight",)
    if isinstance(module, nn.MultiheadAttention):
        names = ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight")
        return tuple(name for name in names if getattr(module, name) is not None)
    if isinstance(module, (nn.RNNBase, nn.RNNCellBase)):
        own = [name for name, _ in module.named_parameters(recurse=False)]
        return tuple(name for name in own if name.startswith("weight"))
    return ()


def _is_written(module: nn.Module, name: str) -> bool:
    """Whether a layer's own parameter is a matrix or a bias; attention's extra tokens are not."""
    biases = ("bias_ih", "bias_hh", "in_proj_bias")
    return name in _matrices(module) or name == "bias" or name.startswith(biases)


def _parts(module: nn.Module, name: str) -> Iterator[_Part]:
    weight: Tensor = getattr(module, name)
    if isinstance(module, _ConvTransposeNd):
        steps = math.prod(module.stride)
        for group in weight.chunk(module.groups):
            taps = group[0, 0].numel()
            fans = group.shape[0] * taps / steps, group.shape[1] * taps
            yield _Part(view=group.transpose(0, 1), fan_in=fans[0], fan_out=fans[1])
    elif isinstance(module, (nn.Embedding, nn.EmbeddingBag)):
        yield _Part(view=weight.T, fan_in=1, fan_out=weight.shape[1])
    else:
        for group in weight.chunk(_pieces(module, name, weight)):
            taps = group[0, 0].numel()
            fans = group.shape[1] * taps, group.shape[0] * taps
            yield _Part(view=group, fan_in=fans[0], fan_out=fans[1])


def _pieces(module: nn.Module, name: str, weight: Tensor) -> int:
    """How many maps are stacked in one weight."""
    if isinstance(module, _ConvNd):
        return module.groups
    if isinstance(module, nn.MultiheadAttention):
        return 3 if name == "in_proj_weight" else 1
    if isinstance(module, (nn.RNNBase, nn.RNNCellBase)):
        projects = name.startswith("weight_hr")
        return 1 if projects else weight.shape[0] // int(module.hidden_size)
    return 1


def _refuse_unwritable(module: nn.Module, *, place: str) -> None:
    for name in _matrices(module):
        weight = getattr(module, name)
        full = f"{place}.{name}" if place else name
        if is_lazy(weight):
            raise must_be(full, "of a known shape", "lazy", "Run the model once on a batch.")
        if name not in module._parameters:
            raise must_be(
                full,
                "a parameter of its own",
                "one computed from others",
                "Initialise before weight or spectral norm is put on.",
            )
