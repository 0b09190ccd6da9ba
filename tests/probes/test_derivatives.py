"""Derivatives against closed forms and differences."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from netwright._errors import BadValue
from netwright.probes.derivatives import (
    directional_derivative,
    forward_jacobian,
    gradient,
    hessian_vector_product,
    in_parameters,
    jacobian,
    reverse_jacobian,
)

MODES = [jacobian, forward_jacobian, reverse_jacobian]


@pytest.fixture
def quadratic():
    """½ xᵀAx + bᵀx with an A that is not symmetric: the Hessian is (A + Aᵀ)/2."""
    matrix, slope = torch.randn(5, 5).double(), torch.randn(5).double()
    at, direction = torch.randn(5).double(), torch.randn(5).double()
    return lambda x: x @ matrix @ x / 2 + slope @ x, matrix, slope, at, direction


def test_a_quadratic(quadratic):
    function, matrix, slope, at, direction = quadratic
    symmetric = (matrix + matrix.T) / 2
    assert torch.allclose(gradient(function, at), symmetric @ at + slope)
    along = directional_derivative(function, at, direction=direction)
    assert torch.allclose(along, (symmetric @ at + slope) @ direction)
    product = hessian_vector_product(function, at, direction=direction)
    assert torch.allclose(product, symmetric @ direction)


def test_rosenbrock():
    x, y = 0.3, -0.7
    at, direction = torch.tensor([x, y]).double(), torch.tensor([0.2, 1.1]).double()
    function = lambda p: (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2  # noqa: E731
    slope = [-2 * (1 - x) - 400 * x * (y - x**2), 200 * (y - x**2)]
    assert torch.allclose(gradient(function, at), torch.tensor(slope).double())
    hessian = torch.tensor([[2 - 400 * (y - 3 * x**2), -400 * x], [-400 * x, 200.0]]).double()
    product = hessian_vector_product(function, at, direction=direction)
    assert torch.allclose(product, hessian @ direction)


def test_cross_entropy_in_the_logits():
    """Gradient p − y, Hessian diag(p) − ppᵀ."""
    at, direction = torch.randn(6).double(), torch.randn(6).double()
    function = lambda z: F.cross_entropy(z[None], torch.tensor([2]))  # noqa: E731
    p = at.softmax(0)
    assert torch.allclose(gradient(function, at), p - F.one_hot(torch.tensor(2), 6))
    product = hessian_vector_product(function, at, direction=direction)
    assert torch.allclose(product, (p.diag() - p.outer(p)) @ direction)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("results", "inputs"), [(2, 7), (7, 2)])
def test_the_jacobian_of_a_linear_map_is_its_matrix(mode, results, inputs):
    matrix = torch.randn(results, inputs)
    assert torch.allclose(mode(lambda x: matrix @ x, torch.randn(inputs)), matrix)


@pytest.mark.parametrize("mode", MODES)
def test_a_jacobian_has_the_shapes_of_results_and_inputs(mode):
    at = torch.randn(2, 3).double()
    found = mode(lambda x: torch.tanh(x).T @ x, at)
    assert found.shape == (3, 3, 2, 3)
    step = 1e-6 * torch.eye(6).double().reshape(6, 2, 3)
    function = lambda x: torch.tanh(x).T @ x  # noqa: E731
    differences = torch.stack([(function(at + d) - function(at - d)) / 2e-6 for d in step], -1)
    assert torch.allclose(found.flatten(2), differences, atol=1e-7)


def test_the_jacobian_takes_the_mode_of_fewer_passes(monkeypatch):
    from netwright.probes import derivatives

    taken = []
    for name in ("forward_jacobian", "reverse_jacobian"):
        whole = getattr(derivatives, name)
        monkeypatch.setattr(
            derivatives,
            name,
            lambda f, at, name=name, whole=whole: taken.append(name) or whole(f, at),
        )
    derivatives.jacobian(lambda x: x.sum()[None], torch.ones(4))
    derivatives.jacobian(lambda x: x.expand(4), torch.ones(1))
    assert taken == ["reverse_jacobian", "forward_jacobian"]


def test_a_network_in_its_parameters():
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    net[0].bias.requires_grad_(False)
    inputs, targets = torch.randn(8, 3).double(), torch.randint(2, (8,))
    loss = lambda model: F.cross_entropy(model(inputs), targets)  # noqa: E731
    function, at = in_parameters(net, loss)
    assert len(at) == 12 + 8 + 2
    loss(net).backward()
    expected = torch.cat([v.grad.flatten() for v in net.parameters() if v.requires_grad])
    assert torch.allclose(gradient(function, at), expected)
    direction = torch.randn_like(at)
    product = hessian_vector_product(function, at, direction=direction)
    slopes = [gradient(function, at + e * direction) for e in (1e-5, -1e-5)]
    assert torch.allclose(product, (slopes[0] - slopes[1]) / 2e-5, atol=1e-8)
    assert torch.allclose(product, torch.func.hessian(function)(at) @ direction)
    assert all(not value.grad.isnan().any() for value in net.parameters() if value.requires_grad)


def test_refusals():
    with pytest.raises(BadValue, match="function must be one with a single result"):
        gradient(torch.square, torch.ones(2))
    with pytest.raises(BadValue, match="direction must be of the point's shape"):
        directional_derivative(torch.square, torch.ones(2), direction=torch.ones(3))
    with pytest.raises(BadValue, match="direction must be of the point's shape"):
        hessian_vector_product(torch.sum, torch.ones(2), direction=torch.ones(3))
