"""Compiled steps do what steps do: the same numbers, the same traces, and never less."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
from compile_kit import (
    ADAMW,
    Told,
    as_traced,
    batches,
    largest_difference,
    mlp,
    supervised,
    traceable,
    trained,
)
from torch import nn

from contract_kit import loop_of, same_bits
from netwright.methods.base import Phase
from netwright.methods.supervised import Supervised
from netwright.probes import Activations, Gradients, Updates, Weights, every
from netwright.train import one_graph
from netwright.train.control import ClipGradients, Controller, RollBack
from netwright.train.schedules import cosine
from netwright.train.snapshot import Ring
from netwright.train.state import capture

__all__ = ["as_traced", "traceable"]


# --- the same numbers -----------------------------------------------------------------------------


@pytest.mark.usefixtures("traceable")
def test_two_hundred_steps_are_those_of_a_run_without():
    """Through the machine code: decay groups, clipping, schedule, dropout."""
    data = batches(20)
    settings = {"epochs": 10, "clip_norm": 0.5}
    plain, by_hand = trained(mlp(), data, compiled=False, **settings)
    loop, told = trained(mlp(), data, compiled=True, **settings)
    assert len(told.losses) == 200
    assert told.reasons == []
    assert [one.graphs for one in told.compilations] == [1]
    assert told.compilations[0].seconds > 0
    assert told.losses == pytest.approx(by_hand.losses, abs=1e-5)
    assert told.norms == pytest.approx(by_hand.norms, abs=1e-5)
    assert largest_difference(loop.method, plain.method) < 1e-5


def pictures():
    torch.manual_seed(1)
    return supervised(
        nn.Conv2d(3, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Conv2d(8, 8, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(8, 3),
    )


@pytest.mark.usefixtures("traceable")
def test_a_convolutional_net_with_dropout_and_running_statistics():
    data = batches(20, shape=(3, 6, 6))
    sgd = {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9, "nesterov": True}
    plain, by_hand = trained(pictures(), data, compiled=False, optimizer=sgd, epochs=10)
    loop, told = trained(pictures(), data, compiled=True, optimizer=sgd, epochs=10)
    assert told.reasons == []
    assert told.losses == pytest.approx(by_hand.losses, abs=1e-5)
    assert largest_difference(loop.method, plain.method) < 1e-5


@pytest.mark.slow
@pytest.mark.usefixtures("traceable")
def test_in_bf16_the_first_steps_are_equal_and_the_run_to_its_rounding():
    """A weight that differs in its last bit of 24 may round to another of bf16's 8."""
    data = batches(20)
    plain, by_hand = trained(mlp(), data, compiled=False, precision="bf16", epochs=10)
    loop, told = trained(mlp(), data, compiled=True, precision="bf16", epochs=10)
    assert told.reasons == []
    assert told.losses[:3] == pytest.approx(by_hand.losses[:3], abs=1e-5)
    assert told.losses == pytest.approx(by_hand.losses, abs=3e-2)
    assert largest_difference(loop.method, plain.method) < 3e-2


@pytest.mark.usefixtures("as_traced")
@pytest.mark.parametrize(
    "optimizer",
    [
        {"name": "sgd", "learning_rate": 0.05},
        {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9, "weight_decay": 0.01},
        {"name": "adam", "learning_rate": 0.01, "amsgrad": True},
    ],
    ids=["sgd", "momentum", "amsgrad"],
)
def test_every_optimiser_that_is_compiled(optimizer):
    settings = {"epochs": 2, "clip_value": 0.02, "optimizer": optimizer}
    plain, by_hand = trained(mlp(), batches(), compiled=False, **settings)
    loop, told = trained(mlp(), batches(), compiled=True, **settings)
    assert [one.graphs for one in told.compilations] == [1]
    assert told.losses == pytest.approx(by_hand.losses, abs=1e-6)
    assert largest_difference(loop.method, plain.method) < 1e-6


@pytest.mark.usefixtures("as_traced")
def test_each_form_of_batch_takes_one_graph():
    data = batches(6, sizes=(16, 15))
    plain, _ = trained(mlp(), data, compiled=False, epochs=2)
    loop, told = trained(mlp(), data, compiled=True, epochs=2)
    assert [one.graphs for one in told.compilations] == [1, 2]
    assert "again, graph 2 for batches of this form" in str(told.compilations[1])
    assert largest_difference(loop.method, plain.method) < 1e-6


