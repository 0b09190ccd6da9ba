"""Methods that are known to be good or bad, put in order."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
import torch
from torch import nn

from netwright import explain
from netwright._errors import BadType, BadValue, must_be


def planted():
    """Four classes, each told by weights in the middle of the picture alone."""
    generator = torch.Generator().manual_seed(1)
    model = nn.Sequential(nn.Flatten(), nn.Linear(144, 4, bias=False))
    weights = torch.zeros(4, 12, 12)
    weights[:, 4:8, 4:8] = torch.randn(4, 4, 4, generator=generator)
    with torch.no_grad():
        model[1].weight.copy_(weights.flatten(1))
    return model


PICTURES = torch.randn(12, 1, 12, 12, generator=torch.Generator().manual_seed(0)) * 2
MASKS = torch.zeros(12, 12, 12, dtype=torch.bool)
MASKS[:, 4:8, 4:8] = True


def contribution(model, inputs, *, target):
    return inputs * explain.gradient(model, inputs, target=target)


def opposite(model, inputs, *, target):
    return -contribution(model, inputs, target=target)


def square(model, inputs, *, target):
    """Where the object is, whatever the model knows."""
    return MASKS[:1].to(inputs).expand(len(inputs), 12, 12) + 0 * inputs[:, 0]


def undefined(model, inputs, *, target):
    raise must_be("model", "one with a layer that it has not", "planted")


def slow(model, inputs, *, target):
    time.sleep(0.5)  # far more than the others take on a busy machine
    return inputs


@pytest.fixture(scope="module")
def judgement():
    methods = [contribution, opposite, square, undefined, slow, "gradient"]
    return explain.judge(planted(), PICTURES, methods=methods, count=10, seconds=30.0, masks=MASKS)


def test_the_good_one_comes_first_and_the_bad_ones_below_the_line(judgement):
    rows = {row.method: row for row in judgement.rows}
    assert judgement.rows[0].method == "contribution"
    assert rows["contribution"].fault == ""
    assert rows["contribution"].rank.value == 1
    assert "no better than a random map" in rows["opposite"].fault
    assert "alike (1.00) when half of the layers" in rows["square"].fault
    assert "control" in rows["random-map"].fault
    assert all(row.rank is None for row in judgement.rows if row.fault)
    faults = [bool(row.fault) for row in judgement.rows]
    assert faults == sorted(faults)


def test_what_is_refused_or_slow_is_named(judgement):
    left_out = {one.method: one.reason for one in judgement.left_out}
    assert set(left_out) == {"undefined", "slow"}
    assert "a layer that it has not" in left_out["undefined"]
    assert "seconds=" in left_out["slow"]


def test_each_figure_is_the_mean_of_its_own_function(judgement):
    rows = {row.method: row for row in judgement.rows}
    own, model = rows["contribution"], planted()
    everything = explain.judge(model, PICTURES, methods=[contribution], count=12)
    own = next(row for row in everything.rows if row.method == "contribution")
    maps, random = contribution(model, PICTURES, target=None), explain.random_map(model, PICTURES)
    areas = {
        name: [judged(model, PICTURES, maps=given, steps=16).areas for given in (maps, random)]
        for name, judged in (("insertion", explain.insertion), ("deletion", explain.deletion))
    }
    assert own.insertion.value == pytest.approx(areas["insertion"][0].mean().item(), abs=1e-6)
    assert own.deletion.value == pytest.approx(areas["deletion"][0].mean().item(), abs=1e-6)
    gaps = [areas["insertion"][i] - areas["deletion"][i] for i in (0, 1)]
    assert own.above_random.value == pytest.approx((gaps[0] - gaps[1]).mean().item(), abs=1e-6)
    shift = explain.shift_invariance(model, PICTURES, method=contribution)
    assert own.shift.value == pytest.approx(shift.change.mean().item(), rel=1e-5)
    assert own.above_random.low <= own.above_random.value <= own.above_random.high
    assert own.above_random.low > 0
    plain = explain.saliency(model, PICTURES)
    plain_gap = (
        explain.insertion(model, PICTURES, maps=plain, steps=16).areas
        - explain.deletion(model, PICTURES, maps=plain, steps=16).areas
    )
    above = (gaps[0] - plain_gap).mean().item()
    assert own.above_gradient.value == pytest.approx(above, abs=1e-6)


def test_masks_are_scored_beside_chance(judgement):
    rows = {row.method: row for row in judgement.rows}
    assert rows["square"].within.value == pytest.approx(1 - 16 / 144, abs=1e-6)
    assert abs(rows["random-map"].within.value) < 0.1
    assert rows["contribution"].within.value > 0.3


def test_ranks_are_those_of_drawn_pictures():
    from netwright.explain.trials.judge import _ranks

    clear = [np.full(9, 3.0), np.full(9, 2.0), np.full(9, 1.0)]
    assert [(r.value, r.low, r.high) for r in _ranks(clear, seed=0)] == [
        (1, 1, 1), (2, 2, 2), (3, 3, 3)
    ]  # fmt: skip
    noise = np.random.default_rng(0).normal(size=(2, 20))
    noise -= noise.mean(1, keepdims=True)
    even = _ranks([noise[0] + 1e-9, noise[1]], seed=0)
    assert [(r.low, r.high) for r in even] == [(1, 2), (1, 2)]


def interval(value, low, high):
    from netwright._statistics import Interval

    return Interval(value=value, low=low, high=high)


@pytest.mark.parametrize(
    ("above_random", "randomised", "fault"),
    [
        ((0.1, 0.01, 0.2), (0.70, 0.6, 0.9), ""),
        ((0.1, -0.01, 0.2), (0.1, 0.0, 0.2), "no better than a random map"),
        ((0.1, 0.01, 0.2), (0.72, 0.5, 0.9), "alike (0.72) when half of the layers are drawn anew"),
    ],
)
def test_the_line_is_drawn_by_the_interval_above_random_and_the_mean_likeness(
    above_random, randomised, fault
):
    from netwright.explain.trials.judge import _fault

    others = {"randomised": interval(*randomised)}
    assert _fault("some", interval(*above_random), others) == fault


def test_a_twin_that_learned_noise_and_looks_the_same_is_a_fault():
    model = planted()
    found = explain.judge(model, PICTURES, methods=[contribution], twin=model, count=4)
    row = next(row for row in found.rows if row.method == "contribution")
    assert row.labels.value == pytest.approx(1)
    assert "shuffled labels" in row.fault
    assert "twin alike" in found.table()


def test_classes_that_are_given_are_those_that_are_explained():
    asked = []

    def note(model, inputs, *, target):
        asked.append(target)
        return inputs

    classes = torch.arange(12) % 4
    explain.judge(planted(), (PICTURES, classes), methods=[note], count=12)
    assert any(torch.equal(target, classes) for target in asked if len(target) == 12)


def test_a_sum_that_misses_is_told_for_what_promises_it(monkeypatch):
    from netwright._catalogue import Entry
    from netwright.explain.catalogue import CATALOGUE

    entry = Entry(name="contribution", target="a:b", summary="", facts={"adds_up": True})
    monkeypatch.setitem(CATALOGUE._entries, "contribution", entry)
    found = explain.judge(planted(), PICTURES, methods=[contribution], count=4)
    row = next(row for row in found.rows if row.method == "contribution")
    assert row.completeness.value < 1e-5, "w·x is the whole score of a linear model"
    assert next(row for row in found.rows if row.method == "saliency").completeness is None


def test_table_and_plain_data(judgement):
    text = judgement.table()
    lines = text.splitlines()
    assert lines[0].split()[:2] == ["rank", "method"]
    assert lines[1].split()[1] == "contribution"
    assert "10 pictures." in text
    assert "Not judged: undefined: model must be" in text
    assert "twin alike" not in text
    plain = json.loads(json.dumps(judgement.to_json()))
    assert plain["rows"][0]["above_random"]["low"] > 0


def test_rows_are_judged_too():
    """What is gone of a row is its column's mean."""
    torch.manual_seed(0)
    model, rows = nn.Linear(12, 3), torch.randn(10, 12) * 3
    found = explain.judge(model, rows, methods=[contribution, opposite], count=10)
    named = {row.method: row for row in found.rows}
    maps = contribution(model, rows, target=None)
    fill = rows.mean(0, keepdim=True)
    for name, own in (("deletion", explain.deletion), ("insertion", explain.insertion)):
        area = own(model, rows, maps=maps, fill=fill, steps=16).areas.mean().item()
        assert getattr(named["contribution"], name).value == pytest.approx(area, abs=1e-6)
    assert named["contribution"].above_random.value > named["opposite"].above_random.value
    assert {one.method for one in found.left_out} == set()


