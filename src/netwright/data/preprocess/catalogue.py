"""Preprocessing by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from netwright._catalogue import Catalogue, Entry
from netwright._errors import must_be, offenders

if TYPE_CHECKING:
    from torch import Tensor

    from netwright.data.dataset import Data, Samples
    from netwright.data.preprocess.base import Preprocess

__all__ = ["PREPROCESSING", "create", "default_for", "from_state"]

_ROOM = "netwright.data.preprocess"

PREPROCESSING = Catalogue(
    "preprocessing",
    (
        Entry(
            name="channel-mean-std",
            target=f"{_ROOM}.channel_mean_std:ChannelMeanStd",
            summary="pictures: each channel with mean 0 and variance 1",
        ),
        Entry(
            name="channel-mean",
            target=f"{_ROOM}.channel_mean:ChannelMean",
            summary="pictures: each channel with mean 0",
        ),
        Entry(
            name="mean-picture",
            target=f"{_ROOM}.mean_picture:MeanPicture",
            summary="pictures: the mean picture taken off",
        ),
        Entry(
            name="photographs",
            target=f"{_ROOM}.photographs:Photographs",
            summary="pictures: as networks that were trained on photographs take them",
        ),
        Entry(
            name="standardise",
            target=f"{_ROOM}.standardise:Standardise",
            summary="columns: missing filled in by the median, mean 0 and variance 1",
        ),
        Entry(
            name="none",
            target=f"{_ROOM}.none:Nothing",
            summary="uint8 divided by 255, anything else as it is",
        ),
    ),
)


def create(name: str, *, samples: Samples, index: Tensor, **options: Any) -> Preprocess:
    """Fit the preprocessing `name` on the training split.

    Args:
        name: in the catalogue, or `file.py:Name`.
        samples: raw inputs of the whole set.
        index: (n,) places of the training split; no other is looked at.
        **options: what its `fit` takes by keyword.

    Raises:
        BadValue: an unknown name, or options it doesn't take.
    """
    kind = PREPROCESSING.load(name)
    known = [one.name for one in _parameters(kind.fit) if one.kind is one.KEYWORD_ONLY]
    strangers = [option for option in options if option not in known]
    if strangers:
        takes = (
            f"options of {name} ({', '.join(known)})" if known else f"without options for {name}"
        )
        raise must_be("preprocess", takes, offenders(strangers))
    fitted: Preprocess = kind.fit(samples, index, **options)
    fitted.name = name  # one of one's own is found again by its file
    return fitted


def _parameters(function: Callable[..., Any]) -> Iterable[inspect.Parameter]:
    return inspect.signature(function).parameters.values()


def from_state(state: Mapping[str, Any]) -> Preprocess:
    """The preprocessing that `Preprocess.state` wrote down."""
    import torch

    learned = {
        name: torch.tensor(value["values"], dtype=getattr(torch, value["dtype"]))
        for name, value in state.items()
        if name != "name"
    }
    restored: Preprocess = PREPROCESSING.load(state["name"])(**learned)
    return restored


def default_for(data: Data) -> str:
    """The name of what suits the inputs: pictures by channel, everything else by column."""
    from netwright.data.dataset import InputKind

    return "channel-mean-std" if data.input_kind is InputKind.IMAGE else "standardise"
