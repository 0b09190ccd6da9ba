"""What does a training step of a network of ours cost, against a public implementation of it?

Processor time of forward, loss, backward and update in the same plain loop, one thread, fp32, the
same pictures, the same fused SGD; the networks take turns. Theirs are pytorchcv and torchvision,
made the same network where theirs is another: pytorchcv's AlexNet gets the two groups and the
padding of the paper; its Inception-ResNet v1 loses its last block and its 512 features. That both
sides have as many parameters is checked before anything is measured. Of GoogLeNet with its
auxiliaries and without batch norm, and of capsules, no library keeps the network.

    python benchmarks/own_nets_step.py            # 9 turns, about 6 minutes; needs pytorchcv
    python benchmarks/own_nets_step.py --quick    # does everything run? writes nothing
    python benchmarks/own_nets_step.py --only shufflenet-v1    # writes nothing
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from _loops import Work, hand
from _rows import bootstrap, surroundings, write_rows
from _turns import quieten, take_turns
from netwright.models import create

TURNS = 9


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A network of ours and theirs.

    Attributes:
        library: whose theirs is.
        theirs: makes it, for ten classes.
        side: of the pictures.
        batch_size: of a step.
        options: of ours.
    """

    library: str
    theirs: Callable[[], nn.Module]
    side: int
    batch_size: int
    options: Mapping[str, object]


def shufflenet() -> nn.Module:
    from pytorchcv.models.shufflenet import shufflenet_g3_w1

    network = shufflenet_g3_w1(num_classes=10)
    network.features.final_pool = nn.AdaptiveAvgPool2d(1)  # theirs bears 224 pixels alone
    return network


def alexnet(side: int) -> nn.Module:
    from pytorchcv.models.alexnet import alexnet as published

    network = published(num_classes=10)
    units = [unit for stage in network.features for unit in stage if hasattr(unit, "conv")]
    for place in (1, 3, 4):
        one = units[place].conv
        units[place].conv = nn.Conv2d(
            one.in_channels, one.out_channels, one.kernel_size, padding=one.padding, groups=2
        )
    units[0].conv.padding = (2, 2)
    with torch.no_grad():
        left = network.features(torch.zeros(1, 3, side, side)).numel()
    network.output.fc1.fc = nn.Linear(left, 4096)
    return network


def inception_resnet() -> nn.Module:
    from pytorchcv.models.inceptionresnetv1 import inceptionresnetv1

    network = inceptionresnetv1(num_classes=10)
    network.features.stage3.unit7 = nn.Identity()
    network.features.final_pool = nn.AdaptiveAvgPool2d(1)
    network.output = nn.Sequential(nn.Dropout(0.2), nn.Linear(1792, 10))
    return network


def vit(side: int) -> nn.Module:
    from torchvision.models import VisionTransformer

    return VisionTransformer(
        image_size=side,
        patch_size=8,
        num_layers=4,
        num_heads=3,
        hidden_dim=192,
        mlp_dim=768,
        num_classes=10,
    )


PAIRS = {
    "shufflenet-v1": Pair(
        library="pytorchcv", theirs=shufflenet, side=96, batch_size=16, options={}
    ),
    "alexnet": Pair(
        library="pytorchcv", theirs=partial(alexnet, 95), side=95, batch_size=16, options={}
    ),
    "inception-resnet-v1": Pair(
        library="pytorchcv", theirs=inception_resnet, side=96, batch_size=8, options={}
    ),
    "vit": Pair(
        library="torchvision",
        theirs=partial(vit, 64),
        side=64,
        batch_size=16,
        options={"patch": 8, "depth": 4, "heads": 3, "width": 192, "mlp_width": 768},
    ),
}


def work_of(pair: Pair, build: Callable[[], nn.Module]) -> Work:
    return Work(
        build=build,
        shape=(3, pair.side, pair.side),
        batch_size=pair.batch_size,
        optimizer="sgd",
        kind=torch.optim.SGD,
        options={"lr": 0.001, "momentum": 0.9, "fused": True},
    )


def measured(name: str, *, turns: int, short: int, long: int) -> list[dict[str, float]]:
    """Turn after turn; both sides are seen to be the same size first."""
    pair = PAIRS[name]
    ours = partial(create, name, num_classes=10, image_size=pair.side, **pair.options)
    sizes = [sum(value.numel() for value in make().parameters()) for make in (ours, pair.theirs)]
    if sizes[0] != sizes[1]:
        raise SystemExit(f"{name}: ours has {sizes[0]} parameters, theirs {sizes[1]}")
    loops = {
        "ours": partial(hand, work=work_of(pair, ours)),
        "theirs": partial(hand, work=work_of(pair, pair.theirs)),
    }
    return take_turns(loops, turns=turns, short=short, long=long)


def row_of(turns: Sequence[Mapping[str, float]]) -> dict[str, str]:
    """Median milliseconds of both, and the median ratio within a turn."""
    ratio, low, high = bootstrap(
        lambda some: statistics.median(turn["ours"] / turn["theirs"] for turn in some), turns
    )
    steps = {f"{who}_ms": statistics.median(t[who] for t in turns) / 1000 for who in turns[0]}
    figures = {"ratio": ratio, "low": low, "high": high}
    return {key: f"{value:.2f}" for key, value in sorted(steps.items())} | {
        key: f"{value:.3f}" for key, value in figures.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--turns", type=int, default=None, help=f"{TURNS} where left out")
    parser.add_argument("--only", choices=PAIRS, help="one of them; writes nothing")
    parser.add_argument("--quick", action="store_true", help="few steps, nothing is written")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    quieten()
    turns = asked.turns or (2 if asked.quick else TURNS)
    short, long = (1, 3) if asked.quick else (2, 12)
    around = surroundings("torch", "netwright", "pytorchcv", "torchvision")
    rows = []
    for name in [asked.only] if asked.only else PAIRS:
        pair = PAIRS[name]
        row: dict[str, object] = {
            "network": name,
            "side": pair.side,
            "batch_size": pair.batch_size,
            "against": pair.library,
        }
        row |= row_of(measured(name, turns=turns, short=short, long=long)) | {"n": turns}
        rows.append(row | around)
        print(" ".join(str(value) for value in row.values()), flush=True)
    if not asked.quick and asked.only is None:
        print(write_rows("own_nets_step", rows))


if __name__ == "__main__":
    main()
