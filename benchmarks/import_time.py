"""How long does the package keep people waiting before it does anything?

Three figures, from fresh processes that take turns, so that a slow moment of the machine falls on
all alike: CPU time of `import netwright` over that of `import torch` (a ratio within each turn),
the same for the wall clock, and the CPU time of `netwright --help`.

    python benchmarks/import_time.py            # 25 turns, about a minute and a half
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

from _rows import bootstrap, surroundings, write_rows

COMMANDS = {
    "import torch": [sys.executable, "-c", "import torch"],
    "import netwright": [sys.executable, "-c", "import netwright"],
    "netwright --help": [sys.executable, "-c", "from netwright.cli import main; main()", "--help"],
}
Turn: TypeAlias = dict[str, tuple[float, float]]


def timed(command: Sequence[str]) -> tuple[float, float]:
    """CPU seconds (user and system) and wall-clock seconds of one process."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return cpu, wall


def ratio(clock: int) -> Callable[[Sequence[Turn]], float]:
    """The median over turns of netwright's time over torch's."""

    def figure(turns: Sequence[Turn]) -> float:
        return statistics.median(
            turn["import netwright"][clock] / turn["import torch"][clock] for turn in turns
        )

    return figure


def cpu_of(name: str) -> Callable[[Sequence[Turn]], float]:
    """The median CPU time of one command."""
    return lambda turns: statistics.median(turn[name][0] for turn in turns)


FIGURES = {
    "import netwright / import torch, CPU": (ratio(0), "ratio"),
    "import netwright / import torch, wall": (ratio(1), "ratio"),
    "import torch, CPU": (cpu_of("import torch"), "s"),
    "netwright --help, CPU": (cpu_of("netwright --help"), "s"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=25)
    turns_asked = parser.parse_args().turns
    for command in COMMANDS.values():
        timed(command)  # once unmeasured: byte code and the file cache
    turns = [
        {name: timed(command) for name, command in COMMANDS.items()} for _ in range(turns_asked)
    ]
    around = surroundings("torch", "netwright", "typer")
    rows = []
    for name, (figure, unit) in FIGURES.items():
        median, low, high = bootstrap(figure, turns)
        rows.append(
            {
                "figure": name,
                "median": f"{median:.4f}",
                "low": f"{low:.4f}",
                "high": f"{high:.4f}",
                "unit": unit,
                "n": turns_asked,
                **around,
            }
        )
        print(f"{name}: {median:.3f} {unit}  [{low:.3f}, {high:.3f}]  n={turns_asked}")
    print(write_rows("import_time", rows))


if __name__ == "__main__":
    main()
