"""A model tried on two examples before anything is written or learned."""

from __future__ import annotations

import copy
from typing import Any

from torch import Tensor, nn

from netwright import _random
from netwright._errors import NetwrightError, must_be
from netwright.methods.base import Method, evaluating
from netwright.methods.supervised import Supervised

__all__ = ["gives_two_scores", "refuse_misfit"]


def gives_two_scores(model: nn.Module, example: Any) -> bool:
    """Whether a classifier of two classes has a score for each, rather than one for both."""
    try:
        scores = _answer(model, example)
    except Exception:  # whatever is wrong with it is said by `refuse_misfit`
        return False
    return isinstance(scores, Tensor) and scores.ndim == 2 and scores.shape[1] == 2


def refuse_misfit(method: Method, example: Any) -> None:
    """Refuse a model that can't take the inputs, or gives another number of scores than is needed.

    Raises:
        BadValue: in one sentence, with what the model itself said.
    """
    if not isinstance(method, Supervised):
        return
    try:
        _answer(_Scores(method), example)
    except NetwrightError:
        raise
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else ""
        raise must_be(
            "model",
            f"one that takes inputs of shape {_shape(example)}",
            type(method.model).__name__,
            f"It says: {type(error).__name__}: {reason}",
        ) from error


class _Scores(nn.Module):
    """A method's scores as a forward pass."""

    def __init__(self, method: Supervised) -> None:
        super().__init__()
        self.method = method

    def forward(self, inputs: Any) -> Tensor:
        """See `Supervised.scores`."""
        return self.method.scores(inputs)


def _answer(model: nn.Module, example: Any) -> Any:
    patient = copy.deepcopy(model)  # some count their calls, or fill themselves at the first one
    with _random.isolated(0), evaluating(patient):
        return patient(example)


def _shape(example: Any) -> Any:
    if isinstance(example, Tensor):
        return ("n", *example.shape[1:])
    return type(example).__name__
