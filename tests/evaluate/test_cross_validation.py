import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.metrics import balanced_accuracy_score

from netwright._errors import BadValue
from netwright.evaluate.cross_validation import (
    HeldOutPart,
    corrected_interval,
    fold_figures,
    pooled,
)
from netwright.metrics.accuracy import Accuracy
from netwright.metrics.base import Prediction
from netwright.metrics.per_class import BalancedAccuracy


def metrics():
    return {"accuracy": Accuracy(), "balanced_accuracy": BalancedAccuracy(num_classes=3)}


def part(seed, *, count=120):
    random = torch.Generator().manual_seed(seed)
    index = torch.randperm(count, generator=random)
    targets = index % 3
    wrong = torch.rand(count, generator=random) < 0.3
    outputs = torch.where(wrong, (targets + 1) % 3, targets)
    return HeldOutPart(prediction=Prediction(outputs=outputs), targets=targets, index=index)


def test_the_corrected_interval_is_the_papers():
    values, ratio = [0.81, 0.84, 0.8, 0.86, 0.83, 0.79], 1 / 9
    interval = corrected_interval(values, ratio=ratio, level=0.9)
    error = np.sqrt((1 / 6 + ratio) * np.var(values, ddof=1))
    wanted = stats.t(5, loc=np.mean(values), scale=error).interval(0.9)
    assert (interval.low, interval.high) == pytest.approx(wanted)
    with pytest.raises(BadValue, match="at least two"):
        corrected_interval([0.5], ratio=ratio)


def test_repeats_are_corrected_by_what_is_held_out_over_what_is_learned_from():
    values = [0.81, 0.84, 0.8, 0.86]
    found = fold_figures(values, sizes=[(80, 20), (80, 20), (80, 20), (80, 20)], repeats=2)
    assert found.corrected == corrected_interval(values, ratio=20 / 80)


def test_the_corrected_interval_holds_where_the_plain_one_does_not():
    """Error of a mean as predictor: known law, repeated random cuts of one sample of 40."""
    random = np.random.default_rng(0)
    held_plain = held_corrected = 0
    for _ in range(300):
        sample = random.normal(size=40)
        errors = []
        for _ in range(15):
            order = random.permutation(40)
            learned, held = sample[order[8:]], sample[order[:8]]
            errors.append(np.mean((held - learned.mean()) ** 2))
        truth = 1 + 1 / 32
        plain = stats.t(14, loc=np.mean(errors), scale=stats.sem(errors)).interval(0.95)
        corrected = corrected_interval(errors, ratio=8 / 32)
        held_plain += plain[0] <= truth <= plain[1]
        held_corrected += corrected.low <= truth <= corrected.high
    assert held_plain / 300 < 0.75
    assert held_corrected / 300 > 0.87


def test_figures_of_folds():
    one = fold_figures([0.5, 0.7, 0.9], sizes=[(20, 10)] * 3, repeats=1)
    assert (one.mean, one.sd, one.corrected) == (pytest.approx(0.7), pytest.approx(0.2), None)
    repeated = fold_figures([0.5, 0.7, 0.9, 0.7], sizes=[(20, 20)] * 4, repeats=2)
    assert repeated.corrected == corrected_interval([0.5, 0.7, 0.9, 0.7], ratio=1.0)
    partly = fold_figures([None, 0.7], sizes=[(20, 20)] * 2, repeats=2)
    assert (partly.mean, partly.sd, partly.corrected) == (0.7, None, None)
    assert fold_figures([0.78, 0.78, 0.78], sizes=[(2, 1)] * 3, repeats=1).sd == 0


def test_pooled_figures_are_those_of_all_answers():
    parts = [part(seed) for seed in range(3)]
    found = pooled(parts, metrics, kind="classes", n_resamples=400)
    for name, figure in (
        ("accuracy", lambda t, p: (t == p).mean()),
        ("balanced_accuracy", balanced_accuracy_score),
    ):
        wanted = [figure(p.targets.numpy(), p.prediction.outputs.numpy()) for p in parts]
        assert found[name].value == pytest.approx(np.mean(wanted))
        assert found[name].low < found[name].value < found[name].high
        assert found[name].n == 120


def test_an_example_that_was_held_out_twice_is_one_example():
    once, twice = (pooled([part(0)] * times, metrics, kind="classes") for times in (1, 2))
    # a second copy of the same answers makes nothing surer
    assert once["balanced_accuracy"] == twice["balanced_accuracy"]
    exact, drawn = once["accuracy"], twice["accuracy"]
    assert (drawn.low, drawn.high) == pytest.approx((exact.low, exact.high), abs=0.01)


def test_repeats_must_be_of_the_same_examples():
    with pytest.raises(BadValue, match="repeats must be of the same examples"):
        pooled([part(0), part(1, count=60)], metrics, kind="classes")
