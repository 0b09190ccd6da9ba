"""The reference of receptive fields: where the gradient of one element is not zero."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

POOLS = {nn.MaxPool1d: nn.AvgPool1d, nn.MaxPool2d: nn.AvgPool2d, nn.MaxPool3d: nn.AvgPool3d}

NORMS = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm, nn.LocalResponseNorm)


def neutral(model: nn.Module) -> nn.Module:
    """The net with positive weights, means for maxima, no biases and norms that do nothing."""
    for module in list(model.modules()):
        for name, child in module.named_children():
            if type(child) in POOLS:
                setattr(
                    module,
                    name,
                    POOLS[type(child)](
                        child.kernel_size, child.stride, child.padding, child.ceil_mode
                    ),
                )
            if isinstance(child, NORMS):
                setattr(module, name, nn.Identity())
            if isinstance(child, nn.ReLU6):  # a sum of many branches is more than 6
                setattr(module, name, nn.ReLU())
    with torch.no_grad():
        for value in model.parameters():
            if value.ndim > 1:
                value.copy_((0.5 + torch.rand_like(value)) / value[0].numel())
            else:
                value.zero_()
    return model.eval().double()


def hull(gradient: Tensor, axes: tuple[int, ...]) -> tuple[tuple[int, int], ...] | None:
    """First and last place along each axis where it is not zero."""
    if not gradient.any():
        return None
    found = []
    for axis in axes:
        others = [dim for dim in range(gradient.ndim) if dim != axis]
        places = gradient.abs().amax(others).nonzero()[:, 0]
        found.append((int(places[0]), int(places[-1])))
    return tuple(found)


def gradient_of(out: Tensor, inputs: Tensor, element: tuple[int, ...]) -> Tensor:
    """Of one element with respect to the input; zero where it doesn't depend on it."""
    (found,) = torch.autograd.grad(out[element], inputs, retain_graph=True, allow_unused=True)
    return torch.zeros_like(inputs) if found is None else found


def mean_for_max(monkeypatch) -> None:
    """Functional maxima are means too."""

    def mean(inputs, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, **_):
        return F.avg_pool2d(inputs, kernel_size, stride, padding, ceil_mode)

    monkeypatch.setattr(F, "max_pool2d", mean)
