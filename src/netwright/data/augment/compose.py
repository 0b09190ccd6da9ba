"""Several augmentations in a row."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from netwright._errors import BadData, must_be, unknown
from netwright.data.augment.catalogue import AUGMENTATIONS
from netwright.data.augment.draws import Draws

__all__ = ["Augment"]


class Augment:
    """Augmentations in a row, batched, on the device, each example's own in every epoch.

    An example comes out the same for the same (seed, epoch, index), whatever batch it is in.

    Attributes:
        recipe: the augmentations in order, as {"name": …, option: value, …}.

    Example:
        >>> augment = Augment([{"name": "shift", "fraction": 0.1}], seed=0)
        >>> augment(torch.zeros(2, 1, 8, 8), torch.arange(2), epoch=0).shape
        torch.Size([2, 1, 8, 8])
    """

    def __init__(self, recipe: Iterable[Mapping[str, Any]], *, seed: int) -> None:
        self.recipe = tuple(dict(entry) for entry in recipe)
        self.seed = seed
        self._steps = [
            (f"{place}/{entry.get('name')}", *_found(entry))
            for place, entry in enumerate(self.recipe)
        ]
        # an option out of range is refused here rather than in the first step of the run
        self(torch.zeros(1, 3, 4, 4), torch.zeros(1, dtype=torch.int64), epoch=0)

    def __call__(
        self, pictures: Shaped[Tensor, "n c h w"], index: Int[Tensor, "n"], *, epoch: int
    ) -> Shaped[Tensor, "n c h w"]:
        """The pictures at `index`, augmented for `epoch`."""
        if pictures.dim() != 4:
            raise must_be(
                "inputs", "pictures (n, c, h, w) to be augmented", tuple(pictures.shape),
                "Leave the augmentation out.", error=BadData,
            )  # fmt: skip
        for scope, function, options in self._steps:
            draws = Draws(index=index, seed=self.seed, epoch=epoch, scope=scope)
            pictures = function(pictures, draws, **options)
        return pictures


def _found(entry: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    options = dict(entry)
    name = options.pop("name", None)
    if not isinstance(name, str):
        raise must_be("augmentation", "a mapping with a name", entry, 'As {"name": "shift"}.')
    function = AUGMENTATIONS.load(name)
    known = [
        option.name
        for option in inspect.signature(function).parameters.values()
        if option.kind is option.KEYWORD_ONLY
    ]
    for option in options:
        if option not in known:
            raise unknown(f"option of {name}", option, known)
    return function, options
