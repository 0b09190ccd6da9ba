import torch
from torch.distributions import Bernoulli, Independent

from netwright.losses.binary_cross_entropy import binary_cross_entropy

ONE = torch.arange(40) % 2
MANY = (torch.arange(160).reshape(40, 4) % 3 == 0).double()


def test_is_the_likelihood_of_a_bernoulli_law(equal_with_gradient, scores):
    equal_with_gradient(
        lambda s: binary_cross_entropy(s, ONE),
        lambda s: -Bernoulli(logits=s).log_prob(ONE.double()),
        scores[:, 0].contiguous(),
    )


def test_labels_of_an_example_are_added(equal_with_gradient, scores):
    equal_with_gradient(
        lambda s: binary_cross_entropy(s, MANY),
        lambda s: -Independent(Bernoulli(logits=s), 1).log_prob(MANY),
        scores,
    )


def test_smoothing_mixes_with_a_half(equal_with_gradient, scores):
    mixed = 0.9 * MANY + 0.05
    equal_with_gradient(
        lambda s: binary_cross_entropy(s, MANY, label_smoothing=0.1),
        lambda s: -(mixed * s.sigmoid().log() + (1 - mixed) * (-s).sigmoid().log()).sum(1),
        scores,
    )


def test_finite(finite_at_extremes):
    targets = torch.tensor([1, 1, 0, 0, 1])
    finite_at_extremes(lambda s: binary_cross_entropy(s, targets))
    finite_at_extremes(lambda s: binary_cross_entropy(s, targets[:, None].expand(5, 3)), columns=3)
