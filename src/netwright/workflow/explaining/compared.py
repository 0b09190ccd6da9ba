"""Pictures beside those they look like to a network, drawn for the command line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from netwright._errors import must_be
from netwright.data.dataset import InputKind
from netwright.explain.drawing.matches import drawn_matches
from netwright.explain.drawing.overlay import as_picture
from netwright.explain.drawing.sheet import Cell, sheet
from netwright.explain.feature_matching import Matches, feature_matching
from netwright.explain.neighbours import neighbours
from netwright.workflow.asked import Asked, open_asked
from netwright.workflow.explaining.examples import Example, read_examples
from netwright.workflow.explaining.explainable import Explainable

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["COMPARED"]

SIDE = 144  # pixels of a neighbour; matches are drawn at least at twice of it
COLUMNS = 6
AT_ONCE = 64


def _neighbours(
    of: Explainable, places: Sequence[str], *, count: int, options: Mapping[str, Any]
) -> Image:
    """Each picture in a row with the nearest training pictures of the run."""
    run = of.run
    if run is None or of.input_kind != InputKind.IMAGE:
        fix = "In Python: nw.explain.neighbours(module, pictures, among=others)."
        raise must_be("--method neighbours", "asked of a run on pictures", of.name, fix)
    asked = open_asked(run, None, skip_bad=True)
    if "train" not in asked.splits:
        raise must_be("data", "with the training pictures of the run", run.recipe.data.name)
    examples = read_examples(of, places, count=count).items
    network, index = of.networks[0], asked.splits["train"]
    inputs = network.preprocess(torch.stack([one.raw for one in examples]))
    among = (
        network.preprocess(asked.opened.samples.take(part)) for part in torch.split(index, AT_ONCE)
    )
    found = neighbours(network.model, inputs, among=among, **options)
    rows = [
        [_shown(of, one), *_near(of, asked, index[near], far.tolist())]
        for one, near, far in zip(examples, found.index.cpu(), found.distance, strict=True)
    ]
    return sheet(rows, columns=COLUMNS)


def _shown(of: Explainable, one: Example) -> Cell:
    answer = of.answer(one.raw[None]).outputs[0]
    lines = [f"answer: {_class(of, answer)}"]
    lines += [] if one.truth is None else [f"true: {of.names[one.truth]}"]
    return Cell(title=one.label, image=as_picture(one.raw, side=SIDE), lines=tuple(lines))


def _near(of: Explainable, asked: Asked, index: Tensor, far: Sequence[float]) -> Iterator[Cell]:
    data, values = asked.opened, asked.opened.target.values
    for place, distance in zip(index.tolist(), far, strict=True):
        told = () if values is None else (_class(of, values[place]),)
        raw = data.samples.take(torch.tensor([place]))[0]
        yield Cell(
            title=data.labels[place] if data.labels else f"example {place}",
            image=as_picture(raw, side=SIDE),
            lines=(*told, f"distance {distance:.3g}"),
        )


def _class(of: Explainable, value: Tensor) -> str:
    from netwright.workflow.in_words import in_words

    return in_words(value, kind=of.kind, names=of.names)


def _matches(
    of: Explainable, places: Sequence[str], *, count: int, options: Mapping[str, Any]
) -> Image:
    """Two pictures side by side, with lines between the places that match."""
    if of.input_kind != InputKind.IMAGE or len(places) != 2:
        fix = "netwright explain RUN ONE.png OTHER.png --method feature-matching --layer LAYER"
        raise must_be("--method feature-matching", "asked of two pictures", list(places), fix)
    if "layer" not in options:
        fix = "Those in the middle match best; netwright describe lists them."
        raise must_be("--layer", "given for feature-matching", None, fix)
    examples = read_examples(of, places, count=2).items
    if len(examples) != 2:
        raise must_be("data", "two pictures that can be read", list(places))
    network = of.networks[0]
    given = [network.preprocess(one.raw[None]) for one in examples]
    (found,) = feature_matching(network.model, given[0], other=given[1], **options)
    sizes = [tuple(one.shape[-2:]) for one in given]
    times = max(1, -(-2 * SIDE // max(max(size) for size in sizes)))
    sides = [_enlarged(network.preprocess, one.raw, times) for one in examples]
    enlarged = Matches(
        first=found.first * times + (times - 1) / 2,
        second=found.second * times + (times - 1) / 2,
        distance=found.distance,
    )
    return drawn_matches(enlarged, first=sides[0], second=sides[1])


def _enlarged(preprocess: Any, raw: Tensor, times: int) -> Tensor:
    """As the network sees it, in three colours from 0 to 1."""
    size = preprocess(raw[None]).shape[-2:]
    picture = raw[None].float() / (255 if raw.dtype == torch.uint8 else 1)
    fitted = getattr(preprocess, "fitted", None)
    if callable(fitted):
        picture = fitted(raw[None])
    elif picture.shape[-2:] != size:
        picture = F.interpolate(picture, size=size, mode="bilinear", antialias=True)
    picture = picture.expand(-1, 3, -1, -1) if picture.shape[1] == 1 else picture
    return F.interpolate(picture, scale_factor=times, mode="nearest")[0]


COMPARED = {"neighbours": _neighbours, "feature-matching": _matches}
"""Name → drawing, of the methods that compare pictures."""
