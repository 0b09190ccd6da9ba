"""Examples explained: what is answered, why by each method, and how far to trust it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from netwright._errors import must_be
from netwright.explain.catalogue import CATALOGUE
from netwright.explain.explanations import Explanation, Refusal, explanations
from netwright.metrics.base import Prediction
from netwright.workflow.explaining.examples import Example, Examples
from netwright.workflow.explaining.explainable import SCORES, Explainable, Network
from netwright.workflow.explaining.report_maps import FINE, usual_of_pictures
from netwright.workflow.explaining.trusted import MEANING, trust_lines
from netwright.workflow.explaining.wishes import Wishes, columns_asked, target_of

__all__ = ["Reason", "Reasons", "explain_examples", "usual_methods"]

ANSWERED_AT_ONCE = 64


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why a network says what it says of one example.

    Attributes:
        example: that was asked about.
        said: what is explained, in words: a class and its probability.
        predicted: what is answered, likewise.
        is_right: whether that is true, as far as it is known.
        probability: of what is explained, where the network gives one.
        maps: method → of the input's shape, or (h, w).
        lines: method → how far to trust its map.
    """

    example: Example
    said: str
    predicted: str
    is_right: bool
    probability: float | None
    maps: Mapping[str, Tensor]
    lines: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Reasons:
    """Examples with their maps.

    Attributes:
        of: the network.
        items: one an example.
        examples: as they were read.
        refused: methods that are not defined for the network.
    """

    of: Explainable
    items: tuple[Reason, ...]
    examples: Examples
    refused: tuple[Refusal, ...] = ()

    @property
    def methods(self) -> list[str]:
        """Those that gave maps."""
        return list(self.items[0].maps)

    @property
    def meaning(self) -> tuple[str, ...]:
        """What the lines below the maps say; none where there are none."""
        said = {line for one in self.items for lines in one.lines.values() for line in lines}
        starts = [(meant.partition(":")[0], meant) for meant in MEANING]
        return tuple(meant for word, meant in starts if any(line.startswith(word) for line in said))


def usual_methods(of: Explainable) -> tuple[str, ...]:
    """What is tried where no method is named, the best first."""
    wished: tuple[str, ...] = ("integrated-gradients", "gradient")
    if of.input_kind == "image":
        wished = usual_of_pictures(of.size or (FINE, FINE))
    return tuple(name for name in wished if name in CATALOGUE)


def explain_examples(
    of: Explainable, examples: Examples, *, wishes: Wishes, wished_class: str | None = None
) -> Reasons:
    """The maps of every method for every example.

    Args:
        of: the network.
        examples: read for it.
        wishes: the methods; where it names none, the first usual one that is defined is taken.
        wished_class: see `columns_asked`.

    Raises:
        BadValue: a method that was named is not defined for the network, or none of them is.
    """
    items = examples.items
    answered = _answered(of, items)
    columns = columns_asked(of, answered, examples=items, wished=wished_class)
    if wishes.methods:
        found = _maps(of, items, columns, wishes)
        refused = list(found.refused.values())
        if refused and not wishes.every:
            first = refused[0]
            rule = f"defined for {of.name}{' with its options' * (first.method in wishes.options)}"
            raise must_be("--method", rule, first.method, first.reason)
    else:
        found, refused = _first_defined(of, items, columns, wishes)
    if not found.maps:
        told = " ".join(dict.fromkeys(one.reason for one in refused))
        raise must_be("--method", f"defined for {of.name}", "none that is", told)
    reasons = [
        _reason(of, answered, place, column=columns[place], example=items[place], found=found)
        for place in range(len(items))
    ]
    return Reasons(
        of=of,
        items=tuple(reasons),
        examples=examples,
        refused=tuple(refused) if wishes.every else (),
    )


def _first_defined(
    of: Explainable, items: Sequence[Example], columns: Sequence[int], wishes: Wishes
) -> tuple[_Found, list[Refusal]]:
    refusals: list[Refusal] = []
    for name in usual_methods(of):
        own = {name: wishes.options[name]} if name in wishes.options else {}
        found = _maps(of, items, columns, replace(wishes, methods=(name,), options=own))
        if found.maps:
            return found, []
        refusals += found.refused.values()
    return _Found(), refusals


def _answered(of: Explainable, items: Sequence[Example]) -> Prediction:
    """What is answered for all examples, whatever their sizes."""
    outputs: dict[int, Any] = {}
    shares: dict[int, Any] = {}
    scores: dict[int, Any] = {}
    for places in _alike(items):
        for start in range(0, len(places), ANSWERED_AT_ONCE):
            part = places[start : start + ANSWERED_AT_ONCE]
            found = of.answer(torch.stack([items[place].raw for place in part]))
            for number, place in enumerate(part):
                outputs[place] = found.outputs[number]
                if found.probabilities is not None:
                    shares[place] = found.probabilities[number]
                if found.logits is not None:
                    scores[place] = found.logits[number]
    return Prediction(
        outputs=_stacked(outputs), probabilities=_stacked(shares), logits=_stacked(scores)
    )


