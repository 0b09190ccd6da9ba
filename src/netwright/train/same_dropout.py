"""Dropout that draws the same numbers in a compiled graph as without.

On a processor dropout fills its noise in the order of memory. Traced, the noise forgets how its
input lies there, so that a channels-last picture would lose other entries.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["keep_dropout"]


def keep_dropout(graph: torch.fx.GraphModule) -> None:
    """Replace dropout on a processor by a product with noise that an opaque function draws."""
    changed = False
    for node in list(graph.graph.nodes):
        if node.op == "call_function" and node.target in (F.dropout, torch.dropout):
            changed |= _replace(graph.graph, node)
    if changed:
        graph.recompile()


def _replace(graph: torch.fx.Graph, node: torch.fx.Node) -> bool:
    positional, named = tuple[Any, ...](node.args), dict[str, Any](node.kwargs)
    values, share, training, inplace = _arguments(*positional, **named)
    example = node.meta.get("example_value")
    if not training or not 0 < share < 1 or example is None or example.device.type != "cpu":
        return False
    with graph.inserting_before(node):
        blind = graph.call_method("detach", (values,))
        noise = graph.call_function(_noise_operator()[0], (blind, 1 - share))
        made = graph.call_method("mul_" if inplace else "mul", (values, noise))
    made.meta = dict(node.meta)
    node.replace_all_uses_with(made)
    graph.erase_node(node)
    return True


def _arguments(
    input: Any,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    train: bool | None = None,
) -> tuple[Any, float, bool, bool]:
    return input, p, training if train is None else train, inplace


@lru_cache(maxsize=1)
def _noise_operator() -> tuple[Any, Any]:
    """The operator, and the library that it lives no longer than."""
    library: Any = torch.library.Library("netwright", "FRAGMENT")  # type: ignore[no-untyped-call]
    tags = (torch.Tag.nondeterministic_seeded, torch.Tag.needs_exact_strides)
    library.define("dropout_noise(Tensor like, float keep) -> Tensor", tags=tags)
    library.impl("dropout_noise", _noise, "CPU")
    library.impl("dropout_noise", lambda like, keep: torch.empty_like(like), "Meta")
    return torch.ops.netwright.dropout_noise.default, library


def _noise(like: Tensor, keep: float) -> Tensor:
    return torch.empty_like(like).bernoulli_(keep).div_(keep)
