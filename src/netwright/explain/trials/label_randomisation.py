"""Label randomisation: a map of a model that learned noise must not look the same."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netwright.explain.gradient import leaf
from netwright.explain.inside.examined import examined
from netwright.explain.inside.target import Target, chosen
from netwright.explain.trials.likeness import Likeness, likeness
from netwright.explain.trials.method import Method, mapped, named_method

__all__ = ["label_randomisation"]


def label_randomisation(
    model: nn.Module,
    inputs: Float[Tensor, "n ..."],
    *,
    twin: nn.Module,
    method: Method,
    target: Target = None,
) -> Likeness:
    """How alike the maps of a model are to those of its twin, which was trained on shuffled labels.

    The twin knows the pictures and nothing of their classes. A method whose maps are the same for
    both shows what is in the pictures, and not what tells the classes apart.

    Paper: Sanity Checks for Saliency Maps, 2018, https://arxiv.org/abs/1810.03292

    Args:
        model: trained on the labels; it is left as it was.
        inputs: (n, c, h, w) pictures as both take them, or rows (n, d).
        twin: of the same architecture, trained in the same way on the same pictures with their
            labels shuffled, until it knows them by heart; it is left as it was.
        method: a name of the catalogue, or a function; see `explain.method.Method`.
        target: see `explain.Target`; None for the class that `model` predicts, for both.

    Raises:
        BadValue: no such method, or maps of the two that differ in size.
    """
    _, function = named_method(method)
    given = leaf(inputs)[0].detach()
    with examined(model) as opened:
        with torch.no_grad():
            kept = chosen(opened(given.clone()), target)
        own = mapped(opened, given, method=function, target=kept)
    with examined(twin) as opened:
        other = mapped(opened, given, method=function, target=kept)
    return likeness(own, other, inputs=given)
