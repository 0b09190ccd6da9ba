"""Routing against the loop of the paper, written out a number at a time."""

import numpy as np
import pytest
import torch

from netwright.models.layers.capsule_routing import route, squash


def squashed(s):
    length = np.sqrt((s * s).sum())
    return s * length / (1 + length**2)


def loop(u, w, rounds):
    """Procedure 1 for one example: (i, d) capsules, (i, k, d, e) weights."""
    below, above = w.shape[:2]
    votes = [[u[i] @ w[i, k] for k in range(above)] for i in range(below)]
    b = np.zeros((below, above))
    for _ in range(rounds):
        c = np.exp(b) / np.exp(b).sum(axis=1, keepdims=True)
        s = [sum(c[i, k] * votes[i][k] for i in range(below)) for k in range(above)]
        for i in range(below):
            for k in range(above):
                b[i, k] += votes[i][k] @ squashed(s[k])
    return np.stack(s)


def unrolled(capsules, weight, rounds):
    """The same in torch with every prediction held, so that autograd gives the gradient."""
    votes = torch.einsum("ndi,kdie->nike", capsules, weight)
    b = torch.zeros(votes.shape[:3], dtype=votes.dtype)
    for _ in range(rounds):
        s = (b.softmax(2)[..., None] * votes).sum(1)
        length = s.norm(dim=-1, keepdim=True)
        b = b + (votes * (s * length / (1 + length**2))[:, None]).sum(-1)
    return s


@pytest.fixture
def given():
    capsules = torch.randn(3, 4, 6, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(5, 4, 6, 2, dtype=torch.float64, requires_grad=True)
    return capsules, weight


@pytest.mark.parametrize("rounds", [1, 2, 3, 5])
def test_the_loop_of_the_paper(given, rounds):
    capsules, weight = given
    u, w = capsules.detach().numpy(), weight.detach().numpy()
    wanted = [loop(one.T, w.transpose(2, 0, 1, 3), rounds) for one in u]
    np.testing.assert_allclose(
        route(capsules, weight, routings=rounds).detach(), np.stack(wanted), rtol=1e-10
    )


@pytest.mark.parametrize("rounds", [1, 2, 3, 5])
def test_the_gradient_goes_through_every_round(given, rounds):
    factors = torch.randn(3, 5, 2, dtype=torch.float64)
    ours = torch.autograd.grad((route(*given, routings=rounds) * factors).sum(), given)
    wanted = torch.autograd.grad((unrolled(*given, rounds) * factors).sum(), given)
    for one, other in zip(ours, wanted, strict=True):
        torch.testing.assert_close(one, other)


def test_second_derivatives_and_batches_of_functions(given):
    assert torch.autograd.gradgradcheck(route, [part[:2, :2, :3] for part in given])
    capsules, weight = (part.detach() for part in given)
    singly = torch.func.vmap(lambda one: route(one[None], weight)[0])(capsules)
    torch.testing.assert_close(singly, route(capsules, weight))


def test_one_class_takes_everything(given):
    capsules, weight = given
    everything = torch.einsum("ndi,die->ne", capsules, weight[0])
    torch.testing.assert_close(route(capsules, weight[:1])[:, 0], everything)


def test_squash_keeps_the_direction_and_bounds_the_length():
    vectors = torch.randn(7, 3, dtype=torch.float64) * torch.logspace(-4, 4, 7)[:, None]
    squares = vectors.square().sum(1)
    short = squash(vectors)
    torch.testing.assert_close(short.norm(dim=1), squares / (1 + squares), rtol=1e-4, atol=0)
    torch.testing.assert_close(squash(vectors.T, dim=0).T, short)
    aligned = torch.nn.functional.cosine_similarity(short, vectors)
    torch.testing.assert_close(aligned, torch.ones(7, dtype=torch.float64))


def test_squash_has_a_gradient_of_zero_at_zero():
    nothing = torch.zeros(4, 3, requires_grad=True)
    squash(nothing).sum().backward()
    assert nothing.grad.abs().max() < 1e-5
