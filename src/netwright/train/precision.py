"""In which number format a step is computed."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import nn

from netwright._errors import must_be, unknown

__all__ = ["Precision", "choose_device", "choose_precision", "prefer_channels_last"]

_WIDE = 32  # channels from which bf16 convolutions were faster at every size and batch tried
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


def choose_precision(
    name: str, device: torch.device, *, classifier: nn.Module | None = None
) -> Precision:
    """The precision of that name; "auto" is bf16 where that is known to be faster and as good.

    That is on GPUs that compute in it, and on processors that do for a classifier most of whose
    weights stand in wide convolutions; else fp32. Measured on a processor with AVX-512 BF16, one
    thread, both channels last: a step of small-resnet on 32x32 pictures takes 0.7 of its time in
    fp32, of ResNet-18 0.6, and test accuracy is the same within half a point
    (`benchmarks/processor_precision.py`). The rest stays at fp32: layers of up to 256 units alone
    take 1.0 to 1.7 times as long in bf16, fewer than 16 channels 1.0 to 1.3, grouped convolutions
    1.5 to 3. Linear layers of 512 units gain too; whether they learn as well was not measured.

    Args:
        name: auto, fp32, bf16 or fp16.
        device: where it computes.
        classifier: what is to be trained, where that gives scores of classes; what predicts
            quantities would lose digits of them. None knows of none.

    Raises:
        BadValue: an unknown name.
    """
    if name == "auto":
        name = "bf16" if _gains_from_bf16(device, classifier) else "fp32"
    if name not in _FORMATS:
        raise unknown("precision", name, ["auto", *_FORMATS])
    return Precision(name, device.type)


def _gains_from_bf16(device: torch.device, classifier: nn.Module | None) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu" or classifier is None or not _is_widely_convolutional(classifier):
        return False
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def _is_widely_convolutional(module: nn.Module) -> bool:
    """Whether more than half of the weights stand in convolutions with enough channels."""
    convolutions = [part for part in module.modules() if isinstance(part, nn.Conv2d)]
    if any(one.groups > 1 for one in convolutions):
        return False
    wide = [one for one in convolutions if min(one.in_channels, one.out_channels) >= _WIDE]
    weights = sum(parameter.numel() for parameter in module.parameters())
    return 2 * sum(one.weight.numel() for one in wide) > weights


def prefer_channels_last(module: nn.Module) -> None:
    """Lay convolution weights out as the fast kernels want them; the values stay.

    Measured on a processor: the step of a small residual net falls to 0.75 of its time.
    """
    convolves = any(isinstance(part, nn.Conv2d) for part in module.modules())
    if convolves and all(parameter.dim() != 5 for parameter in module.parameters()):
        module.to(memory_format=torch.channels_last)
