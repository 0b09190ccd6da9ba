"""Maps of several methods side by side, over the pictures they explain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Num
from torch import Tensor, nn

from netwright._errors import must_be
from netwright.explain.drawing.overlay import as_picture, overlay
from netwright.explain.drawing.sheet import Cell, sheet
from netwright.explain.explanations import Explanation, Refusal, explanations
from netwright.explain.inside.examined import examined
from netwright.explain.inside.target import Target, chosen
from netwright.explain.trials.method import Method

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Explained", "Heat", "draw", "panel"]


@dataclass(frozen=True, kw_only=True)
class Heat:
    """One method's map of one input.

    Attributes:
        method: its name.
        values: of the input's shape, or (h, w).
        lines: what is said of it, below the panel's first line.
    """

    method: str
    values: Tensor
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Explained:
    """One picture with its maps.

    Attributes:
        label: of the picture.
        picture: grey or RGB as it was read.
        said: what is explained: a class and its probability.
        facts: what else is known of the picture.
        heats: in the order of their panels.
    """

    label: str
    picture: Tensor
    said: str
    facts: tuple[str, ...] = ()
    heats: tuple[Heat, ...] = field(default_factory=tuple)


def draw(
    explained: Sequence[Explained],
    *,
    refused: Sequence[Refusal] = (),
    notes: Sequence[str] = (),
    columns: int = 6,
    side: int = 224,
) -> Image:
    """Each picture with its maps beside it.

    Args:
        explained: in the order of their rows.
        refused: methods named below with their reasons.
        notes: what the lines mean, above these.
        columns: panels beside each other at most.
        side: pixels of the longer side of a panel.
    """
    rows = [_row(one, side=side) for one in explained]
    below = [*notes, *(f"{one.method}: {one.reason}" for one in refused)]
    return sheet(rows, notes=below, columns=columns)


def _row(one: Explained, *, side: int) -> list[Cell]:
    first = Cell(title=one.label, image=as_picture(one.picture, side=side), lines=one.facts)
    row = [first]
    for heat in one.heats:
        drawn = overlay(heat.values, one.picture, side=side)
        lines = (one.said, *heat.lines)
        row.append(Cell(title=heat.method, image=drawn.image, scale=drawn.scale, lines=lines))
    return row


def panel(
    model: nn.Module,
    inputs: Float[Tensor, "n c h w"],
    *,
    methods: Sequence[Method] | None = None,
    target: Target = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    pictures: Num[Tensor, "n c2 h2 w2"] | None = None,
    names: Sequence[str] = (),
    columns: int = 6,
) -> Image:
    """Explain pictures by several methods, side by side: a picture to look at or to save.

    Args:
        model: any, in any mode; it is left as it was.
        inputs: as the model takes them, preprocessed.
        methods: names of the catalogue, or functions (model, inputs, *, target) → maps; None for
            all that are defined for the model, the others being named with the reason.
        target: what is explained, see `explain.Target`; None for the predicted class.
        options: method → its own options: `{"occlusion": {"window": 16}}`.
        pictures: what is drawn over, as it was read; None draws over the inputs.
        names: of the classes.
        columns: panels beside each other at most.

    Example:
        >>> network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 3))
        >>> drawn = panel(network, torch.rand(2, 1, 8, 8), methods=["saliency", "gradient"])
        >>> drawn.width > drawn.height
        True

    Raises:
        BadValue: inputs that are no pictures, a method or an option that is not known, or no method
            is defined for the model.
    """
    if inputs.ndim != 4:
        raise must_be("inputs", "pictures (n, c, h, w) to be drawn", tuple(inputs.shape))
    found = explanations(model, inputs, methods=methods, target=target, options=options)
    made = [one for one in found if isinstance(one, Explanation)]
    refused = [one for one in found if isinstance(one, Refusal)]
    if not made:
        raise must_be(
            "methods",
            "defined for the model, at least one",
            [one.method for one in refused],
            " ".join(dict.fromkeys(one.reason for one in refused)),
        )
    said = _answers(model, inputs, target=target, names=names)
    under = inputs if pictures is None else pictures
    rows = [
        Explained(
            label=str(place),
            picture=under[place],
            said=said[place],
            heats=tuple(Heat(method=one.method, values=one.maps[place]) for one in made),
        )
        for place in range(len(inputs))
    ]
    return draw(rows, refused=refused, columns=columns)


def _answers(
    model: nn.Module, inputs: Tensor, *, target: Target, names: Sequence[str]
) -> list[str]:
    """Class and probability of each, as far as the output says them."""
    if callable(target):
        return ["of the target given"] * len(inputs)
    with examined(model) as opened, torch.no_grad():
        output = opened(inputs)
        classes = chosen(output, target)
    scores = output.unsqueeze(1) if output.ndim == 1 else output
    shares = scores.softmax(1) if scores.shape[1] > 1 else None
    said = []
    for place, one in enumerate(torch.as_tensor(classes).tolist()):
        name = names[one] if one < len(names) else f"class {one}"
        value = scores[place, one]
        sure = f"score {value:.3g}" if shares is None else f"{100 * shares[place, one]:.1f} %"
        said.append(f"{name}, {sure}")
    return said
