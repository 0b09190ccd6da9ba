"""The median of each window."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import must_be

__all__ = ["MedianPool2d"]


class MedianPool2d(nn.Module):
    """The median of the pixels of each window, channel by channel.

    When to use it: against single wild pixels, which the mean spreads and the maximum picks out,
    and which the median drops. It is slower than both: every window is sorted.

    The gradient goes to the pixel in the middle, or in halves to the two of an even window.

    Args:
        kernel_size: side of the window.
        stride: step; the window's side where it is None.
        padding: pixels added on every side, as copies of the nearest.

    Example:
        >>> import torch
        >>> pixels = torch.tensor([[1.0, 2.0, 3.0], [4.0, 500.0, 6.0], [7.0, 8.0, 9.0]])
        >>> MedianPool2d(3)(pixels[None, None]).item()
        6.0
    """

    def __init__(
        self, kernel_size: int = 2, *, stride: int | None = None, padding: int = 0
    ) -> None:
        super().__init__()
        step = kernel_size if stride is None else stride
        for name, value, least in (
            ("kernel_size", kernel_size, 1),
            ("stride", step, 1),
            ("padding", padding, 0),
        ):
            if value < least:
                raise must_be(name, f"at least {least}", value)
        self.kernel_size, self.stride, self.padding = kernel_size, step, padding

    def forward(self, inputs: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c ho wo"]:
        """One number a window."""
        around = F.pad(inputs, (self.padding,) * 4, mode="replicate")
        windows = around.unfold(2, self.kernel_size, self.stride)
        windows = windows.unfold(3, self.kernel_size, self.stride).flatten(4)
        ranked = windows.sort(dim=-1).values
        count = self.kernel_size**2
        return (ranked[..., (count - 1) // 2] + ranked[..., count // 2]) / 2

    def extra_repr(self) -> str:
        """As torch's poolings say it."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"
