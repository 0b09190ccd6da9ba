from __future__ import annotations

import numpy as np
import pytest
import torch

from netwright._errors import BadValue
from netwright.evaluate.baselines.outcome import Loss
from netwright.evaluate.baselines.simplest import losses_to_the_best, simplest_of
from netwright.metrics.accuracy import Accuracy
from netwright.metrics.base import Prediction
from netwright.metrics.regression import RootMeanSquaredError

N = 400
TARGETS = torch.zeros(N, dtype=torch.int64)


def wrong_on(places):
    outputs = torch.zeros(N, dtype=torch.int64)
    outputs[list(places)] = 1
    return Prediction(outputs=outputs)


def test_losses_are_paired():
    models = [wrong_on(range(60)), wrong_on(range(40)), wrong_on(range(40, 80))]
    best, losses = losses_to_the_best(models, TARGETS, metric=Accuracy())
    assert best == 1  # the first of two that are equally good
    assert losses[1] == Loss(value=0.0, low=0.0, high=0.0)
    assert losses[0].value == pytest.approx(20 / N)
    # wrong wherever the best is, and on 20 more: the width is that of 20 errors among 400
    error = np.sqrt(0.05 * 0.95 / N)
    assert losses[0].low == pytest.approx(0.05 - 1.96 * error, abs=0.005)
    assert losses[0].high == pytest.approx(0.05 + 1.96 * error, abs=0.005)
    assert losses[2].value == 0
    assert losses[2].low < -0.02  # they err on other examples


def test_losses_of_what_shall_be_small():
    wanted = torch.linspace(0, 1, N)
    models = [Prediction(outputs=wanted + gap) for gap in (0.3, 0.1)]
    best, losses = losses_to_the_best(models, wanted, metric=RootMeanSquaredError())
    assert best == 1
    assert losses[0].value == pytest.approx(0.2)
    assert losses[0].low == pytest.approx(0.2)


def test_the_simplest_of_a_built_case_is_named():
    # simple: far worse; middle: two more errors of 400; last: the best
    models = [wrong_on(range(100)), wrong_on(range(22)), wrong_on(range(20))]
    _, losses = losses_to_the_best(models, TARGETS, metric=Accuracy())
    assert simplest_of(losses, [0, 1, 2]) == 1
    assert simplest_of(losses, [0, 2, 1]) == 2
    clear = losses_to_the_best([wrong_on(range(50)), wrong_on(())], TARGETS, metric=Accuracy())[1]
    assert simplest_of(clear, [0, 1]) == 1
    assert simplest_of(clear, [0, 1], tolerance=0.2) == 0
    assert simplest_of(clear, [0, 1], tolerance=0.05) == 1


def test_of_equally_simple_the_better():
    losses = [Loss(value=0.1, low=-0.1, high=0.2), Loss(value=0.0, low=0.0, high=0.0)]
    assert simplest_of(losses, [3, 3]) == 1


def test_refusals():
    with pytest.raises(BadValue, match="tolerance must be at least 0"):
        simplest_of([Loss(value=0.0, low=0.0, high=0.0)], [0], tolerance=-1.0)
    with pytest.raises(BadValue, match="predictions must be"):
        losses_to_the_best([], TARGETS, metric=Accuracy())
