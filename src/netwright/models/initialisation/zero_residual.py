"""Residual branches that begin at zero."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from netwright._errors import must_be
from netwright.models.initialisation.residual_graph import last_scales

__all__ = ["zero_residual"]


def zero_residual(model: nn.Module, *, inputs: Any) -> tuple[str, ...]:
    """Set what ends each residual branch to 0, so that a fresh block hands on its shortcut alone.

    That is the scale and shift of the branch's last norm, else the weight and bias of its last
    layer, or a scale of its own behind them (ConvNeXt). Use it for deep residual networks: they
    begin as shallow ones, and their gradient reaches the first layer through the shortcuts. The
    branches are found by one forward pass, whatever the blocks are called. Everything else stays
    as it is, so draw the other weights first.

    Paper: Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour, 2017, section 5.1,
        https://arxiv.org/abs/1706.02677

    Args:
        model: a network with residual branches.
        inputs: two examples or more, as the model takes them.

    Returns:
        The names of the parameters that were set to 0.

    Raises:
        BadValue: there is no residual branch that can be set to 0.
    """
    found = [name for scales in last_scales(model, inputs) for name in scales]
    if not found:
        raise must_be(
            "model",
            "one with residual branches that end in a norm or a layer",
            type(model).__name__,
            "Leave zero-residual out.",
        )
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name in found:
            parameters[name].zero_()
    return tuple(dict.fromkeys(found))
