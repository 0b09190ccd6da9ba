import torch

from netwright.losses.huber import huber

TARGETS = torch.linspace(-4, 4, 160, dtype=torch.float64).reshape(40, 4)


def test_is_square_near_and_linear_far(equal_with_gradient, scores):
    def reference(s):
        gap = (s - TARGETS).abs()
        return torch.where(gap <= 0.7, gap**2 / 2, 0.7 * (gap - 0.35)).sum(1)

    equal_with_gradient(lambda s: huber(s, TARGETS, delta=0.7), reference, scores)


def test_finite(finite_at_extremes):
    finite_at_extremes(lambda s: huber(s, torch.arange(5)))
