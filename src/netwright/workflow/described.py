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
from netwright.models.graph.record import numbers_of
from netwright.runs.store import list_runs

if TYPE_CHECKING:
    from netwright.workflow.run import Run


__all__ = ["Input", "Subject", "described", "parse_input", "subject"]


@dataclass(frozen=True)
class Input:
    """One of the tensors that a network takes.

    Attributes:
        shape: of one example, without the batch.
        is_integer: it holds numbers of words or of classes.
    """

    shape: tuple[int, ...]
    is_integer: bool = False


@dataclass(frozen=True)
class Subject:
    """What is described.

    Attributes:
        model: the network.
        inputs: what it takes, in the order of its arguments.
    """

    model: nn.Module
    inputs: tuple[Input, ...]

    @property
    def example(self) -> Tensor | tuple[Tensor, ...]:
        """Zeros that it takes."""
        numbers = numbers_of(self.model)
        made = tuple(
            torch.zeros(1, *one.shape).to(torch.long if one.is_integer else numbers.dtype)
            for one in self.inputs
        )
        placed = tuple(one.to(numbers.device) for one in made)
        return placed[0] if len(placed) == 1 else placed


_USUAL = Input((3, 224, 224))  # what torchvision's and timm's classifiers were made for


def subject(
    name: str,
    *,
    inputs: Sequence[Input] = (),
    num_classes: int = 1000,
    options: Mapping[str, Any] | None = None,
    trust: bool = False,
    root: str | os.PathLike[str] = "runs",
) -> Subject:
    """The network behind a word, and what it takes.

    Args:
        name: a run (its path, or its whole name under `root`), a name of `models.names`, or
            `file.py:Name` of a class, a function or a module that is there already.
        inputs: what it takes, in the order of its arguments; none takes the run's, or (3, 224, 224)
            for a network of torchvision or timm. The first says what size a network is built for.
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
        from netwright.workflow.run import load, network_input_shape

        run = load(name, trust=trust, root=root)
        _refuse_several(run)
        return Subject(run.model, tuple(inputs) or (Input(network_input_shape(run.state)),))
    if is_file_target(name):
        found = load_target(name)
        if isinstance(found, nn.Module):
            return Subject(found, _needed(inputs, name))
    elif not inputs and "library" in entry_of(name).facts:
        inputs = (_USUAL,)
    given = _needed(inputs, name)
    shape = given[0].shape
    size = shape[1:] if len(shape) == 3 else None
    model = create(
        name, num_classes=num_classes, in_channels=shape[0], image_size=size, **(options or {})
    )
    return Subject(model, given)


def described(of: Subject, *, axes: Sequence[int] | None = None, effective: int = 0) -> Description:
    """Describe a network.

    Args:
        of: what `subject` gives.
        axes: see `models.graph.describe`.
        effective: random inputs over which the effective receptive fields of the convolutions are
            measured; 0 for none.
    """
    found = describe(of.model, of.example, axes=axes)
    if not effective:
        return found
    if len(of.inputs) > 1 or of.inputs[0].is_integer:
        shown = "several inputs" if len(of.inputs) > 1 else "integers"
        raise must_be("--effective", "left out unless there is one input of real numbers", shown)
    shape = of.inputs[0].shape
    layers = dict.fromkeys(
        layer.name
        for layer in found.layers
        if layer.operation.startswith("Conv") and len(layer.output_shape) == len(shape) + 1
    )
    generator = torch.Generator().manual_seed(0)
    inputs: Tensor = torch.randn(effective, *shape, generator=generator)
    return with_effective(found, effective_receptive_field(of.model, inputs, layers=list(layers)))


def parse_input(text: str) -> Input:
    """Read "3x224x224", or "20:int" for integers.

    Raises:
        BadValue: it is something else.
    """
    sizes, _, kind = text.replace("×", "x").casefold().partition(":")
    parts = sizes.split("x")
    is_read = all(part.strip().isdigit() and int(part) > 0 for part in parts)
    if not is_read or kind not in {"", "int"}:
        raise must_be("--input", "sizes such as 3x224x224 or 10, or 20:int for integers", text)
    return Input(tuple(int(part) for part in parts), is_integer=bool(kind))


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


def _needed(inputs: Sequence[Input], name: str) -> tuple[Input, ...]:
    if not inputs:
        raise must_be("--input", f"given for {name}", None, "For example: --input 1x28x28.")
    return tuple(inputs)
