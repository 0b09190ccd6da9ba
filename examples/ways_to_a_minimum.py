"""Three ways to the minimum of one convex loss: solved, searched on a grid, descended to.

The progression of diabetes from body mass and a blood value: two weights and a bias. As recipes:

    netwright train table.csv --method normal-equations
    netwright train table.csv --method grid-search --set method.points=41
    netwright train table.csv --model linear --set optimizer.name=sgd

    python examples/ways_to_a_minimum.py
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from sklearn.datasets import load_diabetes
from torch import Tensor, nn

from _drawing import COLOURS, IMAGES, canvas, run, save, say
from netwright.data.batch import Batch
from netwright.methods.base import Stage
from netwright.methods.grid_search import GridSearch
from netwright.methods.normal_equations import NormalEquations
from netwright.methods.output_units.catalogue import create
from netwright.methods.supervised import Supervised
from netwright.train.optimizers.build import build_optimizer

LOW, HIGH = -0.4, 1.0


def problem() -> Batch:
    """Standardised columns, all in one batch."""
    rows = load_diabetes(as_frame=True).frame[["bmi", "s5", "target"]]
    values = torch.tensor(rows.to_numpy(), dtype=torch.float32)
    inputs = (values[:, :2] - values[:, :2].mean(dim=0)) / values[:, :2].std(dim=0)
    return Batch(inputs=inputs, targets=values[:, 2], index=torch.arange(len(values)))


def weights(model: nn.Module) -> Tensor:
    """Two weights and the bias."""
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def descend(method: Supervised, batch: Batch, *, steps: int = 40) -> Tensor:
    """Always down the steepest slope, from a corner; the path (steps + 1, 3)."""
    with torch.no_grad():
        method.model.weight.copy_(torch.tensor([[-0.3, 0.9]]))
        method.model.bias.fill_(-0.3)
    groups = method.parameter_groups(Stage())["main"]
    optimizer = build_optimizer(groups, name="sgd", learning_rate=0.15)
    path = [weights(method.model)]
    for _ in range(steps):
        optimizer.zero_grad()
        cost = method.loss(batch)
        (cost.total / cost.count).backward()
        optimizer.step()
        path.append(weights(method.model))
    return torch.stack(path)


def main(*, quick: bool = False, out: Path = IMAGES) -> dict[str, Tensor]:
    """Measure, draw, and return the weights of each way."""
    batch = problem()
    unit = create("real", names=("progression",), targets=batch.targets)
    layer = nn.Linear(2, 1)
    points = 15 if quick else 41
    exact = NormalEquations(copy.deepcopy(layer), unit)
    grid = GridSearch(copy.deepcopy(layer), unit, low=LOW, high=HIGH, points=points)
    descent = Supervised(copy.deepcopy(layer), unit)
    descend(Supervised(copy.deepcopy(layer), unit), batch, steps=1)  # loads what it needs
    timed("normal equations", lambda: exact.solve([batch]), "1 solution")
    timed("grid", lambda: grid.search([batch]), f"{len(grid.grid)} losses")
    path = timed("descent", lambda: descend(descent, batch), "40 gradients")
    found = {"exact": exact, "grid": grid, "descent": descent}
    for name, method in found.items():
        loss = float((method.loss(batch).total / len(batch)).detach())
        say((name, *weights(method.model).tolist(), "loss", loss))
    draw(grid, batch, weights(exact.model), path, out=out)
    return {name: weights(method.model) for name, method in found.items()}


def timed(name: str, work: Callable[[], Any], cost: str) -> Any:
    """Do it, and say how long it took."""
    began = time.process_time()
    done = work()
    say((name, cost, f"{1000 * (time.process_time() - began):.1f} ms"))
    return done


def draw(grid: GridSearch, batch: Batch, exact: Tensor, path: Tensor, *, out: Path) -> None:
    """The landscape over the two weights at the best bias, and the three ways on it."""
    figure, (axes,) = canvas(height=4.6)
    side = torch.linspace(LOW, HIGH, 60)
    plane = torch.cartesian_prod(side, side)
    plane = torch.cat([plane, exact[2].expand(len(plane), 1)], dim=1)
    with torch.no_grad():
        losses = (grid.totals(plane, batch) / len(batch)).reshape(60, 60)
    axes.contour(side, side, losses.T, levels=18, colors="#b8b8b8", linewidths=0.9)
    tried = grid.grid[:, :2].unique(dim=0)
    best = weights(grid.model)
    axes.plot(*tried.T, ".", color=COLOURS[2], markersize=2, label=f"grid: {len(grid.grid)} losses")
    axes.plot(*best[:2], "s", color=COLOURS[2], markersize=9, fillstyle="none")
    axes.plot(*path[:, :2].T, "o-", color=COLOURS[0], markersize=3.5, label="descent: 40 gradients")
    axes.plot(*exact[:2], "*", color=COLOURS[1], markersize=15, label="exact: one solution")
    axes.set(xlabel="weight of body mass", ylabel="weight of s5", aspect="equal")
    axes.legend(frameon=True, framealpha=0.9, loc="lower left")
    save(figure, out, "ways-to-a-minimum")


if __name__ == "__main__":
    run(main, __doc__)
