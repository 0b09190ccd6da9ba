import pytest
import torch

from netwright.losses.perceptron import multiclass_perceptron, perceptron

TARGETS = torch.arange(40) % 4


def test_only_the_wrong_side_costs(equal_with_gradient, scores):
    wanted = TARGETS % 2
    equal_with_gradient(
        lambda s: perceptron(s, wanted),
        lambda s: torch.where(wanted == 1, (-s).relu(), s.relu()),
        scores[:, 0].contiguous(),
    )


def test_each_class_is_held_against_all_others(equal_with_gradient, scores):
    def reference(s):
        rows = []
        for row, target in zip(s, TARGETS.tolist(), strict=True):
            others = torch.cat([row[:target], row[target + 1 :]])
            rows.append((-row[target]).relu() + others.relu().sum())
        return torch.stack(rows)

    equal_with_gradient(lambda s: multiclass_perceptron(s, TARGETS), reference, scores)


@pytest.mark.parametrize("target", [0, 1])
def test_a_score_of_nothing_is_a_mistake_that_costs_nothing(target):
    score = torch.zeros(1, requires_grad=True)
    cost = perceptron(score, torch.tensor([target]))
    cost.sum().backward()
    assert cost.item() == 0
    assert score.grad.tolist() == [1 - 2 * target]


def test_finite(finite_at_extremes):
    finite_at_extremes(lambda s: perceptron(s, torch.tensor([1, 1, 0, 0, 1])))
    targets = torch.tensor([0, 0, 1, 2, 2])
    finite_at_extremes(lambda s: multiclass_perceptron(s, targets), columns=3)