@pytest.mark.usefixtures("as_traced")
def test_weights_of_examples_count():
    data = [
        type(one)(one.inputs, one.targets, one.index, weight=torch.linspace(0, 2, 16))
        for one in batches()
    ]
    plain, by_hand = trained(mlp(), data, compiled=False)
    loop, told = trained(mlp(), data, compiled=True)
    assert told.reasons == []
    assert told.losses == pytest.approx(by_hand.losses, abs=1e-6)
    assert largest_difference(loop.method, plain.method) < 1e-6


@pytest.mark.usefixtures("as_traced")
def test_what_is_frozen_stays_and_what_the_loss_ignores_too():
    def made():
        method = mlp()
        method.model.ignored = nn.Linear(2, 2)  # a child that forward leaves out
        method.model.forward = lambda inputs: method.model[4](method.model[0](inputs))
        method.model[0].weight.requires_grad_(False)
        return method

    before = made()
    loop, told = trained(made(), batches(), compiled=True)
    assert told.reasons == []
    for place in ("model.0.weight", "model.ignored.weight"):
        assert torch.equal(loop.method.get_parameter(place), before.get_parameter(place))
    plain, _ = trained(made(), batches(), compiled=False)
    assert largest_difference(loop.method, plain.method) < 1e-6


# --- what is not finite ---------------------------------------------------------------------------


@pytest.mark.usefixtures("as_traced")
def test_a_step_that_is_not_finite_changes_nothing():
    data = batches(5, spoilt=(3,))
    settings = {"optimizer": ADAMW, "compile": True}
    told = Told()
    spoilt = loop_of(mlp(dropout=0.0), data, loop={"observers": [told]}, **settings)
    clean = loop_of(mlp(dropout=0.0), data[:3] + data[4:], **settings)
    spoilt.run()
    clean.run()
    assert told.reasons == []
    assert told.applied == [True, True, True, False, True]
    assert spoilt.counters.skipped == 1
    counted = "model.1.num_batches_tracked"
    assert torch.equal(spoilt.method.get_buffer(counted), torch.tensor(4))
    assert same_bits(spoilt.method, clean.method)  # also the running statistics
    states = [run.optimizers["main"].state.values() for run in (spoilt, clean)]
    for one, other in zip(*states, strict=True):
        assert all(torch.equal(one[key], other[key]) for key in other)


# --- what can't be compiled -----------------------------------------------------------------------


class Branches(nn.Module):
    def forward(self, values):
        return values * 2 if values.sum() > 0 else values


class Counts(nn.Module):
    """Is another function at every step."""

    steps = 0

    def forward(self, values):
        self.steps += 1
        return values * (1 + 1 / self.steps)


class Assigns(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(16))

    def forward(self, values):
        self.mean = 0.9 * self.mean + 0.1 * values.detach().mean(0)
        return values - self.mean


def with_layer(layer):
    method = mlp()
    method.model.insert(3, layer())
    return method


@pytest.mark.usefixtures("as_traced")
@pytest.mark.parametrize(
    ("layer", "reason"),
    [(Branches, "one graph"), (Counts, "more than 2 graphs"), (Assigns, "3.mean anew")],
)
def test_a_model_that_is_no_one_graph_runs_as_without(layer, reason):
    with torch._dynamo.config.patch(recompile_limit=2):
        loop, told = trained(with_layer(layer), batches(12), compiled=True)
    assert len(told.reasons) == 1
    assert reason in told.reasons[0]
    assert "\n" not in told.reasons[0]
    plain, by_hand = trained(with_layer(layer), batches(12), compiled=False)
    assert told.losses == pytest.approx(by_hand.losses, abs=1e-6)
    assert largest_difference(loop.method, plain.method) < 1e-6


@pytest.mark.usefixtures("as_traced")
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"optimizer": {"name": "rmsprop", "learning_rate": 0.01}}, "RMSprop"),
        ({"optimizer": {"name": "lbfgs", "learning_rate": 0.1}}, "LBFGS"),
        ({"micro_batch_size": 8}, "micro_batch_size"),
        ({"precision": "fp16"}, "fp16"),
    ],
    ids=["rmsprop", "lbfgs", "micro-batches", "fp16"],
)
def test_settings_that_do_not_go_together_say_so(options, reason):
    loop, told = trained(mlp(), batches(4), compiled=True, **options)
    assert len(told.reasons) == 1
    assert reason in told.reasons[0]
    plain, _ = trained(mlp(), batches(4), compiled=False, **options)
    assert same_bits(loop.method, plain.method)


