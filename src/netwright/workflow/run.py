"""A run that is there: its record, and what it learned."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from netwright._catalogue import only_installed
from netwright._errors import DamagedRun
from netwright.data.preprocess import catalogue as preprocessing
from netwright.data.sources.table import TableEncoder
from netwright.methods.base import Method, Prediction, Task, evaluating
from netwright.methods.supervised import Supervised
from netwright.runs.finished import WEIGHTS
from netwright.runs.recipe import Recipe
from netwright.runs.records import Finding
from netwright.runs.store import RunFolder, events
from netwright.train.precision import choose_precision
from netwright.workflow.build import build_method

__all__ = ["Run", "load", "load_weights", "network_input_shape", "require_weights", "task_of"]


@dataclass(frozen=True)
class Run:
    """A trained and recorded run.

    Attributes:
        folder: where it is.
        recipe: everything that decided it, with every default.
        method: the trained method, on the processor.
        state: what answering for new inputs needs.
        preprocess: from raw inputs to what the network takes.
    """

    folder: RunFolder
    recipe: Recipe
    method: Method
    state: dict[str, Any] = field(repr=False)
    preprocess: nn.Module = field(repr=False)

    @property
    def name(self) -> str:
        """Of the run's folder."""
        return self.folder.name

    @property
    def model(self) -> nn.Module:
        """The trained network, a plain `nn.Module`; of an ensemble, the method that holds them."""
        return self.method.model if isinstance(self.method, Supervised) else self.method

    @property
    def metrics(self) -> dict[str, float]:
        """Figures of the test split, or of the validation split where there is none."""
        for split in ("test", "val"):
            if self.folder.has(f"evaluation/{split}.json"):
                found = self.folder.read_json(f"evaluation/{split}.json")["metrics"]
                return {name: estimate["value"] for name, estimate in found.items()}
        return {}

    @property
    def findings(self) -> list[Finding]:
        """What the doctor found."""
        return [Finding.from_json(event) for event in events(self.folder.path, "finding")]

    @cached_property
    def encoder(self) -> TableEncoder | None:
        """From a table's columns to numbers; None for other inputs."""
        state = self.state["encoder"]
        return None if state is None else TableEncoder.from_state(state)

    def predict(self, raw: Tensor) -> Prediction:
        """Answer for raw inputs (n, ...), as they were read, before any preprocessing."""
        precision = choose_precision(self.recipe.training.precision, torch.device("cpu"))
        with evaluating(self.method), precision.autocast():
            return self.method.predict(self.preprocess(raw))

    def report(self) -> str:
        """Write the report anew; the path of the page."""
        from netwright.report import write_report

        return os.fspath(write_report(self.folder))

    def __repr__(self) -> str:
        figures = ", ".join(f"{name} {value:.4g}" for name, value in self.metrics.items())
        return f"Run({os.fspath(self.folder.path)!r}, {figures or 'not judged yet'})"


def load(
    run: str | os.PathLike[str] | RunFolder,
    *,
    model: nn.Module | None = None,
    method: Method | None = None,
    trust: bool = False,
    root: str | os.PathLike[str] = "runs",
) -> Run:
    """Load a run from its folder; nothing in it is executed.

    Where its recipe names a Python file (`file.py:Name`), that file would be: it is refused unless
    you say that you trust it, or have loaded it in this process.

    Args:
        run: path, name under `root`, or the beginning of a name.
        model: the module that was given to `fit`, where one was.
        method: likewise.
        trust: run the Python files that the run names.
        root: folder of all runs.

    Raises:
        DamagedRun: no such run, or files of it are missing or broken.
        BadValue: it was made from an object that has to be given again.
    """
    folder = run if isinstance(run, RunFolder) else RunFolder.find(run, root=root)
    recipe = Recipe.read(folder.path / "recipe.yaml")
    if recipe.ensemble is not None:
        from netwright.workflow.ensembling.loaded import load_ensemble

        with only_installed(unless=trust):
            return load_ensemble(folder, recipe, model=model, method=method)
    state = folder.read_json("preprocess.json")
    with only_installed(unless=trust):
        built = build_method(
            recipe,
            task=task_of(state),
            input_shape=network_input_shape(state),
            model=model,
            method=method,
        )
        preprocess = preprocessing.from_state(state["preprocess"])
    load_weights(built, folder)
    return Run(folder, recipe, built.eval(), state, preprocess)


def network_input_shape(state: Mapping[str, Any]) -> tuple[int, ...]:
    """Shape of one example as the network gets it, from what `preprocess.json` says."""
    return tuple(state.get("network_input_shape", state["input_shape"]))


def task_of(state: Mapping[str, Any]) -> Task:
    """What a run learned, from what `preprocess.json` says, without its targets."""
    example = torch.zeros(2, *network_input_shape(state))
    return replace(Task.of(state["target"]), example=example)


def require_weights(folder: RunFolder) -> None:
    """Refuse a run that has not come to its end."""
    if not folder.has(WEIGHTS):
        raise DamagedRun(
            f"run must be finished to be loaded, got {folder.name} without {WEIGHTS}. "
            f"Go on with it: netwright resume {folder.name}"
        )


def load_weights(method: Method, folder: RunFolder) -> None:
    """Load the weights a run ended with.

    Raises:
        DamagedRun: there are none yet, or they are of another architecture; the keys that differ
            are named.
    """
    require_weights(folder)
    weights = folder.read_tensors(WEIGHTS)
    own = method.state_dict()
    wrong = sorted(set(own) ^ set(weights)) or sorted(
        name for name, value in own.items() if value.shape != weights[name].shape
    )
    if wrong:
        shown = ", ".join(wrong[:6]) + (f" and {len(wrong) - 6} more" if len(wrong) > 6 else "")
        raise DamagedRun(
            f"weights must fit the method of the recipe, got {folder.name}/{WEIGHTS} that differs "
            f"in {shown}. Give the model or method that was trained."
        )
    method.load_state_dict(weights)
