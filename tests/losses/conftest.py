import pytest
import torch


@pytest.fixture
def equal_with_gradient():
    """Check value and gradient of a loss against a reference, in double precision."""

    def check(ours, reference, scores, *, tolerance=1e-10):
        first = scores.clone().requires_grad_()
        second = scores.clone().requires_grad_()
        value, wanted = ours(first), reference(second)
        assert value.shape == (len(scores),)
        torch.testing.assert_close(value, wanted, rtol=tolerance, atol=tolerance)
        factors = torch.linspace(0.5, 2, len(scores), dtype=scores.dtype)
        (value * factors).sum().backward()
        (wanted * factors).sum().backward()
        torch.testing.assert_close(first.grad, second.grad, rtol=tolerance, atol=tolerance)

    return check


@pytest.fixture(params=[torch.float32, torch.bfloat16], ids=str)
def finite_at_extremes(request):
    """Check that value and gradient are finite at ±1e4, in both precisions of training."""

    def check(loss, *, columns=None):
        signs = torch.tensor([1e4, -1e4, 0.0, 1e4, -1e4])
        scores = (
            signs if columns is None else torch.stack([signs.roll(k) for k in range(columns)], 1)
        )
        scores = scores.to(request.param).requires_grad_()
        value = loss(scores)
        value.sum().backward()
        assert value.dtype == torch.float32
        assert value.isfinite().all(), value
        assert scores.grad.isfinite().all(), scores.grad
        # the law must still tell right from wrong out there
        assert value.max() > value.min()

    return check


@pytest.fixture
def scores():
    return torch.randn(40, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 3
