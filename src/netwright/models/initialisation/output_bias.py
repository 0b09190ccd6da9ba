"""An output that begins at the best constant answer."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from netwright._errors import must_be
from netwright.models.initialisation.calling import called
from netwright.models.initialisation.standing import standing_still

__all__ = ["output_bias"]

_CLOSE = 1e-3  # of a shift by about 1; half precision and a mean over pixels stay below it


def output_bias(model: nn.Module, *, inputs: Any, scores: Float[Tensor, "k"]) -> tuple[str, ...]:
    """Put the bias of the last layer where the constant answer is best: the log prior of classes.

    The first loss is then about the entropy of the prior, and exactly that where the last weights
    are 0: no steps are lost on learning how frequent the classes are. Use it where the classes are
    far from even, and for counts and rare labels.

    Paper: Focal Loss for Dense Object Detection (prior probability), 2017, section 4.1,
        https://arxiv.org/abs/1708.02002

    Args:
        model: any module whose scores end in a layer with a bias. It is told by trying: shifting
            it must shift the scores as much.
        inputs: two examples or more, as the model takes them.
        scores: (k,) where the scores should begin: `OutputUnit.prior_bias` of the training targets.

    Returns:
        The name of the bias.

    Raises:
        BadValue: no bias shifts the scores.
    """
    width = len(scores)
    named = {name: value for name, value in model.named_parameters() if value.shape == (width,)}
    with standing_still(model), torch.no_grad():
        before = called(model, inputs)
        for name, bias in reversed(named.items()):
            shift = torch.linspace(0.5, 1.5, width, dtype=bias.dtype, device=bias.device)

            def shifted(*arguments: Any, **keywords: Any) -> Any:
                return functional_call(model, {name: bias + shift}, arguments, keywords)  # noqa: B023

            moved = called(shifted, inputs) - before
            if torch.allclose(moved.reshape(len(moved), -1), shift.to(moved), atol=_CLOSE):
                bias.copy_(scores)
                return (name,)
    raise must_be(
        "model",
        f"one whose {width} scores end in a layer with a bias",
        type(model).__name__,
        "Give its last layer a bias, or leave output-bias out.",
    )
