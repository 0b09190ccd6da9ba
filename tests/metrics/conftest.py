import pytest
import torch

from netwright.metrics.base import Prediction


@pytest.fixture
def streamed():
    """A metric fed in uneven pieces, and the same figure in one go."""

    def compute(metric, prediction, targets, *, weight=None):
        count = len(targets)
        for rows in (slice(0, 7), slice(7, count // 2), slice(count // 2, count)):
            part = Prediction(
                outputs=prediction.outputs[rows],
                probabilities=None
                if prediction.probabilities is None
                else prediction.probabilities[rows],
                logits=None if prediction.logits is None else prediction.logits[rows],
            )
            metric.update(part, targets[rows], weight=None if weight is None else weight[rows])
        value = metric.compute()
        weights = torch.ones(count) if weight is None else weight
        both = torch.stack([weights, weights * 3], dim=1).double()  # scale must not matter
        at_once = metric.over(prediction, targets, weights=both)
        assert at_once.tolist() == pytest.approx([value, value], rel=1e-9, abs=1e-12)
        return value

    return compute


@pytest.fixture
def classified():
    """300 answers over 6 classes, 5 of which occur; answers lean to the truth."""
    random = torch.Generator().manual_seed(0)
    targets = torch.randint(0, 5, (300,), generator=random)
    logits = torch.randn(300, 6, generator=random, dtype=torch.float64)
    logits += 1.2 * torch.nn.functional.one_hot(targets, 6)
    return Prediction(
        outputs=logits.argmax(1), probabilities=logits.softmax(1), logits=logits
    ), targets


@pytest.fixture
def decided():
    """300 binary answers with many tied scores."""
    random = torch.Generator().manual_seed(1)
    targets = (torch.rand(300, generator=random) < 0.3).long()
    odds = torch.randn(300, generator=random, dtype=torch.float64) + targets
    odds = (odds * 4).round() / 4
    return Prediction(
        outputs=(odds > 0).long(), probabilities=odds.sigmoid(), logits=odds[:, None]
    ), targets


@pytest.fixture
def labelled():
    """300 label sets over 4 labels."""
    random = torch.Generator().manual_seed(2)
    targets = (torch.rand(300, 4, generator=random) < torch.tensor([0.1, 0.3, 0.5, 0.8])).float()
    logits = torch.randn(300, 4, generator=random) + 2 * targets - 1
    return Prediction(
        outputs=(logits > 0).float(), probabilities=logits.sigmoid(), logits=logits
    ), targets


@pytest.fixture
def measured():
    """300 numbers far from 0."""
    random = torch.Generator().manual_seed(3)
    targets = 1000 + torch.randn(300, generator=random, dtype=torch.float64) * 3
    outputs = targets + torch.randn(300, generator=random, dtype=torch.float64)
    return Prediction(outputs=outputs), targets


@pytest.fixture
def weight():
    weight = torch.rand(300, generator=torch.Generator().manual_seed(4), dtype=torch.float64) * 2
    weight[::11] = 0
    return weight
