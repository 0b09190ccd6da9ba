"""What an ensemble's folder says of its members: enough to make them again without their runs.

`members.json` holds ``{"members": [{"name", "recipe", "state", "figures": {split: {metric,
value}}}], "ambiguity": {split: {error, members, ambiguity}}}``; `model.safetensors` holds the
weights of all of them, so that the runs they came from may be moved or thrown away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from netwright._errors import DamagedRun
from netwright.data.preprocess import catalogue as preprocessing
from netwright.methods.base import Method
from netwright.methods.ensemble import Ensemble, Member
from netwright.runs.members import FILE, read_about_members
from netwright.runs.recipe import Recipe
from netwright.runs.store import RunFolder
from netwright.workflow.build import build_method
from netwright.workflow.run import network_input_shape, task_of

__all__ = ["Described", "read_members", "rebuilt"]


@dataclass(frozen=True, kw_only=True)
class Described:
    """One member.

    Attributes:
        name: of its run, or of the moment of the run.
        recipe: of its run.
        state: what answering for new inputs needs, as `preprocess.json` has it.
        figures: split → {metric, value} of its first metric.
    """

    name: str
    recipe: Recipe
    state: Mapping[str, Any]
    figures: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As the file has it."""
        return {
            "name": self.name,
            "recipe": self.recipe.plain(),
            "state": dict(self.state),
            "figures": dict(self.figures),
        }


def read_members(folder: RunFolder) -> list[Described]:
    """The members that an ensemble's folder describes.

    Raises:
        DamagedRun: the file is missing or broken.
    """
    try:
        return [
            Described(
                name=one["name"],
                recipe=Recipe.parse(one["recipe"]),
                state=one["state"],
                figures=one["figures"],
            )
            for one in read_about_members(folder)["members"]
        ]
    except (KeyError, TypeError) as error:
        raise DamagedRun(
            f"{FILE} must describe the members of the ensemble, got {folder.name}, where it does "
            f"not ({type(error).__name__}: {error}). Bring it back from a copy."
        ) from error


def rebuilt(
    described: Sequence[Described],
    *,
    model: nn.Module | None = None,
    method: Method | None = None,
) -> Ensemble:
    """The ensemble with weights that are still to be loaded.

    Args:
        described: its members.
        model: the module that was given to `fit`, where one was; each member gets a copy.
        method: likewise.
    """
    from copy import deepcopy

    members = []
    for one in described:
        built = build_method(
            one.recipe,
            task=task_of(one.state),
            input_shape=network_input_shape(one.state),
            model=deepcopy(model),
            method=deepcopy(method),
        )
        members.append(Member(preprocessing.from_state(one.state["preprocess"]), built))
    return Ensemble(members)
