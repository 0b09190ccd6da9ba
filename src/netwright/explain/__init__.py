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
    from netwright.explain.completeness import completeness
    from netwright.explain.deconvnet import deconvnet
    from netwright.explain.default_layer import default_layer
    from netwright.explain.deletion import deletion
    from netwright.explain.explanations import explanations
    from netwright.explain.feature_maps import feature_maps
    from netwright.explain.feature_matching import Matches, feature_matching
    from netwright.explain.fill import blurred, channel_mean
    from netwright.explain.filters import filters
    from netwright.explain.fragility import fragility
    from netwright.explain.grad_cam import grad_cam
    from netwright.explain.gradient import gradient
    from netwright.explain.guided_backprop import guided_backprop
    from netwright.explain.guided_grad_cam import guided_grad_cam
    from netwright.explain.histograms import histograms
    from netwright.explain.insertion import insertion
    from netwright.explain.integrated_gradients import integrated_gradients
    from netwright.explain.judge import judge
    from netwright.explain.judgement import Judgement
    from netwright.explain.label_randomisation import label_randomisation
    from netwright.explain.layer_features import layer_features
    from netwright.explain.layer_randomisation import layer_randomisation
    from netwright.explain.localisation import mask_overlap, pointing_game
    from netwright.explain.matches_drawing import drawn_matches
    from netwright.explain.nearest import Neighbours, nearest
    from netwright.explain.neighbours import neighbours
    from netwright.explain.occlusion import occlusion, occlusion_grid
    from netwright.explain.panels import panel
    from netwright.explain.parameter_randomisation import parameter_randomisation
    from netwright.explain.random_map import random_map
    from netwright.explain.random_signs import RandomSigns
    from netwright.explain.saliency import saliency
    from netwright.explain.shift_invariance import shift_invariance
    from netwright.explain.signed_grad_cam import signed_grad_cam
    from netwright.explain.smoothgrad import smoothgrad
    from netwright.explain.style_transfer import style_transfer
    from netwright.explain.target import Target
    from netwright.explain.texture_or_shape import CueConflict, texture_or_shape
    from netwright.explain.top_attack import TopAttack
    from netwright.explain.trust import Trust, trust
    from netwright.explain.weights import weights

__all__ = [
    "ApproximateNeighbours",
    "CueConflict",
    "Judgement",
    "Matches",
    "Neighbours",
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
    "Judgement": "judgement",
    "Matches": "feature_matching",
    "Neighbours": "nearest",
    "RandomSigns": "random_signs",
    "Target": "target",
    "TopAttack": "top_attack",
    "Trust": "trust",
    "blurred": "fill",
    "channel_mean": "fill",
    "drawn_matches": "matches_drawing",
    "mask_overlap": "localisation",
    "occlusion_grid": "occlusion",
    "panel": "panels",
    "pointing_game": "localisation",
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
