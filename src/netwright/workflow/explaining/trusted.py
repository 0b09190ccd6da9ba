"""How far each map is to be trusted, in lines for below it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from netwright._errors import NetwrightError
from netwright.explain.explanations import Explanation
from netwright.explain.inside.target import Target
from netwright.explain.saliency import saliency
from netwright.explain.trials.method import named_method
from netwright.explain.trials.trust import Trust, trust

__all__ = ["MEANING", "trust_lines"]

MEANING = (
    "deletion: the class's probability, on average, while the places that the map calls strongest "
    "are taken away first; less is better.",
    "insertion: the same while they are brought back first; more is better. In brackets stand a "
    "map of random numbers and the plain gradient: a map that is no better says little.",
    "kept under noise: share of the strongest places that stay the strongest when the picture is "
    "changed a little and the answer stays; more is better.",
    "like an untrained model's: correlation with the map of the same network, half of its layers "
    "made random; near 1 the map shows the picture, not what was learned.",
)

JUDGED = ("classes", "binary", "multi-label", "scores")  # what has a probability to follow


def trust_lines(
    model: nn.Module,
    inputs: Tensor,
    *,
    found: Sequence[Explanation],
    columns: Sequence[int],
    kind: str,
    options: Mapping[str, Mapping[str, Any]],
) -> dict[str, list[tuple[str, ...]]]:
    """Method → lines for each input; none where nothing is to be followed.

    Beside each method stand a random map and the plain gradient's size, by the same test.

    Args:
        model: that was explained.
        inputs: pictures as it takes them.
        found: the maps of each method.
        columns: what was explained of each input.
        kind: of the target.
        options: method → its own.
    """
    if kind not in JUDGED or inputs.ndim != 4:
        return {}
    lines: dict[str, dict[int, tuple[str, ...]]] = {one.method: {} for one in found}
    for places, target in _targets(columns, kind):
        part = inputs[places]
        plain = _plain(model, part, target)
        for one in found:
            call = partial(named_method(one.method)[1], **options.get(one.method, {}))
            own = _tested(model, part, one.maps[places], call, target)
            for number, place in enumerate(places):
                lines[one.method][place] = _lines(own[number], plain[number]) if own else ()
    return {method: [each[place] for place in range(len(inputs))] for method, each in lines.items()}


def _targets(columns: Sequence[int], kind: str) -> list[tuple[list[int], Target]]:
    """Places with what their probability is; of classes all at once."""
    if kind in ("classes", "scores"):
        return [(list(range(len(columns))), torch.tensor(columns))]
    return [
        ([place for place, own in enumerate(columns) if own == column], _Share(column, kind))
        for column in sorted(set(columns))
    ]


@dataclass(frozen=True)
class _Share:
    """The probability of one of two classes, or of a label."""

    column: int
    kind: str

    def __call__(self, output: Tensor) -> Tensor:
        if self.kind == "multi-label":
            return output[:, self.column].sigmoid()
        if output.ndim == 2 and output.shape[1] == 2:
            return output.softmax(1)[:, self.column]
        return (output.reshape(len(output)) * (1.0 if self.column else -1.0)).sigmoid()


def _plain(model: nn.Module, inputs: Tensor, target: Target) -> Sequence[Trust]:
    return trust(model, inputs, maps=saliency(model, inputs, target=target), target=target)


def _tested(
    model: nn.Module, inputs: Tensor, maps: Tensor, method: Callable[..., Tensor], target: Target
) -> Sequence[Trust]:
    """Nothing for maps that can't be tested, as of a network without parameters."""
    try:
        return trust(model, inputs, maps=maps, method=method, target=target)
    except NetwrightError:
        return ()


def _lines(own: Trust, plain: Trust) -> tuple[str, ...]:
    lines = [
        f"deletion {own.deletion:.2f} (random {own.random_deletion:.2f}, "
        f"gradient {plain.deletion:.2f})",
        f"insertion {own.insertion:.2f} (random {own.random_insertion:.2f}, "
        f"gradient {plain.insertion:.2f})",
    ]
    if own.overlap is not None:
        lines.append(f"kept under noise {100 * own.overlap:.0f}\u202f%")
    if own.randomised is not None:
        lines.append(f"like an untrained model's {own.randomised:.2f}".replace("-", "−"))
    return tuple(lines)
