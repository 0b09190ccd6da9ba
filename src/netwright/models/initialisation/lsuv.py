"""Layer-sequential unit variance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from netwright._errors import must_be
from netwright.models.initialisation.calling import called
from netwright.models.initialisation.orthogonal import orthogonal
from netwright.models.initialisation.standing import standing_still

__all__ = ["lsuv"]


def lsuv(model: nn.Module, *, inputs: Any, seed: int = 0) -> tuple[str, ...]:
    """Orthogonal weights, then layer by layer scaled until its output has variance 1 on a batch.

    Use it for deep networks without norms whose units have no law of their own. Linear layers and
    convolutions are scaled, in the order in which the batch reaches them and with all before them
    scaled; embeddings, attention and recurrent layers stay orthogonal. Biases 0.

    Paper: All You Need Is a Good Init, 2015, https://arxiv.org/abs/1511.06422
    Differs: once is enough instead of a few rounds, as an output without bias is proportional to
        its weights; dropout is off and norms stand as in evaluation meanwhile.

    Args:
        model: any module.
        inputs: a batch, as the model takes it: a few hundred examples of the training split.
        seed: of the draws.

    Raises:
        BadValue: the output of a layer does not vary over the batch.
    """
    written = orthogonal(model, seed=seed)
    names = {module: name for name, module in model.named_modules()}
    layers = [module for module in names if isinstance(module, (nn.Linear, _ConvNd))]
    scaled: set[int] = set()

    def scale(module: nn.Module, _: Any, output: Tensor) -> Tensor | None:
        weight: Tensor = module.weight  # type: ignore[assignment]
        if id(weight) in scaled:
            return None
        scaled.add(id(weight))
        deviation = output.double().std(correction=0)
        if not torch.isfinite(deviation) or deviation <= 0:
            raise must_be(
                "inputs",
                f"a batch over which the output of {names[module] or 'the layer'} varies",
                float(deviation),
                "Give more examples that differ, and a model whose layers are not cut off.",
            )
        factor = (1 / deviation).to(weight.dtype)
        weight.mul_(factor)
        return output * factor.to(output.dtype)

    with _hooked(layers, scale), standing_still(model), torch.no_grad():
        called(model, inputs)
    return written


@contextmanager
def _hooked(layers: Sequence[nn.Module], hook: Any) -> Iterator[None]:
    handles = [layer.register_forward_hook(hook) for layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
