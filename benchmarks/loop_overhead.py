"""What does a step cost beside the arithmetic, in ours and in other trainers?

Processor time of a step (user and system, every thread of the process) above that of a loop
written by hand: MLP 64-128-10, batch 64, fused SGD with momentum for all, 32 bits, one thread.
The loops take turns. A step is the slope between a short and a long run, so that what a run spends
once is out and what it writes at its end is in; intervals are of the median over turns.

    python benchmarks/loop_overhead.py                      # 25 turns with all peers, ~4 minutes
    python benchmarks/loop_overhead.py --only ours          # ~20 s, no peers needed; writes nothing
    python benchmarks/loop_overhead.py --only ours lightning --turns 9
    python benchmarks/loop_overhead.py --quick              # does everything run? writes nothing
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch: one thread for everybody

import argparse
import statistics
from collections.abc import Sequence
from functools import partial

import torch

from _loops import MLP, Loop, hand, ours, peers
from _rows import bootstrap, surroundings, write_rows
from _turns import quieten, take_turns

HAND: dict[str, Loop] = {"hand-written": partial(hand, work=MLP)}
OURS: dict[str, Loop] = {
    "netwright, record and progress": partial(ours, work=MLP, doctor=False),
    "netwright, record, progress and doctor": partial(ours, work=MLP),
    "netwright, all of it and one-cycle": partial(ours, work=MLP, schedule="one-cycle"),
}
SHORT, LONG, TURNS = 200, 1000, 25
PACKAGES = ("lightning", "accelerate", "fastai", "skorch", "pytorch-ignite")


def chosen(only: Sequence[str] | None) -> dict[str, Loop]:
    """The loops asked for; the hand-written one is always there."""
    rest = OURS | peers(MLP)
    if only is None:
        return HAND | rest
    families = {"ours": "netwright"}
    wanted = tuple(families.get(name, name) for name in only)
    return HAND | {name: loop for name, loop in rest.items() if name.startswith(wanted)}


def figures(measured: Sequence[dict[str, float]], name: str) -> dict[str, str]:
    """Median cost of a step, and of it what is above the hand-written loop's in the same turn."""
    reference = next(iter(HAND))
    middle, low, high = bootstrap(
        lambda turns: statistics.median(turn[name] - turn[reference] for turn in turns), measured
    )
    return {
        "step_us": f"{statistics.median(turn[name] for turn in measured):.1f}",
        "above_hand_us": f"{middle:.1f}",
        "low": f"{low:.1f}",
        "high": f"{high:.1f}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--turns", type=int, help=f"{TURNS} where left out")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="ours, lightning, fastai, …")
    parser.add_argument("--quick", action="store_true", help="few steps, nothing is written")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    quieten()
    loops = chosen(asked.only)
    turns = asked.turns or (3 if asked.quick else 15 if asked.only else TURNS)
    lengths = (20, 100) if asked.quick else (SHORT, LONG)
    measured = take_turns(loops, turns=turns, short=lengths[0], long=lengths[1])
    rows = []
    around = surroundings("torch", "netwright", *PACKAGES)
    for name in loops:
        row = {"loop": name, **figures(measured, name), "n": turns}
        rows.append(row | around)
        print(
            f"{name:42} {row['step_us']:>8} us a step, {row['above_hand_us']:>7} above hand "
            f"[{row['low']}, {row['high']}]  n={turns}"
        )
    if not asked.quick and asked.only is None:
        print(write_rows("loop_overhead", rows))


if __name__ == "__main__":
    main()
