import pytest
import torch
from torch import nn

from netwright._errors import BadType, BadValue
from netwright.data.batch import Batch
from netwright.methods.base import Stage, Task
from netwright.methods.catalogue import CATALOGUE
from netwright.methods.output_units.catalogue import create
from netwright.methods.supervised import Supervised

ABC = ("a", "b", "c")


def supervised(model, name="classes", names=ABC):
    return Supervised(model, create(name, names=names, targets=None))


def batch(count=8, *, weight=None):
    return Batch(torch.randn(count, 4), torch.arange(count) % 3, torch.arange(count), weight=weight)


def only_phase(method):
    (phase,) = method.phases(Stage())
    return phase


def test_the_loss_is_a_sum_over_examples():
    method, given = supervised(nn.Linear(4, 3)), batch()
    cost = only_phase(method).loss(given)
    wanted = nn.functional.cross_entropy(method.model(given.inputs), given.targets)
    torch.testing.assert_close(cost.total / cost.count, wanted)
    assert not cost.terms  # nothing that the total would not say
    assert cost.count == 8


def test_weights_count_examples_as_often():
    method = supervised(nn.Linear(4, 3))
    times = torch.tensor([0, 1, 2, 3, 0, 1, 1, 2])
    given = batch(weight=times.float())
    cost = only_phase(method).loss(given)
    rows = torch.arange(8).repeat_interleave(times)
    repeated = only_phase(method).loss(Batch(given.inputs[rows], given.targets[rows], rows))
    torch.testing.assert_close(cost.total, repeated.total)
    assert int(cost.count) == repeated.count == 10
    plain = nn.functional.cross_entropy(method.model(given.inputs), given.targets)
    torch.testing.assert_close(cost.terms["data"], plain.detach())  # without the weights
    assert cost.term_weights == {"data": 1.0}
    assert not cost.terms["data"].requires_grad
    gradients = []
    for one in (cost, repeated):
        method.zero_grad()
        (one.total / one.count).backward()
        gradients.append(method.model.weight.grad.clone())
    torch.testing.assert_close(*gradients)


def test_uneven_pieces_give_the_gradient_of_the_whole():
    method, given = supervised(nn.Linear(4, 3)), batch(11, weight=torch.rand(11))
    whole = method.loss(given)
    (whole.total / whole.count).backward()
    wanted = method.model.weight.grad.clone()
    method.zero_grad()
    pieces = [method.loss(piece) for piece in given.split(4)]
    count = sum(piece.count for piece in pieces)
    for piece in pieces:
        (piece.total / count).backward()
    torch.testing.assert_close(method.model.weight.grad, wanted)


def test_predicts_in_evaluation_mode_and_leaves_modes_alone():
    model = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 3))
    method = supervised(model).train()
    model[0].eval()  # frozen while the rest learns
    inputs = torch.randn(6, 4)
    first, again = method.predict(inputs), method.predict(inputs)
    assert torch.equal(first.probabilities, again.probabilities)
    assert not first.logits.requires_grad
    assert [part.training for part in (model, *model)] == [True, False, True, True]
    assert int(model[0].num_batches_tracked) == 0


class Takes(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, picture, *, shift=0.0):
        return self.linear(picture) + shift


class TakesTwo(Takes):
    def forward(self, picture, shift):
        return super().forward(picture, shift=shift)


def test_inputs_may_be_arguments():
    picture, shift = torch.randn(5, 4), torch.ones(5, 1)
    method = supervised(TakesTwo())
    wanted = method.model.linear(picture) + 1
    torch.testing.assert_close(method.scores((picture, shift)), wanted)
    torch.testing.assert_close(method.scores([picture, shift]), wanted)
    named = supervised(Takes())
    named.load_state_dict(method.state_dict())
    torch.testing.assert_close(named.scores({"picture": picture, "shift": shift}), wanted)


