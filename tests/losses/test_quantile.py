import pytest
import torch

from netwright.losses.quantile import quantile

TARGETS = torch.linspace(-4, 4, 40, dtype=torch.float64)
LEVELS = (0.05, 0.3, 0.5, 0.9)


def test_costs_tau_below_and_the_rest_above(equal_with_gradient, scores):
    def reference(s):
        total = 0
        for column, level in enumerate(LEVELS):
            error = TARGETS - s[:, column]
            total = total + torch.where(error > 0, level * error, (level - 1) * error)
        return total

    equal_with_gradient(lambda s: quantile(s, TARGETS, quantiles=LEVELS), reference, scores)


@pytest.mark.parametrize("level", [0.1, 0.5, 0.8])
def test_is_least_at_the_quantile(level):
    values = torch.randn(1001, generator=torch.Generator().manual_seed(1))
    grid = torch.linspace(-3, 3, 601)
    costs = [
        quantile(point.expand(1001, 1), values, quantiles=(level,)).mean().item() for point in grid
    ]
    best = grid[costs.index(min(costs))].item()
    assert best == pytest.approx(values.quantile(level).item(), abs=0.02)


def test_finite(finite_at_extremes):
    finite_at_extremes(lambda s: quantile(s, torch.arange(5), quantiles=(0.1, 0.5, 0.8)), columns=3)
