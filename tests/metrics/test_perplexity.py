import pytest
import torch
from metric_cases import tokens
from torchmetrics.functional.text import perplexity

from netwright._errors import BadValue
from netwright.metrics.base import Prediction
from netwright.metrics.perplexity import Perplexity


def test_is_torchmetrics():
    case = tokens()
    judge = Perplexity(ignore_index=-100)
    judge.update(case.prediction, case.targets)
    wanted = perplexity(case.prediction.logits, case.targets, ignore_index=-100)
    assert judge.compute() == pytest.approx(float(wanted), rel=1e-9)


def test_probabilities_will_do():
    case = tokens()
    shares = Prediction(outputs=None, probabilities=case.prediction.logits.softmax(-1))
    figures = []
    for given in (case.prediction, shares):
        judge = Perplexity(ignore_index=-100)
        judge.update(given, case.targets, weight=case.weight)
        figures.append(judge.compute())
    assert figures[0] == pytest.approx(figures[1], rel=1e-9)


def test_knowing_nothing_is_as_many_as_there_are_words_and_half_precision_adds_up():
    logits = torch.zeros(3, 50, 1000, dtype=torch.bfloat16)
    judge = Perplexity()
    judge.update(Prediction(outputs=None, logits=logits), torch.zeros(3, 50, dtype=torch.long))
    assert judge.compute() == pytest.approx(1000, rel=1e-6)


def test_needs_something_to_be_surprised_by():
    judge = Perplexity()
    with pytest.raises(BadValue, match="logits or probabilities"):
        judge.update(Prediction(outputs=None), torch.zeros(1, 2, dtype=torch.long))
