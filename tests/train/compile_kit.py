"""What the tests of compiled steps share: networks, batches, and graphs without machine code."""

from __future__ import annotations

import importlib
import math
import sys
from types import FunctionType

import pytest
import torch
from torch import nn

from contract_kit import batch, loop_of
from netwright.methods.output_units.catalogue import create
from netwright.methods.supervised import Supervised
from netwright.train import one_graph
from netwright.train.control import Observer
from netwright.train.schedules import cosine


@pytest.fixture
def traceable(monkeypatch):
    """No shape checks: the compiler can't look into them. Nothing compiled stays behind."""
    importlib.import_module("netwright.train.compiled")
    supervised()  # loads what is loaded when it is needed
    for name, module in list(sys.modules.items()):
        if name.startswith(TRACED):
            kinds = [kind for kind in vars(module).values() if isinstance(kind, type)]
            for owner in (module, *(k for k in kinds if k.__module__.startswith("netwright"))):
                for place, thing in list(vars(owner).items()):
                    bare = unchecked(thing)
                    if bare is not thing:
                        monkeypatch.setattr(owner, place, bare)
    yield
    torch._dynamo.reset()


TRACED = ("netwright.data.batch", "netwright.losses", "netwright.methods", "netwright.train")


def unchecked(thing):
    """A function as it was before the import hook put checks around it."""
    if isinstance(thing, property):
        return property(unchecked(thing.fget)) if unchecked(thing.fget) is not thing.fget else thing
    while isinstance(thing, FunctionType) and "jaxtyping" in thing.__code__.co_filename:
        thing = thing.__wrapped__
    return thing


@pytest.fixture
def as_traced(traceable, monkeypatch):
    """Graphs are run by torch as they were traced, which takes no compiler and little time."""
    monkeypatch.setattr(one_graph, "_machine_code", lambda graph, inputs: graph)


class Told(Observer):
    """Keeps what is told of each step."""

    def __init__(self):
        self.compilations, self.losses, self.norms, self.applied = [], [], [], []

    def compiled(self, view, *, compilation):
        self.compilations.append(compilation)

    def phase_done(self, view, *, phase, streams, outcome):
        self.losses.append(float(outcome.mean))
        self.norms.append(float(outcome.gradient_norm))
        self.applied.append(outcome.applied)

    @property
    def reasons(self):
        return [one.reason for one in self.compilations if one.reason is not None]


def supervised(*layers, classes=3):
    unit = create("classes", names=tuple(map(str, range(classes))), targets=None)
    return Supervised(nn.Sequential(*layers), unit)


def mlp(*, dropout=0.2):
    torch.manual_seed(1)
    # no offset before the normaliser: its gradient is rounding and nothing else
    first = nn.Linear(6, 16, bias=False)
    return supervised(first, nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, 3))


def batches(count=10, *, shape=(6,), sizes=(16,), spoilt=()):
    """A task that can be learned, told again."""
    draw = torch.Generator().manual_seed(0)
    teacher = torch.randn(math.prod(shape), 3, generator=draw)
    made = []
    for place in range(count):
        inputs = torch.randn(sizes[place % len(sizes)], *shape, generator=draw)
        targets = (inputs.flatten(1) @ teacher).argmax(1)
        if place in spoilt:
            inputs[0] = math.nan
        made.append(batch(inputs, targets))
    return made


ADAMW = {"name": "adamw", "learning_rate": 0.01, "weight_decay": 0.05}


def trained(method, data, *, compiled, optimizer=None, loop=None, **settings):
    """The loop after its run, and what was told."""
    told = Told()
    options = {"schedule": cosine(), "observers": [told], **(loop or {})}
    made = loop_of(
        method, data, optimizer=optimizer or ADAMW, loop=options, compile=compiled, **settings
    )
    made.run()
    return made, told


def largest_difference(one, other):
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return max(float((left - right).abs().max()) for left, right in pairs)
