"""What a model says of pictures a part of which is covered, in whichever way costs least."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netwright.explain.inside.layouts import OF_MEMORY, Quickly, Without, in_order
from netwright.explain.patched.boxes import Span
from netwright.explain.patched.patched import Patched, plain
from netwright.explain.patched.region import Region
from netwright.explain.patched.tape import Tape

__all__ = ["covered_outputs"]

PIECE = 500_000
"""Multiplications that a processor does in the time of cutting out one box, about."""
LARGE, FEW = 50_000, 8
"""From so many numbers a picture on, so many whole pictures at a time are faster on a processor:
their maps stay in its cache."""

_UNSEEN = {vars(torch._C.TensorBase)["data"].__get__}
"""Writes through `data` change a tensor's numbers and not its version, which the tape goes by."""

Place = tuple[int, int]
Answers = Iterator[tuple[list[int], Any]]


def covered_outputs(
    model: nn.Module,
    inputs: Float[Tensor, "n c h w"],
    *,
    cover: Float[Tensor, "n c h w"],
    places: Sequence[Place],
    size: tuple[int, int],
    batch_size: int,
) -> Answers:
    """The model's outputs under every window, for one picture after another, window by window.

    On a processor only what a window can reach is computed at first. Where that saves less than it
    costs, as for tiny networks, large windows and transformers, or where the model can't be asked
    so, whole pictures are taken from there on. The answers are the same up to rounding.

    Args:
        model: opened by `examined`.
        inputs: the pictures.
        cover: what is seen of each under a window.
        places: top and left of the windows.
        size: rows and columns of the windows.
        batch_size: at most so many at a time.

    Yields:
        The picture of each of some windows, and the output for them.
    """
    boxes = _Boxes(model, inputs, cover=cover, size=size)
    asked = 0
    if inputs.device.type == "cpu" and size != tuple(inputs.shape[2:]):
        for number in range(len(inputs)):
            for some in _parts(places, batch_size):
                output = boxes.ask(number, some)
                if output is not None:
                    yield [number] * len(some), output
                    asked += len(some)
                if output is None or not boxes.pay():
                    break
            else:
                continue
            break
    pairs = [(number, place) for number in range(len(inputs)) for place in places][asked:]
    large = inputs.device.type == "cpu" and inputs[0].numel() >= LARGE
    quickly = Quickly(model)
    for some in _parts(pairs, min(batch_size, FEW) if large else batch_size):
        yield [number for number, _ in some], quickly(_whole(inputs, cover, some, size))


class _Boxes:
    """Asks a model about windows of one picture where they differ from it only."""

    def __init__(
        self, model: nn.Module, inputs: Tensor, *, cover: Tensor, size: tuple[int, int]
    ) -> None:
        self.model, self.inputs, self.cover, self.size = model, inputs, cover, size
        self.tape, self.number = Tape(), -1
        self.layouts = [torch.channels_last, torch.contiguous_format]

    @property
    def layout(self) -> torch.memory_format:
        """In which the model could be asked; some take pictures in one only."""
        return self.layouts[0]

    def ask(self, number: int, places: Sequence[Place]) -> Any:
        """The output for these windows of that picture; None where that is not possible."""
        while self.layouts:
            try:
                return self._asked(number, places)
            except (
                Exception
            ):  # whatever a model is made of; asked whole it says itself what is wrong
                self.layouts.pop(0)
                self.number = -1
        return None

    def _asked(self, number: int, places: Sequence[Place]) -> Any:
        if number != self.number:
            self.tape, self.number = Tape(), number
            self.picture = self.inputs[number : number + 1].contiguous(memory_format=self.layout)
        self.tape.rewind()
        height, width = self.size
        under = self.cover[number]
        crops = torch.stack([under[:, y : y + height, x : x + width] for y, x in places])
        region = Region(
            tape=self.tape,
            base=self.picture,
            crops=crops.contiguous(memory_format=self.layout),
            rows=Span(height, tuple(top for top, _ in places)),
            columns=Span(width, tuple(left for _, left in places)),
        )
        as_it_looks = self.layout is torch.contiguous_format
        with Without(_UNSEEN if as_it_looks else OF_MEMORY | _UNSEEN):
            return in_order(plain(self.model(Patched.of(region))))

    def pay(self) -> bool:
        """Whether what was saved so far is more than what cutting out cost."""
        return self.tape.work - self.tape.done > PIECE * self.tape.pieces


def _whole(
    inputs: Tensor,
    cover: Tensor,
    pairs: Sequence[tuple[int, Place]],
    size: tuple[int, int],
) -> Tensor:
    """Pictures with a window each."""
    found = inputs[[number for number, _ in pairs]].contiguous()
    for copy, (number, (y, x)) in zip(found, pairs, strict=True):
        copy[:, y : y + size[0], x : x + size[1]] = cover[
            number, :, y : y + size[0], x : x + size[1]
        ]
    return found


def _parts(values: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (values[start : start + size] for start in range(0, len(values), size))
