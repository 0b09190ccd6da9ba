"""One small network of ReLUs, written in every way that people write it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["WRITTEN", "Pictures", "pictures", "written"]


class Pictures(nn.Module):
    """Two convolutions with overlapping and plain pooling, two linear layers, and `rectify`.

    A list of modules has one for each of the three places.
    """

    def __init__(self, rectify: Callable[[Tensor], Tensor] | nn.ModuleList) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3)
        self.second = nn.Conv2d(6, 8, 3)
        self.hidden = nn.Linear(8 * 2 * 2, 10)
        self.last = nn.Linear(10, 4)
        self.rectify = rectify

    def forward(self, x: Tensor) -> Tensor:
        several = isinstance(self.rectify, nn.ModuleList)
        first, second, third = self.rectify if several else [self.rectify] * 3
        x = F.max_pool2d(first(self.first(x)), 2)
        x = F.max_pool2d(second(self.second(x)), 3, 2)
        return self.last(third(self.hidden(x.flatten(1))))


def _modules(inplace: bool) -> nn.ModuleList:
    return nn.ModuleList(nn.ReLU(inplace=inplace) for _ in range(3))


WRITTEN: dict[str, Callable[[], Callable[[Tensor], Tensor] | nn.ModuleList]] = {
    "modules": lambda: _modules(False),
    "modules in place": lambda: _modules(True),
    "one module reused": nn.ReLU,
    "one module reused in place": lambda: nn.ReLU(inplace=True),
    "F.relu": lambda: F.relu,
    "F.relu in place": lambda: lambda x: F.relu(x, inplace=True),
    "method": lambda: Tensor.relu,
    "method in place": lambda: Tensor.relu_,
    "torch.relu": lambda: torch.relu,
    "clamp": lambda: lambda x: x.clamp(min=0),
    "clamp_min in place": lambda: lambda x: x.clamp_min_(0.0),
    "threshold": lambda: nn.Threshold(0.0, 0.0),
}


def written(way: str, *, dtype: torch.dtype = torch.float32) -> nn.Module:
    """The network with the same weights, whatever the way; "compiled" and "compiled inside" too."""
    generator = torch.Generator().manual_seed(3)
    compiled = way.startswith("compiled")
    model = Pictures(WRITTEN["F.relu" if compiled else way]())
    with torch.no_grad():
        for value in model.parameters():
            value.copy_(0.3 * torch.randn(value.shape, generator=generator))
    model = model.to(dtype)
    if way == "compiled inside":
        return nn.Sequential(torch.compile(model, backend="eager"))
    return torch.compile(model, backend="eager") if compiled else model


def pictures(n: int = 2, *, dtype: torch.dtype = torch.float32) -> Tensor:
    """Inputs for it: (n, 3, 18, 18)."""
    return torch.randn(n, 3, 18, 18, generator=torch.Generator().manual_seed(5)).to(dtype)
