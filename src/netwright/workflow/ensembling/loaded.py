"""An ensemble read from its folder."""

from __future__ import annotations

from torch import nn

from netwright.methods.base import Method
from netwright.runs.recipe import Recipe
from netwright.runs.store import RunFolder
from netwright.workflow.ensembling.described import read_members, rebuilt
from netwright.workflow.run import Run, load_weights, require_weights

__all__ = ["load_ensemble"]


def load_ensemble(
    folder: RunFolder,
    recipe: Recipe,
    *,
    model: nn.Module | None = None,
    method: Method | None = None,
) -> Run:
    """Load an ensemble; its members bring raw inputs to themselves.

    Raises:
        DamagedRun: it is unfinished, or files of it are missing or broken.
    """
    require_weights(folder)
    described = read_members(folder)
    ensemble = rebuilt(described, model=model, method=method)
    load_weights(ensemble, folder)
    return Run(folder, recipe, ensemble.eval(), dict(described[0].state), nn.Identity())
