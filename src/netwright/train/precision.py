"""In which number format a step is computed."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import nn

from netwright._errors import must_be, unknown

__all__ = ["Precision", "choose_device", "choose_precision", "prefer_channels_last"]

_FORMATS = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Precision:
    """The format of the forward pass; weights and updates stay in 32 bits.

    Attributes:
        name: fp32, bf16 or fp16.
        device_type: where it computes.
    """

    name: str
    device_type: str

    def autocast(self) -> AbstractContextManager[object]:
        """The context a forward pass runs in."""
        dtype = _FORMATS[self.name]
        if dtype is None:
            return nullcontext()
        return torch.autocast(self.device_type, dtype=dtype)

    def scaler(self) -> torch.amp.GradScaler | None:
        """What keeps small gradients from vanishing in fp16; the other formats need none."""
        return torch.amp.GradScaler(self.device_type) if self.name == "fp16" else None


def choose_device(name: str) -> torch.device:
    """The device of that name; "auto" takes the accelerator where there is one.

    Raises:
        BadValue: torch does not know the device or cannot reach it.
    """
    if name == "auto":
        found = torch.accelerator.current_accelerator(check_available=True)
        name = "cpu" if found is None else found.type
    try:
        # "cuda" becomes "cuda:0", which is how tensors name where they are
        device = torch.empty(0, device=name).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise must_be("device", "one that torch can use here", name, f"{reason}.") from error
    return device


def choose_precision(name: str, device: torch.device) -> Precision:
    """The precision of that name; "auto" is bf16 on GPUs that compute in it, else fp32.

    Processors stay at fp32 under "auto". On one with AVX-512 BF16 a step of small-resnet takes 0.7
    of its time in bf16 and one of ResNet-18 0.6, so it is worth asking for. But over 20 seeds it
    lost 0.24 points of accuracy on cifar10, from 0.58 lost to 0.09 gained with 95 % confidence,
    which is not surely within half a point (`benchmarks/processor_precision.py`); and small linear
    layers, few channels and grouped convolutions get slower, by up to a factor of 3.

    Raises:
        BadValue: an unknown name.
    """
    if name == "auto":
        fast = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        name = "bf16" if fast else "fp32"
    if name not in _FORMATS:
        raise unknown("precision", name, ["auto", *_FORMATS])
    return Precision(name, device.type)


def prefer_channels_last(module: nn.Module) -> None:
    """Lay convolution weights out as the fast kernels want them; the values stay.

    Measured on a processor: the step of a small residual net falls to 0.75 of its time.
    """
    convolves = any(isinstance(part, nn.Conv2d) for part in module.modules())
    if convolves and all(parameter.dim() != 5 for parameter in module.parameters()):
        module.to(memory_format=torch.channels_last)
