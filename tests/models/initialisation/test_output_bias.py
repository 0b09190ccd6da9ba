import math

import pytest
import torch
from scipy import stats
from torch import nn

from netwright._errors import BadValue
from netwright.methods.output_units.catalogue import create
from netwright.models.classifiers.lenet import LeNet
from netwright.models.classifiers.mlp import MLP
from netwright.models.initialisation.output_bias import output_bias

DRAW = torch.Generator().manual_seed(0)
CLASSES = torch.tensor([0] * 150 + [1] * 40 + [2] * 10)
LABELS = (torch.rand(200, 3, generator=DRAW) < torch.tensor([0.05, 0.3, 0.9])).float()
COUNTS = torch.poisson(torch.full((200,), 2.5), generator=DRAW)
REALS = torch.randn(200, generator=DRAW) * 30 + 200


def entropy(shares):
    return float(stats.entropy(shares))


def bernoulli(share):
    return entropy([share, 1 - share])


# unit → names, training targets, what the first loss must be
PRIORS = {
    "classes": (("a", "b", "c"), CLASSES, entropy([0.75, 0.2, 0.05])),
    "binary": (("no", "yes"), (CLASSES > 0).long(), bernoulli(0.25)),
    "multi-label": (
        ("x", "y", "z"),
        LABELS,
        sum(bernoulli(float(share)) for share in LABELS.mean(0)),
    ),
    "counts": (
        ("n",),
        COUNTS,
        -float(stats.poisson.logpmf(COUNTS.numpy(), float(COUNTS.mean())).mean()),
    ),
    "real": (("y",), REALS, 1.0),  # in standard deviations
    "ordinal": (("low", "mid", "high"), CLASSES, entropy([0.75, 0.2, 0.05])),
}


@pytest.mark.parametrize("name", PRIORS)
def test_the_first_loss_is_the_priors(name):
    names, targets, wanted = PRIORS[name]
    unit = create(name, names=names, targets=targets)
    inputs = torch.randn(200, 6, generator=torch.Generator().manual_seed(3))
    model = MLP(unit.width, in_channels=6, hidden=(32,))
    assert output_bias(model, inputs=inputs[:2], scores=unit.prior_bias(targets)) == ("head.bias",)
    with torch.no_grad():
        usual = unit.loss(model(inputs), targets).mean().item()
        model.head.weight.zero_()
        exact = unit.loss(model(inputs), targets).mean().item()
    assert exact == pytest.approx(wanted, abs=1e-6)
    assert usual == pytest.approx(wanted, abs=0.15)


def test_the_last_layer_is_told_by_trying():
    class Odd(nn.Module):
        """Its last layer is not the last that was made, and others have as wide a bias."""

        def __init__(self):
            super().__init__()
            self.scores = nn.Conv2d(4, 3, 1)
            self.stem = nn.Conv2d(2, 3, 3)
            self.norm = nn.BatchNorm2d(3)
            self.wide = nn.Conv2d(3, 4, 3)

        def forward(self, inputs):
            return self.scores(self.wide(self.norm(self.stem(inputs)).relu())).mean((2, 3))

    model, wanted = Odd(), torch.tensor([1.0, -2.0, 0.5])
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert output_bias(model, inputs=torch.randn(2, 2, 9, 9), scores=wanted) == ("scores.bias",)
    changed = [n for n, value in model.state_dict().items() if not torch.equal(before[n], value)]
    assert changed == ["scores.bias"]
    assert torch.equal(model.scores.bias.data, wanted)
    assert model.training


def test_one_score_an_example_in_one_dimension():
    model = nn.Sequential(nn.Linear(3, 1), nn.Flatten(0))
    output_bias(model, inputs=torch.randn(2, 3), scores=torch.tensor([math.log(0.2)]))
    assert model[0].bias.item() == pytest.approx(math.log(0.2))


def rectified():
    """A ReLU that is at work: one that lets everything through would be none."""
    layer = nn.Linear(4, 3)
    nn.init.constant_(layer.bias, -10.0)
    return nn.Sequential(layer, nn.ReLU())


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Linear(4, 3, bias=False),
        lambda: nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=1)),
        rectified,
    ],
)
def test_scores_without_a_bias_are_refused(make):
    model = make()
    with pytest.raises(BadValue, match="end in a layer with a bias"):
        output_bias(model, inputs=torch.randn(2, 4) - 1, scores=torch.zeros(3))


def test_a_network_of_pictures():
    model = LeNet(5, in_channels=1, image_size=16)
    wanted = torch.arange(5.0)
    assert output_bias(model, inputs=torch.randn(2, 1, 16, 16), scores=wanted)
    assert torch.equal(model.classifier[-1].bias.data, wanted)