@pytest.mark.usefixtures("as_traced")
def test_a_phase_that_does_not_declare_it_is_left_alone():
    class Silent(Supervised):
        def phases(self, stage):
            return (Phase(name="quiet", optimizers=("main",), loss=self.loss),)

    made = mlp()
    _, told = trained(Silent(made.model, made.unit), batches(2), compiled=True)
    assert str(told.compilations[0]) == (
        "Phase quiet runs without compilation: it does not declare that it can be compiled."
    )


@pytest.mark.usefixtures("traceable")
@pytest.mark.parametrize("at", [1, 2], ids=["first graph", "second graph"])
def test_a_compiler_that_fails_leaves_the_run_unharmed(at, monkeypatch):
    calls = []

    def fails(graph, inputs):
        calls.append(None)
        if len(calls) < at:
            return graph
        torch.rand(3)  # what it draws before it fails is not missed
        raise RuntimeError("InvalidCxxCompiler: No working C++ compiler found")

    monkeypatch.setattr(one_graph, "_machine_code", fails)
    data = batches(8, sizes=(16, 15))
    loop, told = trained(mlp(), data, compiled=True, epochs=2)
    assert told.reasons == ["there is no C++ compiler: install g++ or clang, or set CXX"]
    plain, by_hand = trained(mlp(), data, compiled=False, epochs=2)
    assert told.losses == pytest.approx(by_hand.losses, abs=1e-6)
    assert largest_difference(loop.method, plain.method) < 1e-6


@pytest.mark.usefixtures("traceable")
def test_a_graph_that_breaks_while_it_runs_leaves_the_run_unharmed(monkeypatch):
    def breaks(graph, inputs):
        def run(*tensors):
            for tensor in tensors:
                if tensor.is_floating_point():
                    tensor.data.fill_(7.0)
            raise RuntimeError("torn")

        return run

    monkeypatch.setattr(one_graph, "_machine_code", breaks)
    data = batches(8)
    loop, told = trained(mlp(), [copied(one) for one in data], compiled=True)
    assert len(told.reasons) == 1
    assert "torn" in told.reasons[0]
    assert torch.isfinite(loop.method.model[0].weight).all()
    assert not (loop.method.model[0].weight == 7).any()


def copied(one):
    return one.map(torch.clone)


# --- those who look on ----------------------------------------------------------------------------

PROBES = (Activations, Gradients, Weights, Updates)


class Watch(Told):
    """Probes attached for the whole run, that look at every fourth step."""

    def __init__(self, method):
        super().__init__()
        self.probes = [kind(method, when=every(4)) for kind in PROBES]
        self.rows = []

    def __enter__(self):
        for probe in self.probes:
            probe.__enter__()
            probe.at(0)
        return self

    def __exit__(self, *error):
        for probe in self.probes:
            probe.__exit__(*error)

    def stepped(self, view):
        self.rows.append([dict(probe.read()) for probe in self.probes])
        for probe in self.probes:
            probe.at(view.step)


def watched(*, compiled):
    method = mlp()
    with Watch(method) as watch:
        loop, _ = trained(
            method, batches(), compiled=compiled, loop={"observers": [watch]}, epochs=2
        )
    return loop, watch


@pytest.mark.usefixtures("as_traced")
def test_probes_see_what_they_see_without_and_change_no_bit():
    loop, watch = watched(compiled=True)
    assert [one.graphs for one in watch.compilations] == [1]  # hooks cost no graph
    _, by_hand = watched(compiled=False)
    assert [bool(any(rows)) for rows in watch.rows] == [step % 4 == 0 for step in range(20)]
    for seen, expected in zip(watch.rows, by_hand.rows, strict=True):
        for one, other in zip(seen, expected, strict=True):
            assert one.keys() == other.keys()
            for place in other:
                assert one[place] == pytest.approx(other[place], rel=1e-5, abs=1e-5)
    unwatched, _ = trained(mlp(), batches(), compiled=True, epochs=2)
    assert same_bits(loop.method, unwatched.method)


@pytest.mark.usefixtures("as_traced")
def test_a_hook_that_may_change_what_is_computed_is_obeyed():
    def doubled():
        method = mlp()
        method.model[4].register_forward_hook(lambda module, inputs, output: 2 * output)
        return method

    loop, told = trained(doubled(), batches(), compiled=True)
    assert told.reasons == ["a hook on model.4 may change what it computes"]
    plain, _ = trained(doubled(), batches(), compiled=False)
    assert same_bits(loop.method, plain.method)


