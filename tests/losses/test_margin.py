import pytest
import torch

from netwright.losses.margin import best_length, margin, shares_of_lengths

TARGETS = torch.arange(40) % 4


def test_the_papers_sum(equal_with_gradient, scores):
    def reference(lengths):
        rows = []
        for row, target in zip(lengths, TARGETS.tolist(), strict=True):
            cost = (0.9 - row[target]).relu() ** 2
            for k in range(4):
                if k != target:
                    cost = cost + 0.5 * (row[k] - 0.1).relu() ** 2
            rows.append(cost)
        return torch.stack(rows)

    equal_with_gradient(lambda s: margin(s, TARGETS), reference, scores.sigmoid())


def test_shares_of_classes_cost_what_lies_between(scores):
    lengths, hard = scores.sigmoid(), torch.nn.functional.one_hot(TARGETS, 4)
    torch.testing.assert_close(margin(lengths, hard), margin(lengths, TARGETS))
    mixed = 0.3 * hard + 0.7 * hard.roll(1, 0)
    between = 0.3 * margin(lengths, TARGETS) + 0.7 * margin(lengths, TARGETS.roll(1))
    torch.testing.assert_close(margin(lengths, mixed), between)


@pytest.mark.parametrize("law", [{}, {"present": 0.8, "absent": 0.3, "absent_weight": 1.5}])
def test_the_best_length_costs_least(law):
    lengths = torch.linspace(0, 1, 10_001, dtype=torch.float64)[:, None]
    for share in (0.01, 0.2, 0.5, 0.9):
        cost = margin(lengths, torch.full_like(lengths, share), **law)
        best = best_length(torch.tensor(share), **law)
        assert lengths[cost.argmin()].item() == pytest.approx(float(best), abs=1e-4)


def test_what_a_length_says_is_the_share_for_which_it_is_best():
    shares = torch.linspace(0, 1, 11, dtype=torch.float64)
    torch.testing.assert_close(shares_of_lengths(best_length(shares)), shares)
    assert shares_of_lengths(torch.tensor([0.0, 0.05, 0.95, 1.0])).tolist() == [0, 0, 1, 1]
    assert float(best_length(torch.tensor(0.5))) == pytest.approx(0.95 / 1.5)  # and not 0.5
