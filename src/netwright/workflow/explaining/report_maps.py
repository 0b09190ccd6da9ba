"""The maps that a report shows beside the pictures of a run."""

from __future__ import annotations

import io

import torch
from torch import Tensor, nn

from netwright._errors import NetwrightError
from netwright.data.dataset import Data, InputKind
from netwright.explain.catalogue import CATALOGUE
from netwright.explain.drawing.overlay import SMALL, overlay
from netwright.methods.base import Method
from netwright.methods.supervised import Supervised
from netwright.workflow.explaining.wishes import side_of

__all__ = ["are_explained", "drawn_over", "maps_of", "usual_of_pictures"]

SIDE = 128  # pixels
FINE = 64  # pixels of a side from which a last layer has places enough to point with


def usual_of_pictures(size: tuple[int, int]) -> tuple[str, ...]:
    """Methods that are tried where none is named, the best first.

    Args:
        size: (height, width) of the pictures, in pixels.
    """
    is_coarse = max(size) < FINE  # a layer's maps are a few pixels then
    return ("integrated-gradients", "saliency") if is_coarse else ("grad-cam", "saliency")


def are_explained(method: Method, data: Data) -> bool:
    """Whether a report has maps of them: pictures with classes, and a network with scores."""
    is_class = str(data.target.kind) in ("classes", "binary")
    return data.input_kind is InputKind.IMAGE and is_class and isinstance(method, Supervised)


def maps_of(model: nn.Module, inputs: Tensor, *, classes: Tensor, kind: str) -> Tensor | None:
    """By the first usual method that is defined; None where the network has no gradient.

    Args:
        model: a picture's network.
        inputs: as it takes them.
        classes: that are explained, one for each.
        kind: of the target, "classes" or "binary".
    """
    for name in usual_of_pictures((inputs.shape[2], inputs.shape[3])):
        method = CATALOGUE.load(name)
        try:
            if kind == "classes":
                found: Tensor = method(model, inputs, target=classes.to(inputs.device))
                return found.cpu()
            each = zip(torch.split(inputs, 1), classes.tolist(), strict=True)
            return torch.cat([method(model, one, target=side_of(int(k))).cpu() for one, k in each])
        except NetwrightError:
            continue
    return None


def drawn_over(heat: Tensor, picture: Tensor) -> bytes:
    """A map over its picture, as a PNG."""
    written = io.BytesIO()
    side = max(picture.shape[-2:])
    overlay(heat, picture, side=side if side <= SMALL else SIDE).image.save(written, format="PNG")
    return written.getvalue()
