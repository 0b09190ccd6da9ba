"""What a recipe says of an augmentation, checked before the first picture is touched."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from netwright._errors import must_be, unknown
from netwright.data.augment.catalogue import AUGMENTATIONS

__all__ = ["found", "refuse_fills"]


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


_KINDS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "float": ("a number", _is_number),
    "int": ("a whole number", lambda value: _is_number(value) and isinstance(value, int)),
    "float | None": ("a number, or left out", lambda value: value is None or _is_number(value)),
    "float | str": (
        "a number or a name",
        lambda value: isinstance(value, str) or _is_number(value),
    ),
    "Sequence[float]": (
        "a list of numbers",
        lambda value: isinstance(value, (list, tuple)) and all(map(_is_number, value)),
    ),
}
"""Annotation of an option → what it is called, and what fits it."""


def found(entry: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The function that an entry of a recipe names, and its options.

    Args:
        entry: as {"name": …, option: value, …}.

    Raises:
        BadValue: there is none of that name, or it has no such option, or not of that kind.
    """
    options = dict(entry)
    name = options.pop("name", None)
    if not isinstance(name, str):
        raise must_be("augmentation", "a mapping with a name", entry, 'As {"name": "shift"}.')
    function = AUGMENTATIONS.load(name)
    known = {
        option.name: option
        for option in inspect.signature(function).parameters.values()
        if option.kind is option.KEYWORD_ONLY
    }
    for option, value in options.items():
        if option not in known:
            raise unknown(f"option of {name}", option, known)
        rule, fits = _KINDS.get(known[option].annotation, ("", lambda _: True))
        if not fits(value):
            default = known[option].default
            usual = list(default) if isinstance(default, tuple) else default
            raise must_be(f"{name}.{option}", rule, value, f"By default it is {usual}.")
    return function, options


def refuse_fills(options: Iterable[Mapping[str, Any]], pictures: Tensor) -> None:
    """Refuse values of what comes in at the border that bytes can't hold.

    Args:
        options: of each augmentation.
        pictures: that they are for.

    Raises:
        BadValue: the pictures are bytes, and a `fill` or `border` is not.
    """
    if pictures.dtype is not torch.uint8:
        return
    for each in options:
        for name in ("fill", "border"):
            value = each.get(name)
            if _is_number(value) and value not in range(256):
                raise must_be(
                    name, "a whole number from 0 to 255 for pictures of bytes", value,
                    "They are augmented as they were read, before they are normalised.",
                )  # fmt: skip
