"""Every weighting of several tasks by name."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from netwright._catalogue import Catalogue, Entry
from netwright._errors import must_be, unknown

if TYPE_CHECKING:
    from netwright.methods.multi_task.heads import Heads
    from netwright.methods.multi_task.weighting import Weighting

__all__ = ["CATALOGUE", "create"]

_HERE = "netwright.methods.multi_task"

CATALOGUE = Catalogue(
    "weighting",
    (
        Entry(
            name="fixed",
            target=f"{_HERE}.fixed:Fixed",
            summary="several tasks: the sum of their losses, each times a given number",
            paper="Multitask Learning, 1997, https://doi.org/10.1023/A:1007379606734",
        ),
        Entry(
            name="uncertainty",
            target=f"{_HERE}.uncertainty:Uncertainty",
            summary="several tasks: each loss over a variance that is learned",
            paper="Multi-Task Learning Using Uncertainty to Weigh Losses for Scene Geometry and "
            "Semantics, 2018, https://arxiv.org/abs/1705.07115",
        ),
        Entry(
            name="pcgrad",
            target=f"{_HERE}.pcgrad:PCGrad",
            summary="several tasks: their gradients, without what works against another's",
            paper="Gradient Surgery for Multi-Task Learning, 2020, "
            "https://arxiv.org/abs/2001.06782",
        ),
    ),
)


def create(weighting: str, *, heads: Heads, **options: Any) -> Weighting:
    """The weighting of that name.

    Args:
        weighting: a name of the catalogue, or `file.py:Name`.
        heads: of the tasks.
        options: of the weighting (`weights`).

    Raises:
        BadValue: no such weighting, or no such option of it.
    """
    from netwright.methods.multi_task.weighting import Weighting

    made: Any = CATALOGUE.load(weighting)
    if not (isinstance(made, type) and issubclass(made, Weighting)):
        raise must_be("weighting", "a class derived from Weighting", weighting)
    taken = [name for name in inspect.signature(made).parameters if name != "heads"]
    for name in options:
        if name not in taken:
            raise unknown(f"option of {weighting}", name, ["weighting", "units", *taken])
    return made(heads, **options)
