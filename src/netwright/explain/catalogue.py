"""Every method of explanation by name.

A method with the fact `gives="map"` is called as `method(model, inputs, target=…)` with tensors as
the model takes them, and gives numbers of the inputs' shape (n, c, h, w), or one map a picture
(n, h, w): it can be drawn in a panel and judged beside the others.
"""

from __future__ import annotations

from netwright._catalogue import Catalogue, Entry

__all__ = ["CATALOGUE"]

_DEEP_INSIDE = (
    "Deep Inside Convolutional Networks: Visualising Image Classification Models and Saliency "
    "Maps, 2013, https://arxiv.org/abs/1312.6034"
)

CATALOGUE = Catalogue(
    "explanation",
    (
        Entry(
            name="gradient",
            target="netwright.explain.gradient:gradient",
            summary="derivative of the score by every number of the input",
            facts={"gives": "map"},
        ),
        Entry(
            name="saliency",
            target="netwright.explain.saliency:saliency",
            summary="size of the score's derivative by each pixel, the largest over its colours",
            paper=_DEEP_INSIDE,
            facts={"gives": "map"},
        ),
    ),
)
