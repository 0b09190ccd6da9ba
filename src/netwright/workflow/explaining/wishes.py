"""Which methods are asked, with which options, about which class."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from netwright._errors import must_be
from netwright.explain.catalogue import CATALOGUE
from netwright.explain.explanations import map_methods
from netwright.explain.inside.target import Target
from netwright.metrics.base import Prediction
from netwright.workflow.explaining.examples import Example
from netwright.workflow.explaining.explainable import SCORES, Explainable

__all__ = ["TRUE", "Wishes", "columns_asked", "side_of", "target_of", "wishes"]

TRUE = "true"
"""In place of a class: the one that an example has by its folder or its data."""


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What is asked.

    Attributes:
        methods: names, in their order.
        every: whether those that are not defined are named instead of refused.
        options: method → its own.
        figures: whether the maps are tested too; costs more than most maps do.
    """

    methods: tuple[str, ...]
    every: bool = False
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    figures: bool = True


def wishes(
    methods: Sequence[str],
    *,
    every: bool = False,
    layer: str | None = None,
    changes: Mapping[str, Mapping[str, Any]] | None = None,
    figures: bool = True,
) -> Wishes:
    """What is asked by name.

    Args:
        methods: of the catalogue, or `file.py:Name`; none leaves the choice to `explain_examples`.
        every: all that the catalogue has.
        layer: handed to the methods that look at one.
        changes: method → option → value.
        figures: test the maps too.

    Raises:
        BadValue: names that are not known, or a layer for methods that look at none.
    """
    if every and methods:
        raise must_be("--method", "left out with --all", list(methods))
    asked = tuple(dict.fromkeys(map_methods() if every else methods))
    options = {name: dict(own) for name, own in (changes or {}).items()}
    for name in options:
        if name not in asked:
            fix = f"Add --method {name}." if name in map_methods() else ""
            raise must_be("--set", "for a method that is asked for", name, fix)
    if layer is not None:
        looking = [name for name in asked or map_methods() if _takes_layer(name)]
        if not looking:
            fix = f"These look at one: {', '.join(filter(_takes_layer, map_methods())) or 'none'}."
            raise must_be("--layer", f"left out for {', '.join(asked)}", layer, fix)
        for name in looking:
            options.setdefault(name, {}).setdefault("layer", layer)
    return Wishes(methods=asked, every=every, options=options, figures=figures)


def columns_asked(
    of: Explainable, answered: Prediction, *, examples: Sequence[Example], wished: str | None
) -> list[int]:
    """The class, label or column of each example that is explained.

    Args:
        of: the network.
        answered: what it says of the examples.
        examples: with their true classes, where they are known.
        wished: a class by name or number, `TRUE`, or None for what is predicted.

    Raises:
        BadValue: there is no such class, or an example whose true class is not known.
    """
    if wished == TRUE and TRUE not in of.names:
        unknown = [one.label for one in examples if one.truth is None]
        if unknown:
            fix = "The true class is the name of a picture's folder; give --class NAME instead."
            raise must_be("--class", "a class for pictures without labels", TRUE, fix)
        return [one.truth for one in examples if one.truth is not None]
    if wished is not None:
        place = of.number_of(wished)
        width = _width(answered)
        if not of.names and width is not None and place >= width:
            raise must_be("--class", f"from 0 to {width - 1} for {width} scores", wished)
        return [place] * len(examples)
    if of.kind in ("classes", "binary", SCORES):
        return [int(one) for one in answered.outputs]
    if of.kind == "multi-label" and answered.probabilities is not None:
        return [int(one) for one in answered.probabilities.argmax(1)]
    return [0] * len(examples)


def target_of(of: Explainable, column: int) -> Target:
    """What a method is told to explain for a class, a label or a column.

    Where a network has one score for two classes, it speaks for the second and against the first.
    """
    if of.kind == "binary":
        return _Side(column)
    return column if of.kind in ("classes", "multi-label", "real", SCORES) else _first


@dataclass(frozen=True)
class _Side:
    """The score of one of two classes, whether the network has one score or two."""

    column: int

    def __call__(self, output: Tensor) -> Tensor:
        if output.ndim == 2 and output.shape[1] == 2:
            return output[:, self.column]
        return output.reshape(len(output)) * (1.0 if self.column else -1.0)


def side_of(column: int) -> Target:
    """What speaks for one of two classes."""
    return _Side(column)


def _first(output: Tensor) -> Tensor:
    return output.reshape(len(output), -1)[:, 0]


def _width(answered: Prediction) -> int | None:
    return None if answered.logits is None else answered.logits.shape[-1]


def _takes_layer(name: str) -> bool:
    call: Callable[..., Any] = CATALOGUE.load(name)
    return "layer" in inspect.signature(call).parameters
