import pytest
import torch
from torch.distributions import Categorical

from netwright.losses.ordinal import cumulative_probabilities, ordinal

TARGETS = torch.arange(40) % 4
THRESHOLDS = torch.tensor([-1.0, 0.2, 2.0], dtype=torch.float64)


def law(scores, thresholds):
    """P(y ≤ j) = sigmoid(θ_j − score), as a plain difference."""
    reached = (thresholds - scores[:, None]).sigmoid()
    ends = torch.zeros(len(scores), 1), torch.ones(len(scores), 1)
    reached = torch.cat([ends[0], reached, ends[1]], 1)
    return Categorical(probs=reached[:, 1:] - reached[:, :-1])


def test_is_the_likelihood_of_proportional_odds(equal_with_gradient, scores):
    equal_with_gradient(
        lambda s: ordinal(s, TARGETS, thresholds=THRESHOLDS),
        lambda s: -law(s, THRESHOLDS).log_prob(TARGETS),
        scores[:, 0].contiguous(),
        tolerance=1e-8,
    )


def test_thresholds_learn(scores):
    latent = scores[:, 0]
    first, second = (THRESHOLDS.clone().requires_grad_() for _ in range(2))
    ordinal(latent, TARGETS, thresholds=first).sum().backward()
    (-law(latent, second).log_prob(TARGETS)).sum().backward()
    torch.testing.assert_close(first.grad, second.grad)


def test_probabilities_are_those_of_the_law(scores):
    latent = scores[:, 0]
    probabilities = cumulative_probabilities(latent, THRESHOLDS)
    torch.testing.assert_close(probabilities, law(latent, THRESHOLDS).probs)
    torch.testing.assert_close(
        -probabilities.gather(1, TARGETS[:, None]).log().squeeze(1),
        ordinal(latent, TARGETS, thresholds=THRESHOLDS),
    )


def test_two_classes_are_the_logistic_law(equal_with_gradient, scores):
    equal_with_gradient(
        lambda s: ordinal(s, TARGETS % 2, thresholds=torch.zeros(1, dtype=torch.float64)),
        lambda s: torch.nn.functional.binary_cross_entropy_with_logits(
            s, (TARGETS % 2).double(), reduction="none"
        ),
        scores[:, 0].contiguous(),
    )


@pytest.mark.parametrize("target", range(4))
def test_finite(finite_at_extremes, target):
    targets = torch.full((5,), target)
    finite_at_extremes(lambda s: ordinal(s, targets, thresholds=THRESHOLDS.float()))
    cuts = THRESHOLDS.float().requires_grad_()
    ordinal(torch.tensor([1e4, -1e4, 0, 0, 0]), targets, thresholds=cuts).sum().backward()
    assert cuts.grad.isfinite().all()
