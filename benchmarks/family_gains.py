"""What do channels last, bf16 and a compiled network gain, family by family?

Processor time of a training step (forward, loss, backward, fused SGD) and of inference on the same
pictures, one thread; the plain network in fp32 and its variants take turns, and a gain is plain
time over the variant's within a turn. The networks are small members of their families. How long
the first two steps took by the clock, most of it compiling, is beside it.

    python benchmarks/family_gains.py            # 7 turns, about 12 minutes
    python benchmarks/family_gains.py --quick    # does everything run? writes nothing
    python benchmarks/family_gains.py --only resnet mlp    # some
"""

from __future__ import annotations

import os
import tempfile

os.environ["OMP_NUM_THREADS"] = "1"
# what compiling costs is told with nothing kept from before
os.environ["TORCHINDUCTOR_CACHE_DIR"] = tempfile.mkdtemp()

import argparse
import shutil
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

import torch
from torch import nn
from torch.nn import functional as F

from _rows import bootstrap, surroundings, write_rows
from _turns import quieten
from netwright.models import create

TURNS = 7
PLAIN = "fp32"
SPENT = 0.15  # processor seconds of one measurement, about


@dataclass(frozen=True, kw_only=True)
class Family:
    """A member of a family at a size that is quick.

    Attributes:
        model: its name in our catalogue.
        side: of the pictures.
        batch_size: of a step.
        options: of the network.
    """

    model: str
    side: int = 64
    batch_size: int = 16
    options: Mapping[str, object] = field(default_factory=dict)

    def network(self) -> nn.Module:
        """A fresh one, always the same."""
        torch.manual_seed(0)
        return create(self.model, num_classes=10, image_size=self.side, **self.options)


FAMILIES = {
    "mlp": Family(model="mlp", side=32, batch_size=64, options={"hidden": (512, 512)}),
    "lenet": Family(model="lenet", side=32, batch_size=64),
    "small-resnet": Family(model="small-resnet", side=32, batch_size=64),
    "resnet": Family(model="torchvision:resnet18"),
    "vgg": Family(model="torchvision:vgg11", batch_size=4),
    "densenet": Family(model="torchvision:densenet121", batch_size=8),
    "mobilenet": Family(model="torchvision:mobilenet_v2"),
    "shufflenet": Family(model="shufflenet-v1"),
    "squeezenet": Family(model="torchvision:squeezenet1_1"),
    "googlenet": Family(model="googlenet"),
    "vit": Family(model="vit", options={"patch": 8, "depth": 4, "width": 192, "heads": 3}),
    "convnext": Family(model="torchvision:convnext_tiny", batch_size=4),
}


@dataclass(frozen=True, kw_only=True)
class Variant:
    """How a network is run.

    Attributes:
        channels_last: pictures and kernels lie so in memory.
        half: under autocast to bf16.
        compiled: by torch.compile.
    """

    channels_last: bool = False
    half: bool = False
    compiled: bool = False


VARIANTS = {
    PLAIN: Variant(),
    "channels last": Variant(channels_last=True),
    "bf16": Variant(half=True),
    "bf16, channels last": Variant(half=True, channels_last=True),
    "compiled": Variant(compiled=True),
}


def prepared(family: Family, variant: Variant) -> tuple[nn.Module, Callable[..., torch.Tensor]]:
    """The network, and how it is called."""
    network = family.network()
    if variant.channels_last:
        network = network.to(memory_format=torch.channels_last)
    return network, torch.compile(network) if variant.compiled else network


def pictures_of(family: Family, variant: Variant) -> torch.Tensor:
    draw = torch.Generator().manual_seed(0)
    pictures = torch.randn(family.batch_size, 3, family.side, family.side, generator=draw)
    if variant.channels_last:
        return pictures.contiguous(memory_format=torch.channels_last)
    return pictures


def cast(variant: Variant) -> torch.autocast | nullcontext[None]:
    return torch.autocast("cpu", dtype=torch.bfloat16) if variant.half else nullcontext()


def training(family: Family, variant: Variant) -> Callable[[], None]:
    network, call = prepared(family, variant)
    pictures = pictures_of(family, variant)
    targets = torch.arange(family.batch_size) % 10
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3, momentum=0.9, fused=True)

    def step() -> None:
        optimizer.zero_grad()
        with cast(variant):
            cost = F.cross_entropy(call(pictures).float(), targets)
        cost.backward()
        optimizer.step()

    return step


def inference(family: Family, variant: Variant) -> Callable[[], None]:
    network, call = prepared(family, variant)
    network.eval()
    pictures = pictures_of(family, variant)

    def step() -> None:
        with torch.no_grad(), cast(variant):
            call(pictures)

    return step


KINDS = {"training step": training, "inference": inference}


def seconds(step: Callable[[], None], steps: int) -> float:
    start = time.process_time()
    for _ in range(steps):
        step()
    return (time.process_time() - start) / steps


def waited(step: Callable[[], None]) -> float:
    """By the clock: the compiler is a process of its own."""
    start = time.perf_counter()
    step()
    step()
    return time.perf_counter() - start


def take_turns(
    steps: Mapping[str, Callable[[], None]], *, turns: int, spent: float
) -> tuple[list[dict[str, float]], dict[str, float]]:
    """Seconds of a step turn after turn, and of the first two, which hold the compiling."""
    first = {name: waited(step) for name, step in steps.items()}
    counts = {name: max(1, int(spent / seconds(step, 1))) for name, step in steps.items()}
    measured = []
    for turn in range(turns):
        order = list(steps)[:: -1 if turn % 2 else 1]
        measured.append({name: seconds(steps[name], counts[name]) for name in order})
    return measured, first


def rows_of(
    turns: Sequence[Mapping[str, float]], first: Mapping[str, float]
) -> list[dict[str, object]]:
    """Milliseconds and gain of each variant."""
    rows = []
    for name in first:
        times = statistics.median(turn[name] for turn in turns)
        gain, low, high = bootstrap(
            lambda some, name=name: statistics.median(t[PLAIN] / t[name] for t in some), turns
        )
        row: dict[str, object] = {"variant": name, "ms": f"{1000 * times:.2f}"}
        row |= {"gain": f"{gain:.2f}", "low": f"{low:.2f}", "high": f"{high:.2f}"}
        rows.append(row | {"first_s": f"{first[name]:.1f}", "n": len(turns)})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--turns", type=int, default=None, help=f"{TURNS} where left out")
    parser.add_argument("--only", nargs="+", choices=FAMILIES, help="some")
    parser.add_argument("--quick", action="store_true", help="nothing compiled, nothing written")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    quieten()
    turns = asked.turns or (1 if asked.quick else TURNS)
    variants = {
        name: each for name, each in VARIANTS.items() if not (asked.quick and each.compiled)
    }
    around = surroundings("torch", "netwright", "torchvision")
    for name in asked.only or FAMILIES:
        family, rows = FAMILIES[name], []
        for kind, make in KINDS.items():
            steps = {called: make(family, variant) for called, variant in variants.items()}
            measured = take_turns(steps, turns=turns, spent=0.01 if asked.quick else SPENT)
            for row in rows_of(*measured):
                size = {"side": family.side, "batch_size": family.batch_size}
                rows.append({"family": name, "model": family.model, "kind": kind, **size, **row})
                print(" ".join(str(value) for value in rows[-1].values()), flush=True)
            torch.compiler.reset()
        if not asked.quick:
            write_rows("family_gains", [row | around for row in rows])
    shutil.rmtree(os.environ["TORCHINDUCTOR_CACHE_DIR"], ignore_errors=True)


if __name__ == "__main__":
    main()
