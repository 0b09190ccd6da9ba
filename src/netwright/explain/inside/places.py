"""Where on the picture the numbers of a layer lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import BadType, must_be
from netwright.explain.inside.at_layer import finite

__all__ = ["Places", "PlacesSeen", "pictures"]

_MOST_TOKENS_AHEAD = 8  # a class token, one for distillation, four registers
_MISFIT = 1.5  # more is no grid but (heads, t) or the like, in networks that have tokens
_CHANNELS_FIRST = (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d, nn.GroupNorm)
_CHANNELS_LAST = (nn.Linear, nn.LayerNorm)


@dataclass(frozen=True, kw_only=True)
class Places:
    """How a layer's output is laid over the picture.

    Attributes:
        size: rows and columns.
        channels: their axis, 1 for (n, c, h, w), -1 for (n, h, w, c) and tokens (n, t, c).
        ahead: tokens before those of the picture, such as the class token.
    """

    size: tuple[int, int]
    channels: int = 1
    ahead: int = 0

    def maps(self, values: Tensor) -> Float[Tensor, "n c h w"]:
        """The same numbers as maps; tokens that are nowhere on the picture are left out."""
        if self.channels == 1:
            return values
        listed = values.flatten(1, -2)[:, self.ahead :]
        return listed.reshape(len(listed), *self.size, -1).movedim(-1, 1)


class PlacesSeen:
    """Finds the places of outputs, one after the other in the order of a forward pass.

    Tokens do not say which grid they were cut from; the maps that came before them do, and the
    shape of the picture where there were none.

    Args:
        pictures: (n, c, h, w), the model's inputs.
    """

    def __init__(self, pictures: Float[Tensor, "n c h w"]) -> None:
        self._count = len(pictures)
        self._picture = (pictures.shape[2], pictures.shape[3])
        self._grids: list[tuple[int, int]] = []
        self._tokens: set[int] = set()

    def find(self, module: nn.Module, output: object) -> Places | None:
        """Where a module's output lies; None where it has fewer than two places on the picture."""
        if not isinstance(output, Tensor) or not output.is_floating_point():
            return None
        shape = output.shape  # once: under a function mode every look at a tensor is a call
        if len(shape) == 4 and shape[0] == self._count:
            return self._of_maps(module, shape)
        if len(shape) == 3 and shape[0] == self._count:
            return self.of_tokens(shape[1])
        return None

    def of_tokens(self, count: int) -> Places | None:
        """The grid that many tokens were cut from, or None."""
        fitting = [
            (count - height * width, (height, width))
            for height, width in [*reversed(self._grids), *self._guesses(count)]
            if 0 <= count - height * width <= _MOST_TOKENS_AHEAD
        ]
        if not fitting:
            return None
        self._tokens.add(count)
        ahead, size = min(fitting, key=lambda pair: pair[0])
        return Places(size=size, channels=-1, ahead=ahead)

    def _of_maps(self, module: nn.Module, shape: Sequence[int]) -> Places | None:
        _, a, b, c = shape
        if b in self._tokens:  # (n, heads, t, …) within an attention
            return None
        first, last = (b, c), (a, b)
        is_last = isinstance(module, _CHANNELS_LAST) or (
            not isinstance(module, _CHANNELS_FIRST) and self._unlikely(last) < self._unlikely(first)
        )
        size = last if is_last else first
        if size[0] * size[1] < 2 or (self._tokens and self._misfit(size) > _MISFIT):
            return None
        self._grids.append(size)
        return Places(size=size, channels=-1 if is_last else 1)

    def _unlikely(self, size: tuple[int, int]) -> tuple[bool, float]:
        """A grid that came before is likelier than any other, whatever shape it has."""
        return size not in self._grids, self._misfit(size)

    def _misfit(self, size: tuple[int, int]) -> float:
        """How much another shape than the picture's it is, from 1."""
        (height, width), (rows, columns) = self._picture, size
        ratio = rows * width / (columns * height)
        return max(ratio, 1 / ratio)

    def _guesses(self, count: int) -> list[tuple[int, int]]:
        """Grids of exactly the picture's shape, without and with a class token."""
        height, width = self._picture
        found = []
        for places in (count, count - 1):
            rows = round((places * height / width) ** 0.5)
            if (
                places > 1
                and rows
                and places % rows == 0
                and rows * rows * width == places * height
            ):
                found.append((rows, places // rows))
        return found


def pictures(inputs: Tensor) -> Float[Tensor, "n c h w"]:
    """A copy of the inputs, which a model may change.

    Raises:
        BadType: inputs that are no real numbers.
        BadValue: no pictures, or NaN or infinity in them.
    """
    if not isinstance(inputs, Tensor) or not inputs.is_floating_point():
        shown = inputs.dtype if isinstance(inputs, Tensor) else type(inputs).__name__
        raise must_be("inputs", "a tensor of real numbers", shown, error=BadType)
    if inputs.ndim != 4:
        fix = "Maps lie over pictures; for other inputs use gradient or integrated_gradients."
        raise must_be("inputs", "pictures (n, c, h, w)", tuple(inputs.shape), fix)
    return finite(inputs).detach().clone()
