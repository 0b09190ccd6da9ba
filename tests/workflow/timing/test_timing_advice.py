"""Advice: what the figures justify, and nothing else."""

from __future__ import annotations

import pytest

from netwright.workflow.timing.advice import advice
from netwright.workflow.timing.result import Loading, Memory, Part, StageTime

MB = 10**6


def part(name, seconds, phase=""):
    return Part(name=name, phase=phase, seconds=seconds, low=seconds, high=seconds)


def said(parts=None, *, loading=None, memory=None):
    shares = {"forward": 0.5, "backward": 0.45, **(parts or {})}
    stage = StageTime(
        name="main", whole=part("step", 1.0), mean=1.0, measured=9, examples=32, steps=9, epochs=1,
        parts=tuple(part(name, seconds) for name, seconds in shares.items()),
    )  # fmt: skip
    usual = {
        "waiting": 0.02, "bound": False, "workers": None, "reading": None, "computing": 0.9,
        "enough": None, "cores": 4,
    }  # fmt: skip
    kept = {
        "parameters": MB, "buffers": 0, "gradients": MB, "optimizer": MB, "average": 0,
        "activations": 50 * MB, "batch": MB, "an_example": MB, "data": MB, "peak": None,
        "available": 10_000 * MB, "fits": 8000,
    }  # fmt: skip
    return advice(
        stage,
        loading=Loading(**{**usual, **(loading or {})}),
        memory=Memory(**{**kept, **(memory or {})}),
        batch_size=32,
    )


def test_a_step_that_computes_needs_none():
    assert said() == ()


WAITS = {"waiting": 0.75, "bound": True, "reading": 2.7, "enough": 3, "workers": 0}


@pytest.mark.parametrize(
    ("loading", "words"),
    [
        ({}, "waits 75% of its time for data; reading takes 3.0 times as long as computing: "
             "set training.workers=3."),
        ({"enough": 9}, "set training.workers=4, one a core; 9 would be needed"),
        ({"enough": 9, "workers": 4}, "every core has its worker: smaller pictures"),
        ({"workers": 3}, "though 3 workers should do"),
        ({"enough": None, "reading": None, "workers": 2}, "give the DataLoader more workers"),
    ],
)  # fmt: skip
def test_waiting_for_data(loading, words):
    (sentence,) = said(loading={**WAITS, **loading})
    assert words in sentence


def test_data_in_memory_have_no_workers():
    assert said(loading={**WAITS, "workers": None}) == ()


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"augment": 0.3, "preprocess": 0.15}, "Augmenting and preprocessing take 45% of a step"),
        ({"record": 0.25}, "Recording takes 25% of a step: a larger training.record_every"),
        ({"update": 0.5}, "The update takes 50% of a step, whatever the batch's size: with "
                          "training.batch_size=64"),
    ],
)  # fmt: skip
def test_a_part_that_is_large(parts, words):
    (sentence,) = said(parts)
    assert words in sentence
    assert said({name: share / 2 for name, share in parts.items()}) == ()


def test_a_larger_batch_must_fit():
    assert said({"update": 0.5}, memory={"fits": 40}) == ()


def test_memory_that_will_not_do():
    (sentence,) = said(memory={"available": 40 * MB, "fits": 20})
    assert "training.micro_batch_size" in sentence