def test_a_single_score_may_come_flat():
    method = supervised(nn.Sequential(nn.Linear(4, 1), nn.Flatten(0)), "binary", ("no", "yes"))
    assert method.scores(torch.randn(5, 4)).shape == (5, 1)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (nn.Linear(4, 7), r"gives 3 scores .* Classes of 3 names, got 7 \(n, 7\) from Linear"),
        (nn.Unflatten(1, (2, 2)), r"got \(5, 2, 2\) from Unflatten"),
        (nn.Flatten(0), r"got \(20,\) from Flatten"),
    ],
)
def test_a_model_of_another_width_is_refused(model, said):
    with pytest.raises(BadValue, match=said):
        supervised(model).predict(torch.randn(5, 4))


class GivesTwo(nn.Linear):
    def forward(self, inputs):
        return super().forward(inputs), None


def test_what_is_no_tensor_or_no_unit_is_refused():
    with pytest.raises(BadType, match="got tuple from GivesTwo"):
        supervised(GivesTwo(4, 3)).predict(torch.randn(5, 4))
    with pytest.raises(BadType, match="unit must be an OutputUnit, got unit=CrossEntropyLoss"):
        Supervised(nn.Linear(4, 3), nn.CrossEntropyLoss())
    with pytest.raises(BadType, match="got the streams source, target"):
        supervised(nn.Linear(4, 3)).loss({"source": batch(), "target": batch()})


def test_only_matrices_decay():
    model = nn.ModuleDict(
        {
            "conv": nn.Conv2d(3, 4, 3),
            "batch": nn.BatchNorm2d(4),
            "layer": nn.LayerNorm([4, 2, 2]),
            "instance": nn.InstanceNorm2d(4, affine=True),
            "linear": nn.Linear(4, 3),
            "odd": nn.Bilinear(2, 2, 2),
            "frozen": nn.Linear(2, 2).requires_grad_(False),
        }
    )
    model.odd.bias = nn.Parameter(torch.zeros(1, 2))
    model["tied"] = nn.Linear(4, 3)
    model["tied"].weight = model["linear"].weight
    groups = supervised(model, "ordinal").parameter_groups(Stage())
    shrinks, stays = groups["main"]
    assert set(shrinks.parameters) == {
        "model.conv.weight",
        "model.linear.weight",
        "model.odd.weight",
    }
    assert (shrinks.options, stays.options) == ({}, {"weight_decay": 0.0, "l1": 0.0})
    assert {"unit.first_threshold", "unit.raw_gaps"} < set(stays.parameters)
    every = [id(one) for group in groups["main"] for one in group.parameters.values()]
    asked = [id(one) for one in model.parameters() if one.requires_grad]
    assert sorted(every) == sorted({*every})
    assert set(asked) < set(every)


def test_an_empty_group_is_left_out():
    (group,) = supervised(nn.Linear(4, 3, bias=False)).parameter_groups(Stage())["main"]
    assert group.options == {}


def test_for_a_task_the_unit_follows_the_target():
    asked = []

    def build(width):
        asked.append(width)
        return nn.Linear(4, width)

    task = Task(kind="classes", names=ABC, targets=torch.arange(9) % 3)
    method = CATALOGUE.load("supervised").for_task(task, build_model=build, label_smoothing=0.1)
    assert method.unit.label_smoothing == 0.1
    other = Supervised.for_task(task, build_model=build, unit="ordinal")
    assert other.unit.target == "ordinal"
    assert asked == [3, 1]


@pytest.mark.parametrize("name", ["classes", "classes-hinge"])
def test_it_learns(name):
    method = supervised(nn.Linear(2, 3), name)
    inputs = torch.randn(300, 2)
    targets = (inputs @ torch.tensor([[1.0, 0, -1], [0, 1, -1]])).argmax(1)
    optimizer = torch.optim.Adam(method.parameters(), lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        cost = method.loss(Batch(inputs, targets, torch.arange(300)))
        (cost.total / cost.count).backward()
        optimizer.step()
    metric = method.metrics()["accuracy"]
    metric.update(method.predict(inputs), targets)
    assert metric.compute() > 0.95
