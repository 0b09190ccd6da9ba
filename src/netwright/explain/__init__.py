"""What was learned: functions of a module and tensors, one method a file.

A function carries the name of its file and is loaded when it is first used.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netwright.explain.activation_maximisation import activation_maximisation, value_range
    from netwright.explain.approximate_neighbours import ApproximateNeighbours
    from netwright.explain.attention_maps import attention_maps
    from netwright.explain.attention_rollout import attention_rollout
    from netwright.explain.cam import cam
    from netwright.explain.deconvnet import deconvnet
    from netwright.explain.default_layer import default_layer
    from netwright.explain.drawing.matches import drawn_matches
    from netwright.explain.drawing.panels import panel
    from netwright.explain.explanations import explanations
    from netwright.explain.feature_maps import feature_maps
    from netwright.explain.feature_matching import Matches, feature_matching
    from netwright.explain.filters import filters
    from netwright.explain.grad_cam import grad_cam
    from netwright.explain.gradient import gradient
    from netwright.explain.guided_backprop import guided_backprop
    from netwright.explain.guided_grad_cam import guided_grad_cam
    from netwright.explain.histograms import histograms
    from netwright.explain.inside.layer_features import layer_features
    from netwright.explain.inside.target import Target
    from netwright.explain.integrated_gradients import integrated_gradients
    from netwright.explain.nearest import Neighbours, nearest
    from netwright.explain.neighbours import neighbours
    from netwright.explain.occlusion import occlusion, occlusion_grid
    from netwright.explain.prototypes import Prototypes, prototypes
    from netwright.explain.random_map import random_map
    from netwright.explain.saliency import saliency
    from netwright.explain.signed_grad_cam import signed_grad_cam
    from netwright.explain.smoothgrad import smoothgrad
    from netwright.explain.style_transfer import style_transfer
    from netwright.explain.texture_or_shape import CueConflict, texture_or_shape
    from netwright.explain.trials.completeness import completeness
    from netwright.explain.trials.deletion import deletion
    from netwright.explain.trials.fill import blurred, channel_mean
    from netwright.explain.trials.fragility import fragility
    from netwright.explain.trials.insertion import insertion
    from netwright.explain.trials.judge import judge
    from netwright.explain.trials.judgement import Judgement
    from netwright.explain.trials.label_randomisation import label_randomisation
    from netwright.explain.trials.layer_randomisation import layer_randomisation
    from netwright.explain.trials.localisation import mask_overlap, pointing_game
    from netwright.explain.trials.parameter_randomisation import parameter_randomisation
    from netwright.explain.trials.random_signs import RandomSigns
    from netwright.explain.trials.shift_invariance import shift_invariance
    from netwright.explain.trials.top_attack import TopAttack
    from netwright.explain.trials.trust import Trust, trust
    from netwright.explain.weights import weights

__all__ = [
    "ApproximateNeighbours",
    "CueConflict",
    "Judgement",
    "Matches",
    "Neighbours",
    "Prototypes",
    "RandomSigns",
    "Target",
    "TopAttack",
    "Trust",
    "activation_maximisation",
    "attention_maps",
    "attention_rollout",
    "blurred",
    "cam",
    "channel_mean",
    "completeness",
    "deconvnet",
    "default_layer",
    "deletion",
    "drawn_matches",
    "explanations",
    "feature_maps",
    "feature_matching",
    "filters",
    "fragility",
    "grad_cam",
    "gradient",
    "guided_backprop",
    "guided_grad_cam",
    "histograms",
    "insertion",
    "integrated_gradients",
    "judge",
    "label_randomisation",
    "layer_features",
    "layer_randomisation",
    "mask_overlap",
    "nearest",
    "neighbours",
    "occlusion",
    "occlusion_grid",
    "panel",
    "parameter_randomisation",
    "pointing_game",
    "prototypes",
    "random_map",
    "saliency",
    "shift_invariance",
    "signed_grad_cam",
    "smoothgrad",
    "style_transfer",
    "texture_or_shape",
    "trust",
    "value_range",
    "weights",
]

_ELSEWHERE = {
    "ApproximateNeighbours": "approximate_neighbours",
    "CueConflict": "texture_or_shape",
    "Judgement": "trials.judgement",
    "Matches": "feature_matching",
    "Neighbours": "nearest",
    "Prototypes": "prototypes",
    "RandomSigns": "trials.random_signs",
    "Target": "inside.target",
    "TopAttack": "trials.top_attack",
    "Trust": "trials.trust",
    "blurred": "trials.fill",
    "channel_mean": "trials.fill",
    "completeness": "trials.completeness",
    "deletion": "trials.deletion",
    "drawn_matches": "drawing.matches",
    "fragility": "trials.fragility",
    "insertion": "trials.insertion",
    "judge": "trials.judge",
    "label_randomisation": "trials.label_randomisation",
    "layer_features": "inside.layer_features",
    "layer_randomisation": "trials.layer_randomisation",
    "mask_overlap": "trials.localisation",
    "occlusion_grid": "occlusion",
    "panel": "drawing.panels",
    "parameter_randomisation": "trials.parameter_randomisation",
    "pointing_game": "trials.localisation",
    "shift_invariance": "trials.shift_invariance",
    "trust": "trials.trust",
    "value_range": "activation_maximisation",
}


class _Room(ModuleType):
    """Python binds a file that is loaded to its name here, which would hide the function."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Room


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    place = importlib.import_module(f"{__name__}.{_ELSEWHERE.get(name, name)}")
    return getattr(place, name)


def __dir__() -> list[str]:
    return sorted(__all__)
