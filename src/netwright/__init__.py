"""Netwright builds, trains, diagnoses and explains neural networks on your own data.

Whatever is named here is loaded when it is first used: importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netwright.methods.base import Loss, Method, Phase, Prediction, Stage
    from netwright.models import create, initialise
    from netwright.models.graph import describe
    from netwright.probes.signal import signal_propagation
    from netwright.runs.recipe import Recipe
    from netwright.workflow.answer import predict
    from netwright.workflow.baseline import baseline
    from netwright.workflow.calibration import calibrate
    from netwright.workflow.cross_validation import cross_validate
    from netwright.workflow.ensembling.put_together import ensemble
    from netwright.workflow.fit import fit, resume, run_recipe
    from netwright.workflow.layers import which_layers
    from netwright.workflow.range_test import range_test
    from netwright.workflow.run import Run, load
    from netwright.workflow.searching.search import search

__version__ = "0.1.0"

__all__ = [
    "Loss",
    "Method",
    "Phase",
    "Prediction",
    "Recipe",
    "Run",
    "Stage",
    "__version__",
    "baseline",
    "calibrate",
    "create",
    "cross_validate",
    "describe",
    "ensemble",
    "fit",
    "initialise",
    "load",
    "predict",
    "range_test",
    "resume",
    "run_recipe",
    "search",
    "signal_propagation",
    "which_layers",
]

_PLACES = {
    "Loss": "netwright.methods.base",
    "Method": "netwright.methods.base",
    "Phase": "netwright.methods.base",
    "Prediction": "netwright.methods.base",
    "Stage": "netwright.methods.base",
    "create": "netwright.models",
    "initialise": "netwright.models",
    "describe": "netwright.models.graph",
    "Recipe": "netwright.runs.recipe",
    "signal_propagation": "netwright.probes.signal",
    "ensemble": "netwright.workflow.ensembling.put_together",
    "baseline": "netwright.workflow.baseline",
    "predict": "netwright.workflow.answer",
    "calibrate": "netwright.workflow.calibration",
    "cross_validate": "netwright.workflow.cross_validation",
    "fit": "netwright.workflow.fit",
    "resume": "netwright.workflow.fit",
    "range_test": "netwright.workflow.range_test",
    "which_layers": "netwright.workflow.layers",
    "run_recipe": "netwright.workflow.fit",
    "Run": "netwright.workflow.run",
    "load": "netwright.workflow.run",
    "search": "netwright.workflow.searching.search",
}
_ROOMS = (
    "data",
    "diagnose",
    "evaluate",
    "explain",
    "losses",
    "methods",
    "metrics",
    "models",
    "probes",
    "report",
    "runs",
    "train",
    "tune",
)


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(importlib.import_module(_PLACES[name]), name)
    if name in _ROOMS:
        return importlib.import_module(f"netwright.{name}")
    raise AttributeError(f"module 'netwright' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_ROOMS})
