"""What the tests of snapshots share: a small state of every form, and equality of bits."""

from __future__ import annotations

import torch


def state(number=0):
    torch.manual_seed(number)
    return {
        "counters": {"step": number, "epoch": 0},
        "method": {"weight": torch.randn(3, 4), "count": torch.tensor(number)},
        "half": torch.randn(5).to(torch.bfloat16),
        "places": [[1, 2], [3, 4]],
        "pair": (1.5, "text", None, True, b"bytes"),
        0: {"state": {0: {"exp_avg": torch.zeros(2)}}},
    }


def equal(one, other):
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[k], other[k]) for k in one)
    if isinstance(one, (list, tuple)):
        return type(one) is type(other) and all(map(equal, one, other))
    return one == other and type(one) is type(other)