@pytest.mark.usefixtures("as_traced")
def test_those_who_wait_for_the_optimisers_step_are_called():
    class Waits(Told):
        def stage_entered(self, view):
            optimizer = view._loop.optimizers["main"]
            optimizer.register_step_post_hook(lambda *_: calls.append(None))

    calls, told = [], Waits()
    trained(mlp(), batches(), compiled=True, loop={"observers": [told]})
    assert len(calls) == 10
    assert told.reasons == ["somebody is to be called at the step of its optimiser"]


# --- the run around it ----------------------------------------------------------------------------


class Asks(Controller):
    name = "asks"
    owns = frozenset({RollBack, ClipGradients})

    def __init__(self, commands):
        self.commands = commands

    def after_step(self, view):
        return [self.commands.pop(view.step)] if view.step in self.commands else []


@pytest.mark.usefixtures("as_traced")
def test_what_is_loaded_or_commanded_is_taken_up():
    def run(*, compiled):
        commands = {14: RollBack(step=10), 18: ClipGradients(norm=0.01)}
        return trained(
            mlp(),
            batches(),
            compiled=compiled,
            loop={"controllers": [Asks(commands)]},
            epochs=3,
            ring=2,
        )

    loop, told = run(compiled=True)
    plain, by_hand = run(compiled=False)
    assert told.reasons == []
    assert told.losses == pytest.approx(by_hand.losses, abs=1e-6)
    assert largest_difference(loop.method, plain.method) < 1e-6


@pytest.mark.usefixtures("as_traced")
@pytest.mark.parametrize("stop", [1, 7])
def test_a_run_taken_up_again_ends_with_the_same_bits(stop):
    whole, _ = trained(mlp(), batches(), compiled=True, epochs=2)

    class Stops(Told):
        def stepped(self, view):
            if view.step == stop:
                self.state = keep(self.loop)
                self.loop.request_stop()

    def keep(loop):
        ring = Ring(1)
        ring.add(loop.counters.step, capture(loop))
        return {**ring.latest(loop.counters.step), "observers": {}}

    watch = Stops()
    options = {"optimizer": ADAMW, "compile": True, "epochs": 2}
    first = loop_of(mlp(), batches(), loop={"schedule": cosine(), "observers": [watch]}, **options)
    watch.loop = first
    first.run()
    again = Told()
    second = loop_of(mlp(), batches(), loop={"schedule": cosine(), "observers": [again]}, **options)
    second.resume(watch.state)
    second.run()
    assert again.reasons == []
    assert len(again.losses) == 20 - stop
    assert same_bits(second.method, whole.method)


def decays_more(view):
    for group in view._loop.optimizers["main"].param_groups:
        group["weight_decay"] = 5.0


def freezes(view):
    view.method.model[4].weight.requires_grad_(False)


@pytest.mark.usefixtures("as_traced")
@pytest.mark.parametrize("change", [decays_more, freezes])
def test_what_is_changed_in_place_is_taken_up(change):
    class Changes(Told):
        def stepped(self, view):
            if view.step == 5:
                change(view)

    told = Changes()
    loop, _ = trained(mlp(), batches(), compiled=True, loop={"observers": [told]})
    plain, _ = trained(mlp(), batches(), compiled=False, loop={"observers": [Changes()]})
    assert told.reasons == []
    assert largest_difference(loop.method, plain.method) < 1e-6


class Chooses(nn.Module):
    """Another layer for batches of another size."""

    def __init__(self):
        super().__init__()
        self.large, self.small = nn.Linear(16, 16), nn.Linear(16, 16)

    def forward(self, values):
        return self.large(values) if len(values) == 16 else self.small(values)


@pytest.mark.usefixtures("as_traced")
def test_batches_that_concern_other_parameters_are_not_compiled():
    data = batches(8, sizes=(16, 15))
    loop, told = trained(with_layer(Chooses), data, compiled=True)
    assert told.reasons == ["batches of another form concern other parameters or buffers"]
    plain, _ = trained(with_layer(Chooses), data, compiled=False)
    assert largest_difference(loop.method, plain.method) < 1e-6


@pytest.mark.usefixtures("as_traced")
def test_what_was_compiled_is_let_go_with_the_run():
    loop, told = trained(mlp(), batches(2), compiled=True)
    assert told.compilations
    method = weakref.ref(loop.method)
    del loop, told
    gc.collect()
    assert method() is None
