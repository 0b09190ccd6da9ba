import pytest
import torch
from sklearn.metrics import hinge_loss

from netwright.losses.hinge import hinge, multiclass_hinge

TARGETS = torch.arange(40) % 4


def test_binary_is_the_margin(equal_with_gradient, scores):
    wanted = TARGETS % 2
    equal_with_gradient(
        lambda s: hinge(s, wanted),
        lambda s: torch.where(wanted == 1, (1 - s).relu(), (1 + s).relu()),
        scores[:, 0].contiguous(),
    )
    ours = hinge(scores[:, 0], wanted).mean().item()
    assert ours == pytest.approx(hinge_loss(wanted.numpy(), scores[:, 0].numpy()))


def test_multiclass_is_the_distance_to_the_best_other(equal_with_gradient, scores):
    def reference(s):
        rows = []
        for row, target in zip(s, TARGETS.tolist(), strict=True):
            others = torch.cat([row[:target], row[target + 1 :]])
            rows.append((1 + others.max() - row[target]).relu())
        return torch.stack(rows)

    equal_with_gradient(lambda s: multiclass_hinge(s, TARGETS), reference, scores)
    ours = multiclass_hinge(scores, TARGETS).mean().item()
    assert ours == pytest.approx(hinge_loss(TARGETS.numpy(), scores.numpy()))


def test_finite(finite_at_extremes):
    finite_at_extremes(lambda s: hinge(s, torch.tensor([1, 1, 0, 0, 1])))
    targets = torch.tensor([0, 0, 1, 2, 2])
    finite_at_extremes(lambda s: multiclass_hinge(s, targets), columns=3)
