import pytest
import torch
import torch.nn.functional as F

from netwright.losses.soft_targets import (
    soft_classes,
    soft_labels,
    softened_classes,
    softened_labels,
)

LOGITS = torch.randn(40, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 3


@pytest.mark.parametrize("heat", [0.5, 1.0, 4.0, 20.0])
def test_classes_are_the_divergence_at_the_temperature(equal_with_gradient, scores, heat):
    def ours(s):
        softened = softened_classes(LOGITS.softmax(1), temperature=heat)
        return soft_classes(s, softened, temperature=heat)

    def reference(s):
        wanted, found = (LOGITS / heat).softmax(1), (s / heat).softmax(1)
        return heat**2 * (wanted * (wanted.log() - found.log())).sum(1)

    equal_with_gradient(ours, reference, scores)
    kept = F.kl_div(
        (scores / heat).log_softmax(1), (LOGITS / heat).softmax(1), reduction="batchmean"
    )
    torch.testing.assert_close(ours(scores).mean(), heat**2 * kept)


@pytest.mark.parametrize("heat", [1.0, 4.0])
def test_labels_are_classes_of_yes_and_no(equal_with_gradient, scores, heat):
    def ours(s):
        return soft_labels(s, softened_labels(LOGITS.sigmoid(), temperature=heat), temperature=heat)

    def reference(s):
        total = 0
        for column in range(4):
            pair = torch.stack([torch.zeros(40, dtype=s.dtype), s[:, column]], 1)
            odds = torch.stack([torch.zeros(40, dtype=s.dtype), LOGITS[:, column]], 1)
            wanted = (odds / heat).softmax(1)
            found = (pair / heat).log_softmax(1)
            total = total + heat**2 * (wanted * (wanted.log() - found)).sum(1)
        return total

    equal_with_gradient(ours, reference, scores, tolerance=1e-8)


def test_a_great_temperature_matches_logits(scores):
    """The gradient becomes the difference of the logits, each about its mean, over k."""
    given = scores.requires_grad_()
    heat = 1e4
    softened = (LOGITS / heat).softmax(1)
    soft_classes(given, softened, temperature=heat).sum().backward()
    apart = scores - scores.mean(1, keepdim=True) - (LOGITS - LOGITS.mean(1, keepdim=True))
    torch.testing.assert_close(given.grad, apart.detach() / 4, rtol=1e-2, atol=1e-3)


def test_one_who_knows_all_of_it_costs_nothing():
    softened = softened_classes(LOGITS.softmax(1), temperature=3.0)
    assert soft_classes(LOGITS, softened, temperature=3.0).abs().max() < 1e-10
    softened = softened_labels(LOGITS.sigmoid(), temperature=3.0)
    assert soft_labels(LOGITS, softened, temperature=3.0).abs().max() < 1e-10


def test_finite(finite_at_extremes):
    sure = torch.eye(5)
    finite_at_extremes(
        lambda s: soft_classes(s, softened_classes(sure[:, :3], temperature=1), temperature=1),
        columns=3,
    )
    finite_at_extremes(
        lambda s: soft_labels(s, softened_labels(sure[:, :3], temperature=1), temperature=1),
        columns=3,
    )
