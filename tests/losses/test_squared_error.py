import torch

from netwright.losses.squared_error import squared_error

TARGETS = torch.linspace(-4, 4, 160, dtype=torch.float64).reshape(40, 4)


def test_equals_torch(equal_with_gradient, scores):
    equal_with_gradient(
        lambda s: squared_error(s, TARGETS),
        lambda s: torch.nn.functional.mse_loss(s, TARGETS, reduction="none").sum(1),
        scores,
    )


def test_finite(finite_at_extremes):
    finite_at_extremes(lambda s: squared_error(s, torch.arange(5)))
