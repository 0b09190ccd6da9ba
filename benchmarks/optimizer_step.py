"""What does a step of our own optimisers cost beside torch's fused ones?

Processor time (user and system) of forward, backward and update of an MLP 64-128-10, batch 64, 32
bits, one thread, over that of torch's fused SGD with momentum in the same turn; gradient noise is
compared with the same step without it, and the update alone is timed too. The loops take turns;
intervals are of the median over turns. What the training loop keeps so that it can undo a step of
an optimiser that asks for the gradient itself is not in these figures.

    python benchmarks/optimizer_step.py                # 25 turns, ~1 minute
    python benchmarks/optimizer_step.py --quick        # does everything run? writes nothing
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch: one thread for everybody

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

from _rows import bootstrap, surroundings, write_rows
from _turns import quieten
from netwright.methods.base import trained
from netwright.train.gradient_noise import GradientNoise
from netwright.train.optimizers.build import build_optimizer
from netwright.train.optimizers.direct import Direct
from netwright.train.optimizers.reevaluating import reevaluates

STEPS, TURNS = 400, 25
FUSED = "torch's fused SGD, momentum"
NESTEROV = "torch's fused SGD, Nesterov"
PLAIN = "our step of fused SGD"
Step = Callable[[], None]


def network() -> tuple[nn.Module, Callable[[], torch.Tensor]]:
    """A net, and its loss on one batch."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    x, y = torch.randn(64, 64), torch.randint(10, (64,))
    return net, lambda: nn.functional.cross_entropy(net(x), y)


def step_of(name: str, *, noisy: bool = False, **options: float | bool) -> Step:
    """A whole step with an optimiser of the catalogue, as the loop takes it."""
    net, loss = network()
    optimizer = build_optimizer([trained(net)], name=name, learning_rate=1e-4, **options)
    parameters = list(net.parameters())
    noise, direct = GradientNoise(seed=0, eta=1e-8), Direct(optimizer)

    def closure() -> float:
        for parameter in parameters:
            parameter.grad = None
        value = loss()
        value.backward()
        return value.item()

    def plain() -> None:
        closure()
        if noisy:
            noise.add([p.grad for p in parameters if p.grad is not None], step=0)
        direct.step()

    return (lambda: optimizer.step(closure)) if reevaluates(optimizer) else plain  # type: ignore[arg-type, return-value]


def torchs(**options: float | bool) -> Step:
    """A whole step as torch's documentation writes it."""
    net, loss = network()
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-4, momentum=0.9, fused=True, **options)

    def step() -> None:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        value.item()
        optimizer.step()

    return step


def loops() -> dict[str, tuple[Step, str]]:
    """Name → a step, and what it is compared with."""
    return {
        FUSED: (torchs(), FUSED),
        NESTEROV: (torchs(nesterov=True), NESTEROV),
        "moving-average-momentum": (step_of("moving-average-momentum"), FUSED),
        "lookahead-nesterov": (step_of("lookahead-nesterov"), NESTEROV),
        PLAIN: (step_of("sgd", momentum=0.9), FUSED),
        "gradient noise": (step_of("sgd", momentum=0.9, noisy=True), PLAIN),
    }


def microseconds(step: Step, steps: int) -> float:
    """Processor time of a step."""
    begin = time.process_time()
    for _ in range(steps):
        step()
    return 1e6 * (time.process_time() - begin) / steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--quick", action="store_true", help="few steps, nothing is written")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    quieten()
    contest, steps = loops(), 20 if asked.quick else STEPS
    turns = 3 if asked.quick else asked.turns
    for step, _ in contest.values():
        microseconds(step, 20)
    measured = []
    for turn in range(turns):
        order = list(contest)[:: -1 if turn % 2 else 1]
        measured.append({name: microseconds(contest[name][0], steps) for name in order})
    rows, around = [], surroundings("torch", "netwright")
    for name, (_, rival) in contest.items():
        ratio, low, high = bootstrap(
            lambda kept, a=name, b=rival: statistics.median(one[a] / one[b] for one in kept),
            measured,
        )
        middle = statistics.median(one[name] for one in measured)
        figures = {"step_us": f"{middle:.1f}", "ratio": f"{ratio:.3f}"}
        figures |= {"low": f"{low:.3f}", "high": f"{high:.3f}", "n": str(turns)}
        rows.append({"step": name, "beside": rival, **figures, **around})
        print(f"{name:32} {middle:8.1f} us  {ratio:.3f} [{low:.3f}, {high:.3f}] of {rival}")
    if not asked.quick:
        print(write_rows("optimizer_step", rows))


if __name__ == "__main__":
    main()
