"""What does a derivative cost: backwards or forwards, and how dear is a second one?

Jacobians of an MLP n → 512 → 512 → m, one input, both modes, against one evaluation: processor time
and the most memory held on the way. Then, for the loss of an MLP 64-128-10 on 256 examples in its
parameters: gradient, derivative along a direction, Hessian-vector product (ours, backwards twice,
and torch's forwards over backwards), against one evaluation. All take turns; medians with 95 %
intervals over turns; one thread.

    python benchmarks/derivatives.py           # ~1 minute
    python benchmarks/derivatives.py --quick   # does everything run? writes nothing
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch
os.environ.setdefault("KINETO_LOG_LEVEL", "99")

import argparse
import statistics
import time
from collections.abc import Callable, Mapping

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from _rows import bootstrap, surroundings, write_rows
from netwright.probes import derivatives

TURNS = 25
SHAPES = ((4, 4096), (16, 1024), (64, 256), (128, 128), (256, 64), (1024, 16))
WIDTH = 512
Work = Callable[[], object]


def jacobians(inputs: int, results: int) -> dict[str, Work]:
    net = nn.Sequential(
        nn.Linear(inputs, WIDTH),
        nn.Tanh(),
        nn.Linear(WIDTH, WIDTH),
        nn.Tanh(),
        nn.Linear(WIDTH, results),
    ).requires_grad_(False)
    at = torch.randn(inputs)
    return {
        "evaluation": lambda: net(at),
        "forward Jacobian": lambda: derivatives.forward_jacobian(net, at),
        "reverse Jacobian": lambda: derivatives.reverse_jacobian(net, at),
    }


def products() -> dict[str, Work]:
    net = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    inputs, targets = torch.randn(256, 64), torch.randint(10, (256,))
    function, at = derivatives.in_parameters(
        net, lambda model: nn.functional.cross_entropy(model(inputs), targets)
    )
    direction = torch.randn_like(at)
    slope = torch.func.grad(function)

    def evaluate() -> None:
        with torch.no_grad():
            function(at)

    return {
        "evaluation": evaluate,
        "gradient": lambda: derivatives.gradient(function, at),
        "directional derivative": lambda: derivatives.directional_derivative(
            function, at, direction=direction
        ),
        "Hessian-vector product": lambda: derivatives.hessian_vector_product(
            function, at, direction=direction
        ),
        "forwards over backwards": lambda: torch.func.jvp(slope, (at,), (direction,)),
    }


def seconds(work: Work) -> float:
    """Processor time of one call, over enough of them."""
    calls, spent = 0, 0.0
    begin = time.process_time()
    while spent < 0.01:
        work()
        calls += 1
        spent = time.process_time() - begin
    return spent / calls


def peak(work: Work) -> int:
    """The most bytes that are held at once beyond those held before."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        work()
    events = [one for one in seen.profiler.kineto_results.events() if one.name() == "[memory]"]
    held = most = 0
    for event in sorted(events, key=lambda one: one.start_ns()):
        held += event.nbytes()
        most = max(most, held)
    return most


def measured(setting: str, works: Mapping[str, Work], turns: int) -> list[dict[str, str]]:
    for work in works.values():
        work()
    times = []
    for turn in range(turns):
        order = list(works)[:: -1 if turn % 2 else 1]
        times.append({name: seconds(works[name]) for name in order})
    rows = []
    for name, work in works.items():
        ratio, low, high = bootstrap(
            lambda rows, name=name: statistics.median(r[name] / r["evaluation"] for r in rows),
            times,
        )
        rows.append(
            {
                "setting": setting,
                "what": name,
                "us": f"{1e6 * statistics.median(row[name] for row in times):.0f}",
                "evaluations": f"{ratio:.1f}",
                "low": f"{low:.1f}",
                "high": f"{high:.1f}",
                "peak_kib": f"{peak(work) / 1024:.0f}",
                "n": str(turns),
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few turns, nothing is written")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    torch.manual_seed(0)
    turns = 3 if quick else TURNS
    rows = []
    for inputs, results in SHAPES:
        setting = f"{inputs} inputs, {results} results"
        rows += measured(setting, jacobians(inputs, results), turns)
    rows += measured("loss of an MLP 64-128-10, 9,610 parameters", products(), turns)
    around = surroundings("torch", "netwright")
    for row in rows:
        print(
            f"{row['setting']:44} {row['what']:24} {row['us']:>7} us {row['evaluations']:>6} "
            f"[{row['low']}, {row['high']}] evaluations, {row['peak_kib']:>6} KiB"
        )
    if not quick:
        print(write_rows("derivatives", [row | around for row in rows]))


if __name__ == "__main__":
    main()
