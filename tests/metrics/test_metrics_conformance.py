"""What holds of every metric of the catalogue: in pieces, in several processes, weighted, empty."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))  # in the processes that `ranks` starts, too

from metric_cases import COUNT, case_of, kind_of, metric_of

from netwright._errors import BadValue
from netwright.data.batch import Batch
from netwright.methods.base import Method
from netwright.metrics.base import WeightedMetric
from netwright.metrics.catalogue import CATALOGUE
from netwright.train.distribute.processes import Alone
from netwright.train.precision import choose_precision
from netwright.train.validation import validate

NAMES = CATALOGUE.names()
WITHOUT_INTERVAL = {"box_average_precision", "mask_average_precision", "voc_average_precision"}
PIECES = ((0, 8), (8, 16), (16, 24), (24, 32), (32, 35))


@pytest.mark.parametrize("name", NAMES)
def test_every_entry_has_a_case(name):
    assert case_of(name) is not None, "add it to metric_cases.py"


def whole(name):
    case = case_of(name)
    metric = metric_of(name, case)
    metric.update(case.prediction, case.targets, weight=case.weight)
    return metric.compute()


@pytest.mark.parametrize("name", NAMES)
def test_pieces_give_the_figure_of_the_whole(name):
    case = case_of(name)
    metric = metric_of(name, case)
    for rows in ([], [0], range(1, 9), [], range(9, COUNT)):
        prediction, targets, weight = case.rows(list(rows))
        metric.update(prediction, targets, weight=weight)
    value = metric.compute()
    assert math.isfinite(value)
    assert value not in (0.0, 1.0), "the case tells nothing"
    assert value == pytest.approx(whole(name), rel=1e-12)
    assert metric.compute() == value, "reading it changes it"


class Stored(Method):
    """Answers by heart; judged by all that take such answers."""

    def __init__(self, names):
        super().__init__()
        self.names, self.case = names, case_of(names[0])

    def phases(self, stage):
        return ()

    def predict(self, inputs):
        return self.case.rows(inputs.tolist())[0]

    def metrics(self):
        return {name: metric_of(name, self.case) for name in self.names}


def judged(processes, names, pieces):
    method = Stored(names)

    def batches():
        for number, (start, end) in enumerate(pieces):
            if number % processes.share.of == processes.share.rank:
                rows = list(range(start, end))
                _, targets, weight = method.case.rows(rows)
                places = torch.tensor(rows)
                yield Batch(inputs=places, targets=targets, index=places, weight=weight)

    fp32 = choose_precision("fp32", torch.device("cpu"))
    return validate(method, batches, precision=fp32, processes=processes)


def judged_by_all(processes):
    alike = {}
    for name in NAMES:
        alike.setdefault(kind_of(name), []).append(name)
    return [
        judged(processes, names, pieces)
        for names in alike.values()
        for pieces in (PIECES, ((0, COUNT),))
    ]


def test_several_processes_give_the_figure_of_one(ranks):
    """Uneven parts, and one that has nothing at all."""
    alone = judged_by_all(Alone())
    assert {name for figures in alone for name in figures} == set(NAMES)
    assert all(math.isfinite(one) for figures in alone for one in figures.values())
    assert ranks.run(judged_by_all) == [alone, alone]


@pytest.mark.parametrize("name", NAMES)
def test_a_weight_is_how_often_an_example_is_there(name):
    case = case_of(name)
    metric = metric_of(name, case)
    assert isinstance(metric, WeightedMetric) == (name not in WITHOUT_INTERVAL)
    if name in WITHOUT_INTERVAL:
        with pytest.raises(BadValue, match="weight must be left out"):
            metric.update(case.prediction, case.targets, weight=torch.arange(COUNT))
        return
    repeated = [row for row, times in enumerate(case.weight.tolist()) for _ in range(int(times))]
    prediction, targets, _ = case.rows(repeated)
    again = metric_of(name, case)
    again.update(prediction, targets)
    assert again.compute() == pytest.approx(whole(name), rel=1e-9)
    both = torch.stack([torch.ones(COUNT).double(), case.weight], dim=1)
    plain, weighted = metric.over(case.prediction, case.targets, weights=both).tolist()
    assert weighted == pytest.approx(whole(name), rel=1e-9)
    assert plain != pytest.approx(weighted, rel=1e-6), "the case doesn't tell weights apart"


@pytest.mark.parametrize("name", NAMES)
def test_nothing_gives_no_figure(name):
    case = case_of(name)
    metric = metric_of(name, case)
    with pytest.raises(BadValue, match="must be computed over"):
        metric.compute()
    prediction, targets, weight = case.rows([])
    metric.update(prediction, targets, weight=weight)
    with pytest.raises(BadValue, match="must be computed over"):
        metric.compute()


WAITS = {  # the work depends on what is there, or is the processor's own
    "mask_average_precision",
    "panoptic_quality",
    "segmentation_quality",
    "recognition_quality",
    "bleu",
}


@pytest.mark.gpu
@pytest.mark.parametrize("name", [name for name in NAMES if name not in WAITS])
def test_an_update_does_not_wait_for_the_device(name):
    from netwright.data.batch import map_tensors
    from netwright.metrics.base import Prediction

    case = case_of(name)

    def there(value):
        return map_tensors(value, lambda tensor: tensor.cuda())

    given, targets, weight = case.prediction, there(case.targets), there(case.weight)
    prediction = Prediction(
        outputs=there(given.outputs),
        probabilities=there(given.probabilities),
        logits=there(given.logits),
    )
    metric = metric_of(name, case)
    metric.update(prediction, targets, weight=weight)  # whatever is loaded the first time
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        metric.update(prediction, targets, weight=weight)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert metric.compute() == pytest.approx(whole(name), rel=1e-6)
