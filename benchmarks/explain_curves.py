"""What do insertion and deletion cost beside the passes through the model that they consist of?

ResNet-18 with ImageNet's weights at 224 pixels, one core, 10 pictures of noise with maps of noise,
20 steps, 32 pictures at a time: the passes that a deletion needs (21 a picture), run on ready
batches, take turns with `explain.deletion` and `explain.insertion`. What a picture costs does not
depend on how many there are; `--pictures 100` is the same in ten times the time.

    python benchmarks/explain_curves.py           # ~4 minutes
    python benchmarks/explain_curves.py --quick   # 2 pictures, nothing is written
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from _rows import bootstrap, surroundings, write_rows
from netwright.explain import deletion, insertion
from netwright.workflow.pretrained import pretrained

STEPS, AT_ONCE = 20, 32


def passes(model: nn.Module, inputs: Tensor) -> None:
    """As many pictures through the model as a curve needs, without making any of them."""
    left = len(inputs) * (STEPS + 1)
    batch = inputs.repeat(AT_ONCE // len(inputs) + 1, 1, 1, 1)[:AT_ONCE].contiguous()
    with torch.no_grad():
        while left > 0:
            model(batch[:left])
            left -= AT_ONCE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="2 pictures, nothing is written")
    parser.add_argument("--pictures", type=int, default=10)
    parser.add_argument("--turns", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    count = 2 if given.quick else given.pictures
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(count, 3, 224, 224, generator=draw)
    maps = torch.rand(count, 224, 224, generator=draw)
    model = pretrained("resnet18").model.eval()
    ways: dict[str, Callable[[], object]] = {
        "passes": lambda: passes(model, inputs),
        "deletion": lambda: deletion(model, inputs, maps=maps, steps=STEPS, batch_size=AT_ONCE),
        "insertion": lambda: insertion(model, inputs, maps=maps, steps=STEPS, batch_size=AT_ONCE),
    }
    passes(model, inputs[:1])
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(given.turns):
        for name in list(ways)[:: -1 if turn % 2 else 1]:
            start = time.process_time()
            ways[name]()
            taken[name].append(time.process_time() - start)
    rows = []
    for name in ("deletion", "insertion"):
        ratios = [own / pure for own, pure in zip(taken[name], taken["passes"], strict=True)]
        value, low, high = bootstrap(statistics.median, ratios)
        rows.append(
            {
                "curve": name, "pictures": count, "steps": STEPS, "batch": AT_ONCE,
                "ms_a_picture": f"{1000 * statistics.median(taken[name]) / count:.0f}",
                "of_the_passes": f"{value:.3f}", "low": f"{low:.3f}", "high": f"{high:.3f}",
                "n": given.turns,
            }
        )  # fmt: skip
        print(rows[-1])
    if not given.quick:
        around = surroundings("torch", "netwright")
        print(write_rows("explain_curves", [row | around for row in rows]))


if __name__ == "__main__":
    main()
