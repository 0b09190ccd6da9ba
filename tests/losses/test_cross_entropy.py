import math

import pytest
import torch

from netwright.losses.cross_entropy import cross_entropy, total_cross_entropy

TARGETS = torch.arange(40) % 4


def test_is_the_likelihood_of_a_categorical_law(equal_with_gradient, scores):
    equal_with_gradient(
        lambda s: cross_entropy(s, TARGETS),
        lambda s: -torch.distributions.Categorical(logits=s).log_prob(TARGETS),
        scores,
    )


def test_smoothing_mixes_the_target_with_the_even_law(equal_with_gradient, scores):
    mixed = 0.8 * torch.nn.functional.one_hot(TARGETS, 4).double() + 0.2 / 4
    equal_with_gradient(
        lambda s: cross_entropy(s, TARGETS, label_smoothing=0.2),
        lambda s: -(mixed * (s - s.logsumexp(1, keepdim=True))).sum(1),
        scores,
    )


def test_soft_targets_are_laws(equal_with_gradient, scores):
    soft = torch.rand(40, 4, dtype=torch.float64).softmax(1)
    equal_with_gradient(
        lambda s: cross_entropy(s, soft),
        lambda s: -(soft * s.log_softmax(1)).sum(1),
        scores,
    )


def test_even_scores_cost_log_k():
    assert cross_entropy(torch.zeros(1, 10), torch.tensor([3])).item() == pytest.approx(
        math.log(10)
    )


def test_finite(finite_at_extremes):
    targets = torch.tensor([0, 0, 1, 2, 2])
    finite_at_extremes(lambda s: cross_entropy(s, targets, label_smoothing=0.1), columns=3)
    soft = torch.nn.functional.one_hot(targets).float()
    finite_at_extremes(lambda s: cross_entropy(s, soft), columns=3)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("soft", [False, True])
def test_the_total_is_the_sum(smoothing, soft):
    torch.manual_seed(0)
    logits = torch.randn(6, 4, dtype=torch.float64, requires_grad=True)
    targets = torch.rand(6, 4).double().softmax(dim=1) if soft else torch.randint(4, (6,))
    total = total_cross_entropy(logits, targets, label_smoothing=smoothing)
    wanted = cross_entropy(logits, targets, label_smoothing=smoothing).sum()
    torch.testing.assert_close(total, wanted)
    gradients = [torch.autograd.grad(one, logits)[0] for one in (total, wanted)]
    torch.testing.assert_close(*gradients)
