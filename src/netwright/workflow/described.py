"""A network described by a name, a file or a run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from netwright._catalogue import is_file_target, load_target
from netwright._errors import must_be
from netwright.models.catalogue import create
from netwright.models.catalogue import describe as entry_of
from netwright.models.graph import Description, describe, effective_receptive_field
from netwright.models.graph.description import with_effective
from netwright.runs.store import list_runs

if TYPE_CHECKING:
    from netwright.workflow.run import Run

__all__ = ["Subject", "described", "parse_input", "subject"]

_USUAL = (3, 224, 224)  # what torchvision's and timm's classifiers were made for


@dataclass(frozen=True)
class Subject:
    """What is described.

    Attributes:
        model: the network.
        input_shape: of one example.
    """

    model: nn.Module
    input_shape: tuple[int, ...]


def subject(
    name: str,
    *,
    input_shape: Sequence[int] | None = None,
    num_classes: int = 1000,
    options: Mapping[str, Any] | None = None,
    trust: bool = False,
    root: str | os.PathLike[str] = "runs",
) -> Subject:
    """The network behind a word, and what it takes.

    Args:
        name: a run (its path, or its whole name under `root`), a name of `models.names`, or
            `file.py:Name` of a class, a function or a module that is there already.
        input_shape: of one example, without the batch; None takes the run's, or (3, 224, 224) for
            a network of torchvision or timm.
        num_classes: scores of a network that is built.
        options: of such a network.
        trust: run the Python files that a run names.
        root: folder of all runs.

    Raises:
        BadValue: nothing of that name, or the shape is needed and not given.
    """
    if _is_run(name, root):
        if options:
            raise must_be("options", "left out for a run, which has its own", dict(options))
        from netwright.workflow.run import load

        run = load(name, trust=trust, root=root)
        _refuse_several(run)
        return Subject(run.model, tuple(input_shape or run.state["input_shape"]))
    if is_file_target(name):
        found = load_target(name)
        if isinstance(found, nn.Module):
            return Subject(found, _needed(input_shape, name))
    else:
        library = "library" in entry_of(name).facts
        input_shape = _USUAL if input_shape is None and library else input_shape
    shape = _needed(input_shape, name)
    size = shape[1:] if len(shape) == 3 else None
    model = create(
        name, num_classes=num_classes, in_channels=shape[0], image_size=size, **(options or {})
    )
    return Subject(model, shape)


def described(of: Subject, *, axes: Sequence[int] | None = None, effective: int = 0) -> Description:
    """Describe a network.

    Args:
        of: what `subject` gives.
        axes: see `models.graph.describe`.
        effective: random inputs over which the effective receptive fields of the convolutions are
            measured; 0 for none.
    """
    found = describe(of.model, of.input_shape, axes=axes)
    if not effective:
        return found
    rank = len(of.input_shape) + 1
    layers = dict.fromkeys(
        layer.name
        for layer in found.layers
        if layer.operation.startswith("Conv") and len(layer.output_shape) == rank
    )
    generator = torch.Generator().manual_seed(0)
    inputs: Tensor = torch.randn(effective, *of.input_shape, generator=generator)
    return with_effective(found, effective_receptive_field(of.model, inputs, layers=list(layers)))


def parse_input(text: str) -> tuple[int, ...]:
    """Read "3x224x224".

    Raises:
        BadValue: it is something else.
    """
    parts = text.replace("×", "x").casefold().split("x")
    if not all(part.strip().isdigit() and int(part) > 0 for part in parts):
        raise must_be("--input", "sizes such as 3x224x224 or 10", text)
    return tuple(int(part) for part in parts)


def _refuse_several(run: Run) -> None:
    from netwright.runs.finished import MEMBERS
    from netwright.runs.members import read_about_members

    members = [str(one["name"]) for one in read_about_members(run.folder).get("members", [])]
    if not members:
        return
    part, model = run.recipe.ensemble, run.recipe.model
    if part is not None and part.kind == "snapshots" and model is not None:
        other = model.name
    else:
        own = members[0].startswith(f"{MEMBERS}/")
        other = str(run.folder.path / members[0]) if own else members[0]
    raise must_be(
        "run",
        "of one network to be described",
        f"{run.name}: {len(members)} that answer together",
        f"One of them: netwright describe {other}",
    )


def _is_run(name: str, root: str | os.PathLike[str]) -> bool:
    return os.path.isfile(os.path.join(name, "recipe.yaml")) or any(
        run.name == name for run in list_runs(root)
    )


def _needed(shape: Sequence[int] | None, name: str) -> tuple[int, ...]:
    if shape is None:
        raise must_be("input_shape", f"given for {name}", None, "For example: --input 1x28x28.")
    return tuple(shape)