def _stacked(values: Mapping[int, Tensor]) -> Any:
    return torch.stack([values[place] for place in sorted(values)]) if values else None


def _alike(items: Sequence[Example]) -> list[list[int]]:
    """Places of the examples of each shape."""
    found: dict[tuple[int, ...], list[int]] = {}
    for place, one in enumerate(items):
        found.setdefault(tuple(one.raw.shape), []).append(place)
    return list(found.values())


@dataclass
class _Found:
    """What was made of the examples, by method and place."""

    maps: dict[str, dict[int, Tensor]] = field(default_factory=dict)
    lines: dict[str, dict[int, tuple[str, ...]]] = field(default_factory=dict)
    refused: dict[str, Refusal] = field(default_factory=dict)

    def of(self, place: int) -> tuple[dict[str, Tensor], dict[str, tuple[str, ...]]]:
        """Maps and lines of one example."""
        return (
            {method: each[place] for method, each in self.maps.items()},
            {method: each[place] for method, each in self.lines.items()},
        )


def _maps(
    of: Explainable, items: Sequence[Example], columns: Sequence[int], wishes: Wishes
) -> _Found:
    """The map of each example; the mean over the members of an ensemble, which is not tested."""
    found = _Found()
    for places in _groups(of, items, columns):
        raw = torch.stack([items[place].raw for place in places])
        asked = [columns[place] for place in places]
        for network in of.networks:
            with torch.no_grad():
                inputs = network.preprocess(raw)
            made = _asked(of, network, inputs, asked, wishes)
            found.refused |= {one.method: one for one in made if isinstance(one, Refusal)}
            maps = [one for one in made if isinstance(one, Explanation)]
            for one in maps:
                known = found.maps.setdefault(one.method, {})
                for place, heat in zip(places, one.maps / len(of.networks), strict=True):
                    known[place] = known[place] + heat if place in known else heat
            if wishes.figures and len(of.networks) == 1:
                lines = trust_lines(
                    network.model,
                    inputs,
                    found=maps,
                    columns=asked,
                    kind=of.kind,
                    options=wishes.options,
                )
                for method, each in lines.items():
                    found.lines.setdefault(method, {}).update(zip(places, each, strict=True))
    for method in found.refused:
        found.maps.pop(method, None)
    return found


def _asked(
    of: Explainable, network: Network, inputs: Tensor, columns: Sequence[int], wishes: Wishes
) -> list[Explanation | Refusal]:
    each = target_of(of, columns[0])
    target = torch.tensor(columns) if isinstance(each, int) else each
    return explanations(
        network.model, inputs, methods=wishes.methods, target=target, options=wishes.options
    )


def _groups(of: Explainable, items: Sequence[Example], columns: Sequence[int]) -> list[list[int]]:
    """Places to be asked about together: of one shape, and of one target if it is a function."""
    if isinstance(target_of(of, columns[0]), int):
        return _alike(items)
    found = []
    for places in _alike(items):
        for column in sorted({columns[place] for place in places}):
            found.append([place for place in places if columns[place] == column])
    return found


def _reason(
    of: Explainable,
    answered: Prediction,
    place: int,
    *,
    column: int,
    example: Example,
    found: _Found,
) -> Reason:
    share = _share(of, answered, place, column)
    maps, lines = found.of(place)
    predicted = _predicted(of, answered, place)
    return Reason(
        example=example,
        said=_said(of, answered, place, column=column, share=share),
        predicted=predicted,
        is_right=example.truth is not None and predicted == _named(of, example.truth),
        probability=share,
        maps=maps,
        lines=lines,
    )


def _share(of: Explainable, answered: Prediction, place: int, column: int) -> float | None:
    if answered.probabilities is None or of.kind not in (
        "classes",
        "binary",
        "multi-label",
        SCORES,
    ):
        return None
    row = answered.probabilities[place]
    if row.ndim == 0:
        return float(row) if column else 1 - float(row)
    return float(row[column])


def _said(
    of: Explainable, answered: Prediction, place: int, *, column: int, share: float | None
) -> str:
    """A class and how sure it is, or a column and its value."""
    if share is not None:
        return f"{_named(of, column)}, {100 * share:.1f} %"
    if of.kind in ("classes", "binary", "multi-label", SCORES):
        return _named(of, column)
    value = answered.outputs[place].flatten()
    return f"{_named(of, column)} = {float(value[min(column, len(value) - 1)]):.4g}"


def _predicted(of: Explainable, answered: Prediction, place: int) -> str:
    if of.kind == SCORES:
        return _named(of, int(answered.outputs[place]))
    from netwright.workflow.in_words import in_words

    return in_words(answered.outputs[place], kind=of.kind, names=of.names)


def _named(of: Explainable, column: int) -> str:
    return of.names[column] if column < len(of.names) else f"class {column}"