def test_two_functions_of_one_name_are_refused_and_none_is_lost():
    two = [lambda model, inputs, target: inputs, lambda model, inputs, target: -inputs]
    with pytest.raises(BadValue, match="told apart by their names, got methods='<lambda>'"):
        explain.judge(planted(), PICTURES, methods=two)
    twice = explain.judge(planted(), PICTURES, methods=["gradient", "gradient"], count=2)
    assert len(twice.rows) == 3


class Torn(nn.Module):
    """Any change of a picture of these turns the answer over."""

    def __init__(self, torn):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(2, 144))
        self.torn = torn

    def forward(self, x):
        flat = x.flatten(1)
        near = torch.cdist(flat, self.torn.flatten(1)).amin(1)
        turned = (near > 1e-3) & (near < 40)
        kept = (flat * self.weight[0]).sum(1) * 1e-3
        return torch.stack((kept + 5 * turned, kept * 0 + 1), 1)


def test_pictures_that_keep_no_prediction_say_nothing_of_what_is_kept():
    found = explain.judge(Torn(PICTURES), PICTURES, methods=["gradient"], count=6)
    assert all(row.overlap is None for row in found.rows)
    assert "kept in noise" not in found.table()


def test_the_model_is_left_as_it_was():
    model = planted().train()
    before = model[1].weight.clone()
    explain.judge(model, PICTURES, methods=["gradient"], count=2)
    assert model.training
    assert torch.equal(model[1].weight, before)


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"count": 1}, "at least 2.*explain.trust"),
        ({"masks": MASKS[:3]}, "one for each of 12"),
        ({"methods": ["nothing"]}, "known explanation"),
    ],
)
def test_what_makes_no_sense_is_refused(keywords, words):
    with pytest.raises(BadValue, match=words):
        explain.judge(planted(), PICTURES, **keywords)
    with pytest.raises(BadType, match="real numbers"):
        explain.judge(planted(), [[1.0]])
