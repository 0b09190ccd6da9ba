"""What every probe of the catalogue keeps: the run is the run without it, bit for bit."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from contract_kit import batch, loop_of, same_bits
from netwright._errors import BadValue, NothingObserved
from netwright.methods.output_units.catalogue import create
from netwright.methods.supervised import Supervised
from netwright.probes.catalogue import CATALOGUE
from netwright.probes.schedule import every, first
from netwright.train.control import Observer

PROBES = CATALOGUE.names()
HOOKING = ["activations", "gradients"]


def convolutional():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.Dropout(0.3),
        nn.Flatten(),
        nn.Linear(4 * 16, 2),
    )


class Twice(nn.Module):
    """One module under two names, and another called twice."""

    def __init__(self):
        super().__init__()
        self.first = self.second = nn.Linear(36, 36)
        self.again = nn.Dropout(0.2)
        self.out = nn.Linear(36, 2)

    def forward(self, x):
        x = self.again(self.first(x.flatten(1)).relu())
        return self.out(self.again(self.second(x)))


class Checkpointed(nn.Module):
    def __init__(self, *, reentrant):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(36, 8), nn.Dropout(0.4), nn.ReLU(inplace=True))
        self.out = nn.Linear(8, 2)
        self.reentrant = reentrant

    def forward(self, x):
        x = x.flatten(1).requires_grad_()
        return self.out(checkpoint(self.inner, x, use_reentrant=self.reentrant))


class Several(nn.Module):
    """Layers that give tuples and mappings."""

    class Parts(nn.Module):
        def forward(self, x):
            return {"whole": x, "halves": (x[:, :18], x[:, 18:])}

    def __init__(self):
        super().__init__()
        self.parts = self.Parts()
        self.memory = nn.LSTM(18, 5, batch_first=True)
        self.out = nn.Linear(5, 2)

    def forward(self, x):
        halves = self.parts(x.flatten(1))["halves"]
        return self.out(self.memory(torch.stack(halves, dim=1))[0][:, -1])


class Lowered(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = convolutional()

    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return self.inner(x)


NETWORKS = {
    "convolutional": convolutional,
    "shared and called twice": Twice,
    "checkpointed": lambda: Checkpointed(reentrant=False),
    "checkpointed, reentrant": lambda: Checkpointed(reentrant=True),
    "tuples and mappings": Several,
    "autocast": Lowered,
}


def probe_of(name, module, **keywords):
    return CATALOGUE.load(name)(module, **keywords)


def steps_of(module, *, probe=None, steps=4):
    """Losses of a few steps, the state afterwards, and the random state."""
    torch.manual_seed(3)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    data = torch.linspace(-1, 1, 6 * 36).reshape(6, 1, 6, 6)
    wanted = torch.tensor([0, 1] * 3)
    losses, readings = [], []
    for step in range(steps):
        if probe is not None:
            probe.at(step)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(module(data).float(), wanted)
        loss.backward()
        optimizer.step()
        if probe is not None:
            readings.append(probe.read())
        losses.append(loss.item())
    return losses, module.state_dict(), torch.get_rng_state(), readings


def made(name):
    torch.manual_seed(0)
    return NETWORKS[name]()


def hooks_on(module):
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return sum(len(getattr(part, kind)) for part in module.modules() for kind in kinds)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("name", PROBES)
def test_a_run_with_it_is_the_run_without(name, network):
    plain, watched = made(network), made(network)
    losses, state, generator, _ = steps_of(plain)
    with probe_of(name, watched, when=every(2)) as probe:
        losses_too, state_too, generator_too, readings = steps_of(watched, probe=probe)
    assert losses_too == losses
    assert all(torch.equal(state[key], state_too[key]) for key in state)
    assert torch.equal(generator, generator_too)
    assert [bool(reading) for reading in readings] == [True, False, True, False]
    assert hooks_on(watched) == 0


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("name", PROBES)
def test_what_it_reads_is_a_number_and_the_same_again(name, network):
    first_time, second_time = (
        steps_of(module, probe=probe)[3]
        for module in (made(network), made(network))
        for probe in [probe_of(name, module)]
        if probe.__enter__()
    )
    assert first_time == second_time
    numbers = [
        number
        for reading in first_time
        for statistics in reading.values()
        for number in statistics.values()
    ]
    assert numbers
    assert all(type(number) is float and not math.isnan(number) for number in numbers)


@pytest.mark.parametrize("name", PROBES)
def test_places_are_paths_of_the_module(name):
    module = made("tuples and mappings")
    with probe_of(name, module) as probe:
        places = steps_of(module, probe=probe, steps=1)[3][0]
    known = {path for path, _ in (*module.named_modules(), *module.named_parameters())}
    assert {place.split("[")[0] for place in places} <= known
    if name in HOOKING:
        assert {"memory[0]", "out"} <= set(places)
        outer = {"parts[whole]", "parts[halves][0]", "parts[halves][1]", "memory[1][0]"}
        assert (outer <= set(places)) == (name == "activations")  # no gradient comes to these


@pytest.mark.parametrize("name", PROBES)
def test_an_exception_leaves_no_hook_and_is_not_covered(name):
    module = made("convolutional")

    def breaks():
        with probe_of(name, module) as probe:
            probe.at(0)
            module(torch.zeros(2, 1, 6, 6))
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        breaks()
    assert hooks_on(module) == 0


@pytest.mark.parametrize("name", PROBES)
def test_seeing_nothing_is_an_error(name):
    module = made("convolutional")
    with (
        pytest.raises(NothingObserved, match="got nothing in no scheduled step"),
        probe_of(name, module),
    ):
        steps_of(module)  # nobody calls at and read
    with (
        pytest.raises(NothingObserved, match="no scheduled step"),
        probe_of(name, module, when=lambda step: False) as probe,
    ):
        steps_of(module, probe=probe)
    assert hooks_on(module) == 0


@pytest.mark.parametrize("name", HOOKING)
def test_another_module_than_the_one_that_runs_is_noticed(name):
    module = made("convolutional")
    with (
        pytest.raises(NothingObserved, match="2 scheduled steps"),
        probe_of(name, made("convolutional"), when=first(2)) as probe,
    ):
        steps_of(module, probe=probe)


@pytest.mark.parametrize("name", HOOKING)
def test_hooks_put_on_after_compiling_see_nothing_and_say_so(name):
    module = nn.Sequential(nn.Linear(36, 3), nn.ReLU(), nn.Linear(3, 2))
    compiled = torch.compile(nn.Sequential(nn.Flatten(), module), backend="eager")
    steps_of(compiled, steps=1)
    with (
        pytest.raises(NothingObserved, match=r"before torch\.compile"),
        probe_of(name, module) as probe,
    ):
        steps_of(compiled, probe=probe, steps=2)
    torch.compiler.reset()


@pytest.mark.parametrize("name", PROBES)
def test_one_probe_is_attached_once_at_a_time(name):
    module = made("convolutional")
    probe = probe_of(name, module)
    with probe:
        if hooks_on(module):
            with pytest.raises(BadValue, match="attached once at a time"):
                probe.__enter__()
        steps_of(module, probe=probe, steps=1)
    with probe:  # and again afterwards
        steps_of(module, probe=probe, steps=1)


@pytest.mark.parametrize("name", HOOKING)
def test_values_that_were_not_read_are_dropped(name):
    module = made("convolutional")
    with probe_of(name, module, when=first(1)) as probe:
        probe.at(0)
        module(torch.zeros(2, 1, 6, 6)).sum().backward()
        probe.at(1)
        assert probe.read() == {}
        probe.at(0)
        module(torch.zeros(2, 1, 6, 6)).sum().backward()
        assert probe.read()
        assert probe.read() == {}


class Watching(Observer):
    """A probe in the hands of an observer of the loop."""

    def __init__(self, probe):
        self.probe, self.readings = probe, []

    def started(self, view):
        self.probe.at(view.step)

    def stepped(self, view):
        self.readings.append(self.probe.read())
        self.probe.at(view.step)


@pytest.mark.parametrize("name", PROBES)
def test_the_loop_with_it_is_the_loop_without(name):
    data = torch.linspace(-1, 1, 24 * 36).reshape(24, 1, 6, 6)
    batches = [batch(part, torch.arange(6) % 2) for part in data.split(6)]

    options = {
        "optimizer": {"name": "adamw", "learning_rate": 0.01},
        "epochs": 3,
        "micro_batch_size": 4,
    }

    def method():
        torch.manual_seed(0)
        network = convolutional()
        network[-1] = nn.Linear(4 * 16, 1)
        return Supervised(network, create("binary", names=("a", "b"), targets=None))

    plain, watched = method(), method()
    loop_of(plain, batches, **options).run()
    with probe_of(name, watched, when=every(3)) as probe:
        watching = Watching(probe)
        loop_of(watched, batches, **options, loop={"observers": [watching]}).run()
    assert same_bits(plain, watched)
    assert [bool(reading) for reading in watching.readings] == [step % 3 == 0 for step in range(12)]
