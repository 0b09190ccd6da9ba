import inspect

import pytest
import torch

from netwright._errors import BadValue
from netwright.metrics.base import Metric, Prediction
from netwright.metrics.catalogue import CATALOGUE
from netwright.metrics.standard import quantile_metrics, standard_metrics

KINDS = ("binary", "classes", "multi-label", "ordinal", "counts", "real", "bins")
ARGUMENTS = {"num_classes": 3, "quantiles": (0.1, 0.9)}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_judged_and_afresh(kind):
    first, second = (standard_metrics(kind, num_outputs=7) for _ in range(2))
    assert list(first) == list(second)
    assert all(first[name] is not second[name] for name in first)


def test_top_five_needs_more_than_five():
    assert "top_5_accuracy" not in standard_metrics("classes", num_outputs=5)
    assert "top_5_accuracy" in standard_metrics("classes", num_outputs=6)


def test_margins_are_judged_without_probabilities(classified):
    prediction, targets = classified
    margins = Prediction(outputs=prediction.outputs, logits=prediction.logits)
    metrics = standard_metrics("classes", num_outputs=6, probabilities=False)
    for metric in metrics.values():
        metric.update(margins, targets)
        assert 0 <= metric.compute() <= 1


def test_refuses_what_it_does_not_know():
    with pytest.raises(BadValue, match="kind must be a known kind"):
        standard_metrics("clases", num_outputs=3)
    with pytest.raises(BadValue, match="Give the metrics"):
        standard_metrics("quantiles", num_outputs=3)


def test_every_entry_is_a_metric():
    for entry in CATALOGUE:
        metric = entry.load()
        assert issubclass(metric, Metric)
        needed = {
            name: ARGUMENTS[name]
            for name, parameter in inspect.signature(metric).parameters.items()
            if parameter.default is parameter.empty
        }
        assert isinstance(metric(**needed).higher_is_better, bool)


def test_every_standard_metric_has_a_catalogue_name():
    made = {
        type(metric) for kind in KINDS for metric in standard_metrics(kind, num_outputs=7).values()
    }
    made |= {type(metric) for metric in quantile_metrics((0.1, 0.9)).values()}
    assert made <= {entry.load() for entry in CATALOGUE}


def test_better_is_higher_where_it_is_said(classified):
    _, targets = classified
    perfect = torch.nn.functional.one_hot(targets, 6).double()
    wrong = perfect.roll(1, dims=1)
    for name in standard_metrics("classes", num_outputs=6):
        figures = []
        for probabilities in (perfect, wrong):
            metric = standard_metrics("classes", num_outputs=6)[name]
            answer = Prediction(outputs=probabilities.argmax(1), probabilities=probabilities)
            metric.update(answer, targets)
            figures.append(metric.compute())
        if name != "top_5_accuracy":
            assert (figures[0] > figures[1]) == metric.higher_is_better, name
