"""Reasons as one picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor

from netwright._errors import must_be
from netwright.data.dataset import InputKind
from netwright.explain.drawing.bars import bars
from netwright.explain.drawing.panels import Explained, Heat, draw
from netwright.explain.drawing.sheet import Cell, sheet
from netwright.workflow.explaining.reasons import Reason, Reasons

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["as_data", "drawn", "explained", "facts", "row_names"]


def drawn(reasons: Reasons) -> Image:
    """Every example with its maps: over the pictures, or as bars of a row's columns.

    Raises:
        BadValue: the examples are neither pictures nor rows.
    """
    if reasons.of.input_kind == InputKind.IMAGE:
        rows = [explained(one, reasons) for one in reasons.items]
        return draw(rows, refused=reasons.refused, notes=reasons.meaning)
    notes = [*reasons.meaning, *(f"{one.method}: {one.reason}" for one in reasons.refused)]
    return sheet([_row(one, reasons) for one in reasons.items], notes=notes, columns=3)


def explained(reason: Reason, reasons: Reasons) -> Explained:
    """What `draw` takes of a picture."""
    return Explained(
        label=reason.example.label,
        picture=reason.example.raw,
        said=reason.said,
        facts=facts(reason, reasons),
        heats=tuple(
            Heat(method=method, values=heat, lines=reason.lines.get(method, ()))
            for method, heat in reason.maps.items()
        ),
    )


def facts(reason: Reason, reasons: Reasons) -> tuple[str, ...]:
    """What is answered, and what is true where that is known."""
    truth = reason.example.truth
    told = (f"answer: {reason.predicted}",)
    return told if truth is None else (*told, f"true: {reasons.of.names[truth]}")


def row_names(reason: Reason, reasons: Reasons) -> list[str]:
    """The columns of a row with its values."""
    values = reason.example.raw.flatten().tolist()
    columns = reasons.examples.columns or [f"input {place}" for place in range(len(values))]
    return [f"{name} = {value:.4g}" for name, value in zip(columns, values, strict=True)]


def _row(reason: Reason, reasons: Reasons) -> list[Cell]:
    if reason.example.raw.ndim != 1:
        fix = "In Python nw.explain gives their maps as tensors."
        shape = tuple(reason.example.raw.shape)
        raise must_be("examples", "pictures or rows of numbers to be drawn", shape, fix)
    names = row_names(reason, reasons)
    about = (*facts(reason, reasons),)
    return [
        Cell(
            title=f"{reason.example.label}: {method}",
            image=bars(heat, names),
            lines=(reason.said, *about, *reason.lines.get(method, ())),
        )
        for method, heat in reason.maps.items()
    ]


def as_data(reasons: Reasons) -> dict[str, Any]:
    """As plain data: what is said of each example; of a row also the number of each column."""
    is_row = reasons.of.input_kind != InputKind.IMAGE
    return {
        "network": reasons.of.name,
        "methods": reasons.methods,
        "examples": [
            {
                "label": one.example.label,
                "explained": one.said,
                "predicted": one.predicted,
                "true": None if one.example.truth is None else reasons.of.names[one.example.truth],
                "probability": one.probability,
                "methods": {
                    method: {
                        "figures": list(one.lines.get(method, ())),
                        **({"values": _by_column(one, heat, reasons)} if is_row else {}),
                    }
                    for method, heat in one.maps.items()
                },
            }
            for one in reasons.items
        ],
        "refused": {one.method: one.reason for one in reasons.refused},
        "skipped": {one.what: one.why for one in reasons.examples.skipped},
        "left_out": reasons.examples.left_out,
    }


def _by_column(reason: Reason, heat: Tensor, reasons: Reasons) -> dict[str, float]:
    columns = reasons.examples.columns or map(str, range(heat.numel()))
    return dict(zip(columns, heat.flatten().tolist(), strict=True))
