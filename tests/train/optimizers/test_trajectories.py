"""Every optimiser of the catalogue along a path that was worked out without torch."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
import torch

import hand_worked as by_hand
from hand_worked import FUNCTIONS, START
from netwright.methods.base import ParameterGroup
from netwright.train.optimizers.build import build_optimizer
from netwright.train.optimizers.catalogue import CATALOGUE

BETAS = (0.8, 0.95)
# name → what the optimiser is given, and the recursion of the slope and a rate
PATHS = {
    "sgd": ({}, by_hand.descent),
    "sgd, decay": ({"weight_decay": 0.3}, lambda *a: by_hand.descent(*a, decay=0.3)),
    "sgd, momentum": ({"momentum": 0.8}, lambda *a: by_hand.momentum(*a, keep=0.8)),
    "sgd, nesterov": (
        {"momentum": 0.8, "nesterov": True},
        lambda *a: by_hand.momentum(*a, keep=0.8, nesterov=True),
    ),
    "sgd, dampened": (
        {"momentum": 0.8, "dampening": 0.5},
        lambda *a: by_hand.dampened(*a, keep=0.8, dampening=0.5),
    ),
    "moving-average-momentum": (
        {"momentum": 0.8},
        lambda *a: by_hand.moving_average(*a, keep=0.8),
    ),
    "lookahead-nesterov": ({"momentum": 0.8}, lambda *a: by_hand.look_ahead(*a, keep=0.8)),
    "adagrad": ({"eps": 1e-8}, lambda *a: by_hand.adagrad(*a, eps=1e-8)),
    "rmsprop": (
        {"alpha": 0.9, "eps": 1e-8},
        lambda *a: by_hand.rmsprop(*a, keep=0.9, eps=1e-8),
    ),
    "adam": ({"betas": BETAS}, lambda *a: by_hand.adam(*a, betas=BETAS, eps=1e-8)),
    "adamw": (
        {"betas": BETAS, "weight_decay": 0.3},
        lambda *a: by_hand.adam(*a, betas=BETAS, eps=1e-8, decay=0.3),
    ),
    "nadam": (
        {"betas": BETAS, "momentum_decay": 4e-3},
        lambda *a: by_hand.nadam(*a, betas=BETAS, eps=1e-8, decay=4e-3),
    ),
    "radam": ({"betas": BETAS}, lambda *a: by_hand.radam(*a, betas=BETAS, eps=1e-8)),
    "lbfgs": (
        {"history_size": 3, "max_iter": 1, "tolerance_change": 0.0, "tolerance_grad": 0.0},
        lambda *a: by_hand.lbfgs(*a, memory=3),
    ),
}
ELSEWHERE = {"truncated-newton": "test_truncated_newton.py has its paths"}


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("kind", PATHS)
def test_twenty_steps_are_the_published_recursion(kind, function):
    options, recursion = PATHS[kind]
    of = FUNCTIONS[function]
    w = torch.nn.Parameter(torch.tensor(START, dtype=torch.float64))
    optimizer = build_optimizer(
        [ParameterGroup(parameters={"w": w})],
        name=kind.split(",")[0],
        learning_rate=of.rate,
        **options,
    )

    def closure():
        optimizer.zero_grad()
        loss = of.loss(w)
        loss.backward()
        return loss.item()

    tolerance = 1e-7 if kind == "nadam" else 1e-10  # torch keeps a product of its in 32 bits
    for number, wanted in enumerate(islice(recursion(of.slope, of.rate), 20)):
        optimizer.step(closure)
        np.testing.assert_allclose(
            w.detach().numpy(), wanted, rtol=tolerance, atol=tolerance, err_msg=f"step {number}"
        )
    assert of.loss(wanted) < of.loss(np.array(START))  # it went somewhere


def test_every_optimiser_has_a_path():
    assert {kind.split(",")[0] for kind in PATHS} | set(ELSEWHERE) >= set(CATALOGUE.names())
