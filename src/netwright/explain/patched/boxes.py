"""Where a change lies on one axis of a map, and how far it reaches through an operation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Sliding", "Span", "united"]


@dataclass(frozen=True)
class Span:
    """Stretches of one length on an axis, one for each copy of the picture.

    Attributes:
        size: how long.
        starts: where each begins.
    """

    size: int
    starts: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Sliding:
    """An operation on one axis whose outputs each see a few inputs: convolution or pooling.

    Attributes:
        length: of the axis, before it is padded.
        kernel: taps of the kernel.
        stride: inputs from one output to the next.
        padding: added in front and behind.
        dilation: inputs from one tap to the next.
        overhang: whether a last output may see beyond the padding (`ceil_mode`).
    """

    length: int
    kernel: int
    stride: int
    padding: int
    dilation: int = 1
    overhang: bool = False

    @property
    def seen(self) -> int:
        """Inputs from the first to the last tap."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def outputs(self) -> int:
        """How long the axis is afterwards."""
        room = self.length + 2 * self.padding - self.seen
        if not self.overhang:
            return room // self.stride + 1
        outputs = -(-room // self.stride) + 1
        begins_outside = (outputs - 1) * self.stride >= self.length + self.padding
        return outputs - begins_outside

    @property
    def behind(self) -> int:
        """What is missing behind the axis for its last output."""
        return max(0, (self.outputs - 1) * self.stride + self.seen - self.padding - self.length)

    def reached(self, change: Span) -> Span:
        """The outputs that a change of the inputs can reach, moved inwards at the ends."""
        size = min((change.size + self.seen - 2) // self.stride + 1, self.outputs)
        first = (
            -((self.seen - 1 - self.padding - start) // self.stride) for start in change.starts
        )
        last = self.outputs - size
        return Span(size, tuple(min(max(start, 0), last) for start in first))

    def read(self, outputs: Span) -> Span:
        """The inputs that these outputs see; they may begin before 0 and end behind the axis."""
        size = (outputs.size - 1) * self.stride + self.seen
        return Span(size, tuple(s * self.stride - self.padding for s in outputs.starts))


def united(spans: Sequence[Span], length: int) -> Span:
    """The shortest stretches of one length that hold all of these, on an axis so long."""
    if all(span == spans[0] for span in spans[1:]):
        return spans[0]
    starts = [min(several) for several in zip(*(span.starts for span in spans), strict=True)]
    ends = (
        max(start + span.size for start, span in zip(several, spans, strict=True))
        for several in zip(*(span.starts for span in spans), strict=True)
    )
    size = max(end - start for start, end in zip(starts, ends, strict=True))
    return Span(size, tuple(min(start, length - size) for start in starts))
