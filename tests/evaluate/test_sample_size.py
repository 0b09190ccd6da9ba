"""Examples beside weights, and the union bound, against numbers counted out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from torch import nn

from netwright._errors import BadValue
from netwright.evaluate.sample_size import SampleSize


def test_weights_are_those_that_are_trained():
    net = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    assert SampleSize.of(net, examples=52).parameters == 26
    net[0].requires_grad_(requires_grad=False)
    size = SampleSize.of(net, examples=52)
    assert (size.parameters, size.per_parameter) == (10, 5.2)


def test_the_gap_is_hoeffdings_for_all_networks_at_once():
    """One network of each of 2^(bits·d): each exceeds the gap with exp(−2nε²), all with 1 − δ."""
    size = SampleSize(examples=500, parameters=3, bits=4, confidence=0.9)
    each = math.exp(-2 * 500 * size.pac_gap**2)
    assert 2 ** (4 * 3) * each == pytest.approx(0.1)
    assert SampleSize(examples=10**9, parameters=1).pac_gap ** 2 * 2e9 == pytest.approx(
        32 * math.log(2) + math.log(20)
    )
    assert size.examples_for(size.pac_gap) in (500, 501)


def test_it_holds_for_a_class_of_thresholds():
    """Simulated: 16 rules on coin flips, the best of which looks better than it is."""
    draw = np.random.default_rng(0)
    size = SampleSize(examples=50, parameters=1, bits=4, confidence=0.95)
    best = np.array([draw.binomial(50, 0.5, size=16).min() / 50 for _ in range(2000)])
    assert np.mean(0.5 - best > size.pac_gap) < 0.05
    assert np.mean(0.5 - best > size.pac_gap / 2) > 0.3


@pytest.mark.parametrize(
    "options", [{"examples": 0}, {"parameters": 0}, {"bits": 0}, {"confidence": 1.0}]
)
def test_what_is_refused(options):
    with pytest.raises(BadValue, match=next(iter(options))):
        SampleSize(**{"examples": 5, "parameters": 5, **options})
    with pytest.raises(BadValue, match="gap must be between 0 and 1"):
        SampleSize(examples=5, parameters=5).examples_for(1.5)
