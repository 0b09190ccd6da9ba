"""Methods that show the network itself, drawn for a network of the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from netwright._catalogue import is_file_target, load_target
from netwright._errors import must_be
from netwright.explain.catalogue import CATALOGUE
from netwright.runs.files import replacing
from netwright.workflow.explaining.compared import COMPARED
from netwright.workflow.explaining.examples import read_examples
from netwright.workflow.explaining.explainable import Explainable

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["is_pictured", "pictured", "write_image"]

_OF_INPUTS = ("feature-maps", "histograms")
_MAXIMISED = "activation-maximisation"
_PRIORS = {"l2": 1e-4, "frequency_prior": 1.0}  # without them nothing is seen


def is_pictured(methods: Sequence[str]) -> bool:
    """Whether what is asked for shows the network itself, or compares pictures by it.

    Raises:
        BadValue: it is asked for beside another method.
    """
    found = [name for name in methods if name in COMPARED or _drawn_by(name)]
    if found and len(methods) > 1:
        fix = "It has a picture of its own."
        raise must_be("--method", f"{found[0]} alone", list(methods), fix)
    return bool(found)


def pictured(
    of: Explainable,
    method: str,
    *,
    places: Sequence[str],
    count: int,
    wished: str | None,
    options: Mapping[str, Any],
) -> Image:
    """The picture of a method that shows the network itself; of an ensemble, its first member.

    Args:
        of: the network.
        method: see `is_pictured`.
        places: the examples that feature maps and activations are of.
        count: of them, at most.
        wished: class that is maximised; None for the first `count`.
        options: of the method.

    Raises:
        BadValue: an option or a class that there is not, or a method that is not defined here.
    """
    if method in COMPARED:
        return COMPARED[method](of, places, count=count, options=options)
    draw = load_target(_drawn_by(method))
    model, preprocess = of.networks[0].model, of.networks[0].preprocess
    if method not in {*_OF_INPUTS, _MAXIMISED}:
        image: Image = draw(model, **options)
        return image
    raw = torch.stack([one.raw for one in read_examples(of, places, count=count).items])
    inputs = preprocess(raw)
    if method in _OF_INPUTS:
        image = draw(model, inputs, **options)
        return image
    classes = list(range(count)) if wished is None else [of.number_of(wished)]
    classes = classes[: len(of.names) or None]
    asked = {"limits": _limits(preprocess, raw), **_PRIORS, **options}
    image = draw(model, (len(classes), *inputs.shape[1:]), target=classes, **asked)
    return image


def write_image(image: Image, place: Path) -> None:
    """Write it whole or not at all.

    Raises:
        BadValue: a page is asked for.
    """
    if place.suffix.lower() == ".html":
        raise must_be("--output", "a picture, .png, .jpg or .webp", str(place))
    with replacing(place) as temporary:
        image.save(temporary, format="JPEG" if "j" in place.suffix.lower() else place.suffix[1:])


def _drawn_by(name: str) -> str:
    if is_file_target(name) or name not in CATALOGUE:
        return ""
    return str(CATALOGUE.entry(name).facts.get("drawn_by", ""))


def _limits(preprocess: nn.Module, raw: Tensor) -> tuple[Tensor, Tensor]:
    """What black and white become, for each colour."""
    white = 255 if raw.dtype == torch.uint8 else 1
    ends = [preprocess(torch.full_like(raw[:1], end))[0] for end in (0, white)]
    low, high = (one.mean((1, 2), keepdim=True) for one in ends)
    return torch.minimum(low, high), torch.maximum(low, high)
