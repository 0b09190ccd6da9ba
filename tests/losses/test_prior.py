"""Decay and L1 as priors, against torch.distributions and minima found another way."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import distributions

from netwright._errors import BadValue
from netwright.losses.prior import decay_of_prior, gaussian_prior, l1_of_prior, laplace_prior

LAWS = {
    "gaussian": (lambda w: gaussian_prior(w, variance=0.3), distributions.Normal(0.0, 0.3**0.5)),
    "laplace": (lambda w: laplace_prior(w, scale=0.7), distributions.Laplace(0.0, 0.7)),
}


@pytest.mark.parametrize("law", LAWS)
def test_is_the_negative_log_of_its_law(law):
    prior, wanted = LAWS[law]
    weights = [torch.randn(3, 4, dtype=torch.float64), torch.randn(5, dtype=torch.float64)]
    ours = [weight.clone().requires_grad_() for weight in weights]
    theirs = [weight.clone().requires_grad_() for weight in weights]
    value, reference = prior(ours), -sum(wanted.log_prob(weight).sum() for weight in theirs)
    torch.testing.assert_close(value, reference, rtol=1e-6, atol=1e-6)
    value.backward()
    reference.backward()
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-6, atol=1e-6)


def table():
    draw = np.random.default_rng(0)
    x = draw.normal(size=(30, 3))
    return torch.tensor(x), torch.tensor((x[:, 0] + 0.5 * draw.normal(size=30) > 0).astype(float))


def posterior(weights, prior):
    """−log of likelihood times prior of a logistic model, by torch's laws alone."""
    x, y = table()
    likelihood = distributions.Bernoulli(logits=x @ weights).log_prob(y).sum()
    return -likelihood - prior.log_prob(weights).sum()


def penalised(weights, *, decay=0.0, l1=0.0):
    """What a run minimises: the mean loss, with decay's and L1's gradient of their own."""
    x, y = table()
    loss = torch.nn.functional.binary_cross_entropy_with_logits(x @ weights, y)
    return loss + decay / 2 * weights.square().sum() + l1 * weights.abs().sum()


@pytest.mark.parametrize(
    ("prior", "penalty"),
    [
        (distributions.Normal(0.0, 0.25**0.5), {"decay": decay_of_prior(0.25, count=30)}),
        (distributions.Laplace(0.0, 0.4), {"l1": l1_of_prior(0.4, count=30)}),
    ],
)
def test_the_penalised_mean_is_the_log_posterior_a_count_apart(prior, penalty):
    """Value up to a constant, and gradient."""
    points = torch.randn(4, 3, dtype=torch.float64)
    offsets, prior = (
        [],
        type(prior)(*(v.double() for v in vars(prior).values() if torch.is_tensor(v))),
    )
    for point in points:
        one, other = point.clone().requires_grad_(), point.clone().requires_grad_()
        ours, wanted = 30 * penalised(one, **penalty), posterior(other, prior)
        ours.backward()
        wanted.backward()
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-6, atol=1e-6)
        offsets.append(float(wanted.detach() - ours.detach()))
    assert np.ptp(offsets) < 1e-5


def test_squared_error_needs_the_noise():
    """Linear regression with known noise: the MAP in closed form is the minimum with that decay."""
    draw = np.random.default_rng(1)
    x, noise, variance = draw.normal(size=(25, 4)), 0.6, 0.2
    y = x @ draw.normal(size=4) * variance**0.5 + noise**0.5 * draw.normal(size=25)
    wanted = np.linalg.solve(x.T @ x / noise + np.eye(4) / variance, x.T @ y / noise)
    decay = decay_of_prior(variance, count=25, noise=noise)
    found = minimize(
        lambda w: np.mean((x @ w - y) ** 2) + decay / 2 * w @ w, np.zeros(4), tol=1e-12
    )
    np.testing.assert_allclose(found.x, wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: gaussian_prior([torch.ones(1)], variance=0.0), "variance must be above 0"),
        (lambda: laplace_prior([torch.ones(1)], scale=-1.0), "scale must be above 0"),
        (lambda: decay_of_prior(1.0, count=0), "count must be at least 1"),
        (lambda: l1_of_prior(1.0, count=3, noise=0.0), "noise must be above 0"),
    ],
)
def test_what_is_refused(call, sentence):
    with pytest.raises(BadValue, match=sentence):
        call()
