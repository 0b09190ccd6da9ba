"""A network kept in parts learns what it learns when it is whole (over gloo, on the processor)."""

from __future__ import annotations

import pytest
import torch
from test_divided_updates import (
    SGD,
    WEIGHT,
    Classifier,
    Gan,
    TwoStages,
    close,
    cnn,
    learned,
    mlp,
    pictures,
    rows,
)
from torch import nn

from netwright._errors import BadValue
from netwright.train.distribute.processes import Alone
from netwright.train.distribute.sharding import ShardedWorld


class Deep(nn.Module):
    """Repeated blocks, a shared parameter, a number without a dimension."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(6, 6), nn.Tanh()) for _ in range(3))
        self.temperature = nn.Parameter(torch.tensor(1.5))
        self.head = nn.Linear(6, 3)

    def forward(self, inputs):
        for block in self.blocks:
            inputs = inputs + block(inputs)
        return self.head(inputs) * self.temperature


def normalised():
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(6, 8), nn.GroupNorm(2, 8), nn.Linear(8, 3))
    net.register_buffer("scale", torch.ones(()))
    return net


class Copying(TwoStages):
    """Without what is drawn when the second stage begins: torch draws no parts on a processor."""

    def copy(self):
        self.second.load_state_dict(self.first.state_dict())
        self.first.requires_grad_(False)


MAKE = {
    "mlp": lambda: (Classifier(mlp()), rows()),
    "cnn": lambda: (Classifier(cnn()), pictures()),
    "weighted": lambda: (Classifier(mlp()), rows(WEIGHT)),
    "deep": lambda: (Classifier(Deep()), rows()),
    "buffered": lambda: (Classifier(normalised()), rows()),
    "gan": lambda: (Gan(), rows()),
    "two-stages": lambda: (Copying(), rows()),
}


def sharded(world, name, options):
    from torch.distributed.tensor import DTensor

    processes = ShardedWorld()
    method, source = MAKE[name]()
    seen = learned(processes, method, source, **options)
    parts = [value for value in seen[2].values() if isinstance(value, DTensor)]
    assert parts
    assert all(part.to_local().numel() < part.numel() for part in parts if part.shape[0] > 1)
    return seen[0], seen[1], processes.whole(seen[2]), seen[3]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mlp", {}),
        ("cnn", {"optimizer": SGD}),
        ("weighted", {"micro_batch_size": 3}),
        ("weighted", {"clip_norm": 0.1, "clip_value": 0.02}),
        ("deep", {}),
        ("deep", {"ema_decay": 0.9}),
        ("buffered", {"ema_decay": 0.9}),
        ("gan", {}),
        ("two-stages", {}),
    ],
)
def test_a_network_in_parts_learns_the_same(ranks, name, options):
    method, source = MAKE[name]()
    alone = learned(Alone(), method, source, **options)
    close(ranks.run(sharded, name, options), alone)


def scaled(world):
    try:
        sharded(world, "deep", {"precision": "fp16"})
    except BadValue as error:
        return str(error)


def test_losses_are_not_scaled_where_some_parameters_stay_whole(ranks):
    assert all("precision must be fp32 or bf16 with fsdp" in one for one in ranks.run(scaled))
