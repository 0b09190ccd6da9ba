"""What do insertion and deletion cost beside the passes through the model that they consist of?

ResNet-18 with ImageNet's weights at 224 pixels, one core, 100 pictures of noise with maps of noise,
20 steps, 32 pictures at a time: the passes that a curve needs (21 a picture), run on ready batches,
take turns with `explain.deletion` and `explain.insertion`, 10 other pictures a turn. The passes are
run as they come, and once more with weights and pictures that lie channels last already.

    python benchmarks/explain_curves.py           # ~4 minutes
    python benchmarks/explain_curves.py --quick   # 2 pictures, nothing is written
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from _rows import bootstrap, surroundings, write_rows
from netwright.explain import deletion, insertion
from netwright.workflow.pretrained import pretrained

STEPS, AT_ONCE = 20, 32


def passes(model: nn.Module, inputs: Tensor) -> None:
    """As many pictures through the model as a curve needs, without making any of them."""
    left = len(inputs) * (STEPS + 1)
    batch = torch.cat([inputs] * (AT_ONCE // len(inputs) + 1))[:AT_ONCE]  # in the inputs' layout
    with torch.no_grad():
        while left > 0:
            model(batch[:left])
            left -= AT_ONCE


def contestants(
    model: nn.Module, quick: nn.Module, draw: torch.Generator, count: int
) -> dict[str, Callable[[], object]]:
    """On other pictures every turn."""
    inputs = torch.randn(count, 3, 224, 224, generator=draw)
    maps = torch.rand(count, 224, 224, generator=draw)
    lying = inputs.contiguous(memory_format=torch.channels_last)

    def curve(method: Callable[..., object]) -> Callable[[], object]:
        return lambda: method(model, inputs, maps=maps, steps=STEPS, batch_size=AT_ONCE)

    return {
        "passes": lambda: passes(model, inputs),
        "passes, channels last": lambda: passes(quick, lying),
        "deletion": curve(deletion),
        "insertion": curve(insertion),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="2 pictures, nothing is written")
    parser.add_argument("--pictures", type=int, default=10, help="of a turn")
    parser.add_argument("--turns", type=int, default=10)
    given = parser.parse_args()
    torch.set_num_threads(1)
    count, turns = (2, 1) if given.quick else (given.pictures, given.turns)
    draw = torch.Generator().manual_seed(0)
    model = pretrained("resnet18").model.eval()
    quick = deepcopy(model).to(memory_format=torch.channels_last)
    for run in contestants(model, quick, draw, 1).values():
        run()  # unmeasured: imports, kernels chosen, caches
    measured = []
    for turn in range(turns):
        ways = contestants(model, quick, draw, count)
        order = list(ways)[:: -1 if turn % 2 else 1]
        measured.append({name: _time(ways[name]) for name in order})
    rows = [row for name in ("deletion", "insertion") for row in rows_of(name, measured, count)]
    if not given.quick:
        around = surroundings("torch", "netwright")
        print(write_rows("explain_curves", [row | around for row in rows]))


def _time(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def rows_of(
    name: str, measured: Sequence[dict[str, float]], count: int
) -> Iterator[dict[str, object]]:
    """Beside either kind of passes."""
    for beside in ("passes", "passes, channels last"):
        ratios = [turn[name] / turn[beside] for turn in measured]
        value, low, high = bootstrap(statistics.median, ratios)
        row: dict[str, object] = {
            "curve": name, "beside": beside, "pictures": count * len(measured),
            "steps": STEPS, "batch": AT_ONCE,
            "ms_a_picture": f"{1000 * statistics.median(t[name] for t in measured) / count:.0f}",
            "ratio": f"{value:.3f}", "low": f"{low:.3f}", "high": f"{high:.3f}",
            "n": len(measured),
        }  # fmt: skip
        print(row)
        yield row


if __name__ == "__main__":
    main()
