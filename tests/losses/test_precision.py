import math

import pytest
import torch

from netwright.losses.precision import at_least_float32, bounded_exp


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (torch.bfloat16, torch.float32),
        (torch.float16, torch.float32),
        (torch.int64, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_only_what_is_too_coarse_is_raised(given, wanted):
    assert at_least_float32(torch.ones(2, dtype=given)).dtype == wanted


def test_bounded_exp_is_smooth_where_it_turns():
    points = torch.tensor([29.999999, 30.000001], dtype=torch.float64, requires_grad=True)
    values = bounded_exp(points)
    values.sum().backward()
    torch.testing.assert_close(values[0], values[1], rtol=1e-5, atol=0)
    torch.testing.assert_close(
        points.grad, torch.full_like(points, math.exp(30)), rtol=1e-5, atol=0
    )
    assert torch.autograd.gradcheck(
        bounded_exp, torch.randn(5, dtype=torch.float64).requires_grad_()
    )
