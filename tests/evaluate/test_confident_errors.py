import pytest
import torch

from netwright.evaluate.confident_errors import most_confident_errors, on_cpu
from netwright.metrics.base import Prediction


def test_classes_by_the_probability_of_the_answer():
    probabilities = torch.tensor([[0.9, 0.1, 0], [0.2, 0.5, 0.3], [0.99, 0, 0.01], [0.1, 0.2, 0.7]])
    prediction = Prediction(outputs=probabilities.argmax(1), probabilities=probabilities)
    targets = torch.tensor([1, 0, 0, 0])
    places = most_confident_errors(prediction, targets, kind="classes", count=5)
    assert places.tolist() == [0, 3, 1]
    assert most_confident_errors(prediction, targets, kind="classes", count=2).tolist() == [0, 3]


@pytest.mark.parametrize("given", ["probabilities", "logits"])
def test_yes_and_no_on_either_side(given):
    odds = torch.tensor([-3.0, 2.0, 0.5, -9.0])
    prediction = Prediction(
        outputs=(odds > 0).long(),
        **(
            {"probabilities": odds.sigmoid()}
            if given == "probabilities"
            else {"logits": odds[:, None]}
        ),
    )
    targets = torch.tensor([1, 0, 0, 0])
    places = most_confident_errors(prediction, targets, kind="binary", count=9)
    assert places.tolist() == [0, 1, 2]


def test_label_sets_by_their_worst_label():
    probabilities = torch.tensor([[0.9, 0.4], [0.6, 0.01], [0.2, 0.2]])
    prediction = Prediction(outputs=(probabilities > 0.5).float(), probabilities=probabilities)
    targets = torch.tensor([[1.0, 1.0], [1.0, 1.0], [0.0, 0.0]])
    places = most_confident_errors(prediction, targets, kind="multi-label", count=9)
    assert places.tolist() == [1, 0]


def test_numbers_by_their_error():
    outputs = torch.tensor([[0.0, 0.0], [5.0, 0.0], [0.0, -7.0]])
    prediction = Prediction(outputs=outputs)
    places = most_confident_errors(prediction, torch.zeros(3, 2), kind="real", count=2)
    assert places.tolist() == [2, 1]


def test_quantiles_by_the_distance_outside():
    outputs = torch.tensor([[0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    targets = torch.tensor([0.5, 1.5, -3.0])
    places = most_confident_errors(Prediction(outputs=outputs), targets, kind="quantiles", count=9)
    assert places.tolist() == [2, 1]


def test_margins_and_bare_answers_will_do():
    logits = torch.tensor([[1.0, 0], [5.0, 0], [0, 2.0]])
    targets = torch.tensor([1, 1, 1])
    margins = Prediction(outputs=logits.argmax(1), logits=logits)
    assert most_confident_errors(margins, targets, kind="classes", count=9).tolist() == [1, 0]
    bare = Prediction(outputs=logits.argmax(1))
    assert most_confident_errors(bare, targets, kind="classes", count=9).tolist() == [0, 1]


def test_on_cpu_leaves_the_graph_behind():
    moved = on_cpu(
        Prediction(outputs=torch.zeros(2), logits=torch.zeros(2, requires_grad=True) * 2)
    )
    assert not moved.logits.requires_grad
    assert moved.probabilities is None
