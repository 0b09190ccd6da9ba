"""The size of a picture, as people write it."""

from __future__ import annotations

from collections.abc import Sequence

from netwright._errors import must_be

__all__ = ["ImageSize", "at_least", "height_and_width"]

ImageSize = int | Sequence[int]


def height_and_width(image_size: ImageSize) -> tuple[int, int]:
    """Height and width in pixels, from one side of a square or from both.

    Example:
        >>> height_and_width(28), height_and_width([32, 64])
        ((28, 28), (32, 64))

    Raises:
        BadValue: not one or two whole numbers of at least 1.
    """
    sides = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
    if len(sides) != 2 or not all(isinstance(side, int) and side >= 1 for side in sides):
        raise must_be("image_size", "a side or (height, width) in pixels, at least 1", image_size)
    return sides[0], sides[1]


def at_least(smallest: int, image_size: ImageSize, *, model: str) -> tuple[int, int]:
    """Height and width, when `model` can bear them.

    Raises:
        BadValue: a side is below `smallest`.
    """
    sides = height_and_width(image_size)
    if min(sides) < smallest:
        raise must_be(
            "image_size",
            f"at least {smallest} for {model}",
            image_size,
            "Resize the pictures, or take small-resnet, which bears any size.",
        )
    return sides
