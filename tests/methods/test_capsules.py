import pytest
import torch
from torch import nn

from netwright._errors import BadType, BadValue
from netwright.data.batch import Batch
from netwright.methods.base import Task
from netwright.methods.capsules import Capsules
from netwright.methods.output_units.catalogue import create
from netwright.models.classifiers.capsnet import CapsNet

ABC = ("a", "b", "c")


def network(classes=3):
    return CapsNet(classes, in_channels=1, image_size=8, kernel_size=3, channels=4, maps=2)


def method(**options):
    return Capsules(network(), create("classes-margin", names=ABC, targets=None), **options)


def batch(count=6, **more):
    return Batch(torch.rand(count, 1, 8, 8), torch.arange(count) % 3, torch.arange(count), **more)


def written_out(made, given):
    """Margin loss and sum of squares of each example, from the vectors alone."""
    vectors = made.model.capsules(given.inputs)
    margins, errors = [], []
    for place, target in enumerate(given.targets.tolist()):
        lengths = vectors[place].norm(dim=1)
        costs = 0.5 * (lengths - 0.1).relu() ** 2
        costs = torch.cat([costs[:target], (0.9 - lengths[target : target + 1]).relu() ** 2,
                           costs[target + 1 :]])  # fmt: skip
        margins.append(costs.sum())
        kept = torch.zeros_like(vectors[place])
        kept[target] = vectors[place, target]
        drawn = made.decoder(kept.flatten())
        errors.append((drawn - given.inputs[place].flatten()).square().sum())
    return torch.stack(margins), torch.stack(errors)


def test_the_decoder_brings_the_papers_8_2_million():
    unit = create("classes-margin", names=tuple("0123456789"), targets=None)
    made = Capsules(CapsNet(10, in_channels=1), unit)
    assert sum(one.numel() for one in made.parameters()) == 6_804_224 + 1_411_344 == 8_215_568


def test_value_and_gradient_of_the_written_out_loss():
    made, given = method(decoder=[7]), batch()
    made.model.classes.weight.data.mul_(60)  # long enough that classes not there cost something
    assert float(made.model.capsules(given.inputs).norm(dim=2).detach().quantile(0.5)) > 0.1
    cost = made.loss(given)
    margins, errors = written_out(made, given)
    torch.testing.assert_close(cost.total, margins.sum() + 0.0005 * errors.sum())
    torch.testing.assert_close(cost.terms["margin"], margins.mean().detach())
    torch.testing.assert_close(cost.terms["reconstruction"], errors.mean().detach())
    assert cost.term_weights == {"margin": 1.0, "reconstruction": 0.0005}
    parameters = list(made.parameters())
    ours = torch.autograd.grad(cost.total, parameters)
    wanted = torch.autograd.grad(margins.sum() + 0.0005 * errors.sum(), parameters)
    for one, other in zip(ours, wanted, strict=True):
        torch.testing.assert_close(one, other)


def test_weights_of_examples_count_both_terms():
    made, weight = method(reconstruction=0.1), torch.tensor([0.0, 1, 2, 0, 0, 3])
    given = batch(weight=weight)
    margins, errors = written_out(made, given)
    cost = made.loss(given)
    torch.testing.assert_close(cost.total, ((margins + 0.1 * errors) * weight).sum())
    assert cost.count == 6


def test_no_reconstruction_has_no_decoder_and_no_term():
    made = method(reconstruction=0.0)
    assert made.decoder is None
    assert set(made.loss(batch()).terms) == {"margin"}
    with pytest.raises(BadValue, match="reconstruction must be above 0"):
        made.reconstruct(torch.rand(1, 1, 8, 8))


def test_pictures_are_drawn_from_the_answer_or_what_is_asked():
    made, pictures = method(), torch.rand(4, 1, 8, 8)
    answer = made.predict(pictures).outputs
    drawn = made.reconstruct(pictures)
    assert drawn.shape == pictures.shape
    torch.testing.assert_close(drawn, made.reconstruct(pictures, targets=answer))
    assert not torch.equal(drawn, made.reconstruct(pictures, targets=(answer + 1) % 3))
    assert 0 < drawn.min() < drawn.max() < 1


def test_what_is_drawn_is_compared_before_preprocessing():
    task = Task(kind="classes", names=ABC, restore=lambda inputs: inputs / 4 + 0.5)
    made = Capsules.for_task(task, build_model=network)
    plain = Capsules(made.model, made.unit)
    plain.decoder = made.decoder
    given = batch()
    restored = Batch(given.inputs / 4 + 0.5, given.targets, given.index)
    drawn = made.reconstruct(given.inputs, targets=given.targets)
    wanted = (drawn - restored.inputs).square().flatten(1).sum(1).mean()
    torch.testing.assert_close(made.loss(given).terms["reconstruction"], wanted)
    assert not torch.isclose(plain.loss(given).terms["reconstruction"], wanted)


def test_probabilities_are_what_lengths_say_and_not_lengths():
    unit = create("classes-margin", names=ABC, targets=None)
    lengths = torch.tensor([[0.95, 0.05, 0.02], [0.6333333, 0.6333333, 0.05], [0.05, 0.0, 0.09]])
    said = unit.predict(lengths.logit().clamp(min=-20))
    torch.testing.assert_close(said.probabilities.sum(1), torch.ones(3))
    assert said.probabilities[0, 0] > 0.999
    torch.testing.assert_close(said.probabilities[1, :2], torch.tensor([0.5, 0.5]), atol=1e-3,
                               rtol=0)  # fmt: skip
    torch.testing.assert_close(said.probabilities[2], torch.full((3,), 1 / 3))
    torch.testing.assert_close(said.logits.sigmoid(), lengths, atol=1e-6, rtol=1e-5)


def test_labels_and_two_classes():
    task = Task(kind="multi-label", names=ABC)
    made = Capsules.for_task(task, build_model=network)
    given = Batch(torch.rand(4, 1, 8, 8), torch.tensor([[1.0, 1, 0]] * 4), torch.arange(4))
    made.loss(given).total.backward()
    assert made.predict(given.inputs).probabilities.shape == (4, 3)
    two = Capsules.for_task(Task(kind="binary", names=("no", "yes")), build_model=network)
    assert two.predict(given.inputs).probabilities.shape == (4, 2)
    with pytest.raises(BadValue, match="of classes or labels for the method capsules"):
        Capsules.for_task(Task(kind="real", names=("y",)), build_model=network)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"present": 0.1}, "present must be above absent"),
        ({"absent_weight": 0.0}, "absent_weight must be above 0"),
        ({"least": 0.5}, "least must be above 0 and below 0.5"),
    ],
)
@pytest.mark.parametrize("unit", ["classes-margin", "multi-label-margin"])
def test_margins_that_make_no_sense_are_refused(unit, options, said):
    with pytest.raises(BadValue, match=said):
        create(unit, names=ABC, targets=None, **options)


def test_other_networks_are_refused():
    with pytest.raises(BadType, match="model must be a network of capsules, got model=Linear"):
        Capsules(nn.Linear(4, 3), create("classes-margin", names=ABC, targets=None))
    with pytest.raises(BadValue, match="reconstruction must be at least 0"):
        method(reconstruction=-1.0)


@pytest.mark.parametrize("unit", ["classes-margin", "multi-label-margin"])
def test_margins_that_are_not_given_are_the_papers(unit):
    made = create(unit, names=ABC, targets=None)
    assert made.margins == {"present": 0.9, "absent": 0.1, "absent_weight": 0.5}
