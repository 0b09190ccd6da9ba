"""All but the last layer is left as it is."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from torch import nn

from netwright._errors import BadValue
from netwright.data.batch import Batch
from netwright.data.streams.cached import Features
from netwright.methods.base import Stage, Task
from netwright.methods.output_units.catalogue import create
from netwright.methods.transfer.frozen_features import FrozenFeatures
from netwright.models.catalogue import create as network_of

NAMES = ("a", "b", "c")


def network():
    torch.manual_seed(0)
    made = nn.Sequential(
        nn.Conv2d(3, 6, 3),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(6, 3),
    )
    made[1].running_mean.uniform_(-1, 1)
    made[1].running_var.uniform_(0.5, 2)
    return made


def method(model=None, **options):
    unit = create("classes", names=NAMES, targets=None)
    return FrozenFeatures(model or network(), unit, example=torch.rand(1, 3, 8, 8), **options)


def batch(inputs, count):
    index = torch.arange(count)
    return Batch(inputs=inputs, targets=index % 3, index=index)


def test_loss_and_gradient_are_those_of_the_whole_network_in_evaluation_mode():
    pictures = torch.rand(7, 3, 8, 8)
    learner, alone = method().train(), network().eval()
    given = (pictures, Features(learner.features(pictures)))
    expected = F.cross_entropy(alone(pictures), torch.arange(7) % 3, reduction="sum")
    wanted = torch.autograd.grad(expected, [alone[6].weight, alone[6].bias])
    for inputs in given:
        learner.zero_grad()
        found = learner.loss(batch(inputs, 7)).total
        found.backward()
        torch.testing.assert_close(found, expected)
        torch.testing.assert_close([one.grad for one in learner.head.parameters()], list(wanted))
        assert all(one.grad is None for one in learner.model[:6].parameters())


def test_nothing_but_the_head_learns_or_is_in_training_mode():
    learner = method().train()
    (group, offsets) = learner.parameter_groups(Stage())["main"]
    assert [*group.parameters, *offsets.parameters] == ["model.6.weight", "model.6.bias"]
    assert [name for name, part in learner.model.named_modules() if part.training] == ["6"]
    kept = learner.model[1].running_mean.clone()
    learner.loss(batch(torch.rand(4, 3, 8, 8), 4))
    assert torch.equal(learner.model[1].running_mean, kept)
    learner.eval()
    assert not learner.head.training


def test_it_has_the_keys_of_the_network_and_answers_as_it():
    learner, alone = method(), network().eval()
    assert {f"model.{key}" for key in alone.state_dict()} == set(learner.state_dict())
    pictures = torch.rand(4, 3, 8, 8)
    expected = alone(pictures).softmax(1)
    for inputs in (pictures, Features(learner.features(pictures))):
        torch.testing.assert_close(learner.predict(inputs).probabilities, expected)


def test_the_solution_of_logistic_regression_on_the_features_is_its_minimum():
    torch.manual_seed(1)
    learner, pictures = method(), torch.rand(60, 3, 8, 8)
    seen = learner.features(pictures)
    targets = (np.arange(60) % 3).astype(np.int64)
    penalty = 0.1
    solved = LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=5000)
    solved.fit(seen.double().numpy(), targets)
    with torch.no_grad():
        learner.head.weight.copy_(torch.from_numpy(solved.coef_))
        learner.head.bias.copy_(torch.from_numpy(solved.intercept_))
    total = learner.loss(batch(Features(seen), 60)).total
    (total + penalty / 2 * learner.head.weight.square().sum()).backward()
    for parameter in learner.head.parameters():
        torch.testing.assert_close(parameter.grad, torch.zeros_like(parameter), atol=2e-4, rtol=0)


@pytest.mark.parametrize("name", ["lenet", "small-resnet", "timm:resnet10t", "mobilenet_v2"])
def test_networks_of_every_library_are_taken(name):
    side = 32
    learner = method_of(name, side)
    pictures = torch.rand(2, 3, side, side)
    torch.testing.assert_close(
        learner.scores(Features(learner.features(pictures))), learner.scores(pictures)
    )


def method_of(name, side):
    task = Task(kind="classes", names=NAMES, example=torch.rand(2, 3, side, side))
    return FrozenFeatures.for_task(
        task, build_model=lambda width: network_of(name, num_classes=width, image_size=side)
    )


class Twice(nn.Module):
    """Not linear at its end."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(3, 3)

    def forward(self, pictures):
        return self.head(pictures.mean((2, 3))).softmax(1)


def test_other_ends_are_refused_with_the_way_out():
    with pytest.raises(BadValue, match=r"linear on a vector.*SqueezeNet with Conv2d.*fine-tuning"):
        method_of("torchvision:squeezenet1_1", 32)
    with pytest.raises(BadValue, match=r"ends with its last linear layer.*Twice"):
        method(Twice())
    with pytest.raises(BadValue, match=r"method.views must be a whole number of at least 1"):
        method(views=0)
    task = Task(kind="classes", names=NAMES, example=torch.rand(2, 3, 8, 8))
    with pytest.raises(BadValue, match="option of method frozen-features"):
        FrozenFeatures.for_task(task, build_model=lambda _: network(), example=1)
