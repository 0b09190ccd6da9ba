"""How much faster do two processes on two cores learn than one on one?

The step of a ResNet-18 for 32×32 pictures (a 3×3 stem, no first pooling) with the same global
batch, one thread a process, gloo.
Blocks of steps of one process and of two take turns; the figure is the ratio of the wall-clock
times within each turn. One process is held to one core, each of two to its own.

    python benchmarks/processes.py              # 9 turns of 2 steps, some ten minutes
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

from _rows import bootstrap, surroundings, write_rows

Turn: TypeAlias = tuple[tuple[float, float], tuple[float, float]]
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}


def worker(batch_size: int, steps: int) -> None:
    """Seconds of a block of steps, each time a line is read; the world is in the environment."""
    import torch
    from torchvision.models import resnet18

    torch.set_num_threads(1)
    from netwright.data.dataset import InMemory
    from netwright.data.streams.in_memory import InMemorySource
    from netwright.methods.base import Task
    from netwright.methods.supervised import Supervised
    from netwright.runs.recipe import Recipe
    from netwright.train.loop import Loop
    from netwright.train.optimizers.build import build_optimizer
    from netwright.train.settings import Settings
    from netwright.workflow.launch import launched_rank, together

    rank = launched_rank()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[rank % len(cores)]})
    pictures = torch.rand(batch_size * 2, 3, 32, 32)
    classes = torch.randint(0, 10, (batch_size * 2,))
    task = Task(kind="classes", names=tuple("0123456789"), targets=classes)

    def build(width: int) -> torch.nn.Module:
        made = resnet18(num_classes=width)
        made.conv1 = torch.nn.Conv2d(3, 64, 3, padding=1, bias=False)
        made.maxpool = torch.nn.Identity()
        net: torch.nn.Module = made
        return net

    source = InMemorySource(
        InMemory(pictures), classes, index=torch.arange(len(classes)), batch_size=batch_size,
        seed=0, preprocess=torch.nn.Identity(),
    )  # fmt: skip
    recipe = Recipe.parse({"data": {"name": "given"}, "device": "cpu"})
    with together(recipe) as processes:

        class Timed(Loop):
            def _step(self) -> None:
                if self.counters.step % steps == 0:
                    processes.decided(sys.stdin.readline)
                    self.began = time.perf_counter(), time.process_time()
                super()._step()
                if self.counters.step % steps == 0 and processes.first:
                    wall, cpu = self.began
                    print(time.perf_counter() - wall, time.process_time() - cpu, flush=True)

        Timed(
            Supervised.for_task(task, build_model=build),
            {"train": source},
            make_optimizer=lambda _, groups: build_optimizer(
                groups, name="sgd", learning_rate=0.01, momentum=0.9
            ),
            settings=Settings(epochs=10**6, snapshot_every=0),
            processes=processes,
        ).run()


def started(count: int, arguments: Sequence[str]) -> list[subprocess.Popen[str]]:
    """The processes of a world, waiting; the first answers to its lines."""
    found = []
    for rank in range(count):
        environment = ENVIRONMENT | {
            "RANK": str(rank), "WORLD_SIZE": str(count), "LOCAL_RANK": str(rank),
            "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(29600 + count),
        }  # fmt: skip
        found.append(
            subprocess.Popen(
                [sys.executable, __file__, "--work", *arguments],
                env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )
        )  # fmt: skip
    return found


def block(world: Sequence[subprocess.Popen[str]]) -> tuple[float, float]:
    """Seconds that one block of steps takes: on the wall, and of the first one's processor."""
    first = world[0]
    if first.stdin is None or first.stdout is None:
        raise SystemExit("no pipe to the first process")
    first.stdin.write("\n")
    first.stdin.flush()
    wall, cpu = map(float, first.stdout.readline().split())
    return wall, cpu


def ratio(clock: int) -> Callable[[Sequence[Turn]], float]:
    """The median over turns of one process's time over that of two."""
    return lambda turns: statistics.median(one[clock] / two[clock] for one, two in turns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.work:
        worker(asked.batch_size, asked.steps)
        return
    arguments = ["--batch-size", str(asked.batch_size), "--steps", str(asked.steps)]
    one, two = started(1, arguments), started(2, arguments)
    try:
        for world in (one, two):
            block(world)  # once unmeasured
        turns = [(block(one), block(two)) for _ in range(asked.turns)]
    finally:
        for process in (*one, *two):
            process.kill()
            process.wait()
    rows = []
    for clock, name in enumerate(("wall", "CPU of a process")):
        median, low, high = bootstrap(ratio(clock), turns)
        figure = f"ResNet-18 32x32, batch {asked.batch_size}: 1 process / 2 processes, {name}"
        rows.append(
            {
                "figure": figure,
                "median": f"{median:.4f}",
                "low": f"{low:.4f}",
                "high": f"{high:.4f}",
                "unit": "ratio",
                "n": asked.turns,
                **surroundings("torch", "torchvision", "netwright"),
            }
        )
        print(f"{figure}: {median:.3f} [{low:.3f}, {high:.3f}]  n={asked.turns}")
    print(write_rows("processes", rows))


if __name__ == "__main__":
    main()
