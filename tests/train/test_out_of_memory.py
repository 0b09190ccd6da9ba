"""Memory that gives out: smaller pieces, the same gradient, said aloud."""

from __future__ import annotations

import gc
import json
import random
import re
import subprocess
import sys
import warnings
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from contract_kit import batch, loop_of, same_bits, train
from netwright._errors import BadValue, OutOfMemory
from netwright.methods.base import Loss, Method, Phase, Prediction, Stage, trained
from netwright.metrics.regression import RootMeanSquaredError
from netwright.runs.events import Recorder, events
from netwright.train.commands import execute
from netwright.train.control import Controller, CutBatches
from netwright.train.observers.record import Record
from netwright.train.out_of_memory import is_out_of_memory
from netwright.train.precision import choose_precision
from netwright.train.snapshot import own_copy
from netwright.train.state import capture
from netwright.train.validation import predict_all, validate

SGD = {"name": "sgd", "learning_rate": 0.1}
ADAM = {"name": "adamw", "learning_rate": 0.1}
ALLOCATOR = (
    "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you "
    "tried to allocate 8589934592 bytes. Error code 12 (Cannot allocate memory)"
)


@pytest.fixture(autouse=True)
def _without_collecting(monkeypatch):
    """What is dropped is gone at once, by its count of references; collecting takes long here."""
    monkeypatch.setattr(gc, "collect", lambda: 0)


class _FailsBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, value, fails):
        ctx.fails = fails
        return value.clone()

    @staticmethod
    def backward(ctx, gradient):
        if ctx.fails:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return gradient, None


class Pool:
    def __init__(self):
        self.items = []

    def state_dict(self):
        return {"items": list(self.items)}

    def load_state_dict(self, state):
        self.items = list(state["items"])


class Hungry(Method):
    """Has room for `room` examples at a time; draws, counts and remembers before it finds out."""

    def __init__(self, *, room, norm=True, backward=False, error=None):
        super().__init__()
        torch.manual_seed(0)
        layers = [nn.Linear(4, 8), *([nn.BatchNorm1d(8)] if norm else []), nn.Tanh()]
        self.net = nn.Sequential(*layers, *([nn.Dropout(0.3)] if norm else []), nn.Linear(8, 1))
        self.pool = Pool()
        self.register_stateful("pool", self.pool)
        self.room, self.backward_fails = room, backward
        self.error = error or torch.OutOfMemoryError("CUDA out of memory.")
        self.sizes = []

    def phases(self, stage):
        return (Phase(name="main", optimizers=("main",), loss=self.loss),)

    def loss(self, batch):
        self.sizes.append(len(batch))
        self.pool.items.append(float(batch.inputs.mean()))
        noise = float(np.random.rand()) + random.random()
        errors = self.net(batch.inputs)[:, 0] - batch.targets
        full = len(batch) > self.room
        if full and not self.backward_fails:
            raise self.error
        total = (errors.square() * (1 + noise)).sum()
        return Loss(total=_FailsBackward.apply(total, full), count=len(batch))

    def predict(self, inputs):
        if len(inputs) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return Prediction(outputs=self.net(inputs)[:, 0], probabilities=self.net(inputs))

    def metrics(self):
        return {"rmse": RootMeanSquaredError()}


def batches(*counts):
    generator = torch.Generator().manual_seed(1)
    made = [torch.randn(count, 4, generator=generator) for count in counts]
    return [batch(inputs, inputs.sum(1)) for inputs in made]


def gradient_of(method):
    return torch.cat([p.grad.flatten() for p in method.parameters()])


class Plain(Hungry):
    """Without anything that is random or looks at a whole batch."""

    def __init__(self, **options):
        super().__init__(norm=False, **options)

    def loss(self, batch):
        self.sizes.append(len(batch))
        if len(batch) > self.room:
            raise self.error
        errors = self.net(batch.inputs)[:, 0] - batch.targets
        return Loss(total=errors.square().sum(), count=len(batch))


def test_the_gradient_is_that_of_the_whole_batch():
    whole, cut = Plain(room=99), Plain(room=5)
    train(whole, batches(22), optimizer=SGD)
    with pytest.warns(UserWarning, match="Memory gave out in phase main of step 0") as said:
        train(cut, batches(22), optimizer=SGD)
    assert cut.sizes == [22, 11, 5, 5, 5, 5, 2]
    torch.testing.assert_close(gradient_of(cut), gradient_of(whole), atol=1e-6, rtol=1e-6)
    assert [re.findall(r"pieces of (\d+)\.", str(one.message)) for one in said] == [["11"], ["5"]]
    assert "training.micro_batch_size=5" in str(said[1].message)
    assert "normalisation" not in str(said[1].message)


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("optimizer", [SGD, ADAM])
def test_all_is_as_if_the_batches_had_been_cut_from_the_start(backward, optimizer):
    known, found = Hungry(room=99), Hungry(room=8, backward=backward)
    train(known, batches(24, 24, 24), optimizer=optimizer, micro_batch_size=6)
    with pytest.warns(UserWarning, match="batch normalisation computes its statistics over fewer"):
        train(found, batches(24, 24, 24), optimizer=optimizer)
    assert found.sizes == [24, 12, *[6] * 12]
    assert same_bits(known, found)
    assert found.pool.items == known.pool.items


def test_a_larger_batch_that_comes_late():
    counts = [4] * 6 + [24, 4]
    known, found = Hungry(room=99), Hungry(room=8)
    # pieces of 6 leave the small batches whole
    train(known, batches(*counts), optimizer=SGD, micro_batch_size=6)
    with pytest.warns(UserWarning, match="of step 6"):
        train(found, batches(*counts), optimizer=SGD)
    assert found.sizes == [4] * 6 + [24, 12, 6, 6, 6, 6, 4]
    assert same_bits(known, found)
    assert found.pool.items == known.pool.items


class Later(Plain):
    """Loses its room in the course of the run, as when another process takes the memory."""

    def __init__(self, **options):
        super().__init__(**options)
        self.net.insert(2, nn.Dropout(0.5))

    def loss(self, batch):
        self.room = 99 if len(self.sizes) < 5 else 12
        self.net(batch.inputs)  # draws
        return super().loss(batch)


def test_without_warning_the_draws_of_torch_are_repeated():
    """The run that is cut after five whole updates goes on as one that is told to by a command."""
    known, found = Later(room=99), Later(room=99)
    with pytest.warns(UserWarning, match="of step 5"):
        train(found, batches(*[24] * 7), optimizer=SGD)
    assert found.sizes == [24] * 6 + [12] * 4

    class Foresight(Controller):
        name = "foresight"
        owns = frozenset({CutBatches})

        def after_step(self, view):
            return [CutBatches(phase="main", size=12)] if view.step == 5 else []

    train(known, batches(*[24] * 7), optimizer=SGD, loop={"controllers": (Foresight(),)})
    assert known.sizes == [24] * 5 + [12] * 4
    assert same_bits(known, found)


@pytest.mark.parametrize(
    "error",
    [MemoryError(), torch.OutOfMemoryError("CUDA out of memory."), RuntimeError(ALLOCATOR),
     RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
     RuntimeError("std::bad_alloc"), RuntimeError("MPS backend out of memory (allocated: 1 GB)"),
     RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")],
)  # fmt: skip
def test_what_memory_says_when_it_gives_out(error):
    assert is_out_of_memory(error)
    method = Plain(room=12, error=error)
    with pytest.warns(UserWarning, match="Memory gave out"):
        train(method, batches(24), optimizer=SGD)
    assert method.sizes == [24, 12, 12]


@pytest.mark.parametrize("error", [RuntimeError("mat1 and mat2"), ValueError("out of memory")])
def test_other_errors_are_left_alone(error):
    method = Plain(room=12, error=error)
    with pytest.raises(type(error), match=str(error)):
        train(method, batches(24), optimizer=SGD)
    assert method.sizes == [24]


def test_what_the_real_allocator_says_is_known():
    with pytest.raises(RuntimeError) as real:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(real.value)


@pytest.mark.filterwarnings("ignore:Memory gave out")
def test_one_example_that_does_not_fit():
    method = Plain(room=0)
    with pytest.raises(OutOfMemory, match=r"one example at a time.*smaller model"):
        train(method, batches(5), optimizer=SGD)
    assert method.sizes == [5, 2, 1]


def test_a_loss_over_the_whole_batch_is_not_cut():
    class Whole(Plain):
        def phases(self, stage):
            return (Phase(name="rank", optimizers=("main",), loss=self.loss, accumulates=False),)

    with pytest.raises(OutOfMemory, match=r"in phase rank.*training.batch_size=12 or less"):
        train(Whole(room=12), batches(24), optimizer=SGD)


def test_optimisers_without_room_are_not_helped_by_smaller_pieces(monkeypatch):
    def step(self, closure=None):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(torch.optim.AdamW, "step", step)
    monkeypatch.setattr("netwright.train.optimizers.direct.Direct.step", step)
    method = Plain(room=99)
    with pytest.raises(OutOfMemory, match=r"state fits into memory.*optimizer.name=sgd"):
        train(method, batches(24), optimizer=ADAM)
    assert method.sizes == [24]


def test_the_failed_graph_is_gone_before_the_next_try():
    left = []

    class Leaves(Plain):
        def loss(self, batch):
            left.append([reference() is not None for reference in self.seen])
            scores = self.net(batch.inputs)
            self.seen.append(weakref.ref(scores))
            if len(batch) > self.room:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return Loss(total=scores.square().sum(), count=len(batch))

    method = Leaves(room=6)
    method.seen = []
    with pytest.warns(UserWarning, match="Memory gave out"):
        train(method, batches(24), optimizer=SGD)
    assert left[:3] == [[], [False], [False, False]]


class Players(Plain):
    """Two phases; one has room for all."""

    def phases(self, stage):
        return (
            Phase(name="one", optimizers=("one",), loss=self.loss),
            Phase(name="other", optimizers=("other",), loss=self.easy),
        )

    def easy(self, batch):
        self.sizes.append(-len(batch))
        return Loss(total=self.net[2](self.net[:2](batch.inputs)).sum(), count=len(batch))

    def parameter_groups(self, stage):
        return {"one": [trained(self.net[0])], "other": [trained(self.net[2])]}


def test_only_the_phase_that_needs_it_is_cut():
    method = Players(room=12)
    with pytest.warns(UserWarning, match="in phase one"):
        train(method, batches(24, 24), optimizer=SGD)
    assert method.sizes == [24, 12, 12, -24, 12, 12, -24]


class Evaluated(Plain):
    """The third evaluation of the first step is the one that fails."""

    def loss(self, batch):
        self.room = 12 if len(self.sizes) == 2 else 99
        return super().loss(batch)


def test_an_optimiser_that_takes_the_gradient_again():
    lbfgs = {"name": "lbfgs", "learning_rate": 0.5, "max_iter": 4}
    known, found = Evaluated(room=99), Evaluated(room=99)
    known.sizes = [0] * 9
    with pytest.warns(UserWarning, match="Memory gave out"):
        train(found, batches(24), optimizer=lbfgs)
    train(known, batches(24), optimizer=lbfgs, micro_batch_size=12)
    assert found.sizes[:5] == [24, 24, 24, 12, 12]
    assert same_bits(known, found)


def test_it_is_recorded_once_and_a_resumed_run_goes_on_with_it(tmp_path):
    taken = {}

    class Keeps:
        name = ""

        def __getattr__(self, moment):
            def note(view, **what):
                if moment == "stepped" and view.step == 2:
                    taken.update(own_copy(capture(loop)))

            return note

    whole = Hungry(room=8)
    with Recorder(tmp_path, attempt=1) as recorder:
        record = Record(recorder)
        loop = loop_of(
            whole, batches(24, 24, 24), optimizer=ADAM, loop={"observers": (record, Keeps())}
        )
        with pytest.warns(UserWarning, match="Memory gave out"):
            loop.run()
    found = events(tmp_path, "command")
    assert [event["arguments"] for event in found] == [
        {"phase": "main", "size": 12}, {"phase": "main", "size": 6},
    ]  # fmt: skip
    assert {event["command"] for event in found} == {"CutBatches"}
    assert found[0]["cause"]["symptom"] == "out-of-memory"
    resumed = Hungry(room=8)
    again = loop_of(resumed, batches(24, 24, 24), optimizer=ADAM)
    again.resume(taken)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again.run()
    assert resumed.sizes == [6] * 4
    assert same_bits(whole, resumed)


def test_the_next_stage_keeps_the_size():
    class Twice(Plain):
        def stages(self):
            return (Stage(name="first"), Stage(name="second"))

    method = Twice(room=12)
    with pytest.warns(UserWarning, match="Memory gave out") as said:
        train(method, batches(24), optimizer=SGD)
    assert len(said) == 1
    assert method.sizes == [24, 12, 12, 12, 12]


def test_a_wrong_command_is_refused():
    loop = loop_of(Plain(room=9), batches(4), optimizer=SGD)
    loop.run()
    with pytest.raises(BadValue, match="size must be at least 1"):
        execute(loop, CutBatches(phase="main", size=0))
    with pytest.raises(BadValue, match="Did you mean main"):
        execute(loop, CutBatches(phase="mian", size=1))


# --- judging --------------------------------------------------------------------------------------


def held_out():
    return iter(batches(22, 22, 7))


def test_judging_in_pieces_gives_the_same_figures():
    precision = choose_precision("fp32", torch.device("cpu"))
    roomy, narrow = Hungry(room=99), Hungry(room=6)
    assert validate(narrow, held_out, precision=precision) == pytest.approx(
        validate(roomy, held_out, precision=precision)
    )
    one, other = (predict_all(m, held_out(), precision=precision) for m in (roomy, narrow))
    torch.testing.assert_close(one.prediction.outputs, other.prediction.outputs)
    torch.testing.assert_close(one.prediction.probabilities, other.prediction.probabilities)
    assert other.prediction.logits is None
    assert torch.equal(one.index, other.index)


def test_answers_that_are_lists_are_joined():
    class Words(Hungry):
        def predict(self, inputs):
            super().predict(inputs)
            return Prediction(outputs=[f"{value:.3f}" for value in inputs[:, 0].tolist()])

    precision = choose_precision("fp32", torch.device("cpu"))
    roomy, narrow = (
        predict_all(Words(room=room), held_out(), precision=precision) for room in (99, 6)
    )
    assert roomy.prediction.outputs == narrow.prediction.outputs


def test_one_example_that_can_not_be_judged():
    precision = choose_precision("fp32", torch.device("cpu"))
    with pytest.raises(OutOfMemory, match="judged one at a time"):
        validate(Hungry(room=0), held_out, precision=precision)


# --- for real -------------------------------------------------------------------------------------

CHILD = """
import json, resource, sys, warnings
import torch
from torch import nn
from contract_kit import batch, train
from netwright.methods.base import Loss, Method, Phase, Prediction

class Wide(Method):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(*[m for _ in range(8) for m in (nn.Linear(16, 16), nn.Tanh())])
    def phases(self, stage):
        return (Phase(name="main", optimizers=("main",), loss=self.loss),)
    def loss(self, batch):
        return Loss(total=self.net(batch.inputs).square().sum(), count=len(batch))
    def predict(self, inputs):
        return Prediction(outputs=self.net(inputs))

def trained(count):
    method = Wide()
    data = [batch(torch.randn(count, 16, generator=torch.Generator().manual_seed(1)))]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        train(method, data, optimizer={"name": "sgd", "learning_rate": 0.1})
    gradient = torch.cat([p.grad.flatten() for p in method.parameters()])
    return gradient, [str(one.message) for one in said]

COUNT = 120_000  # 8 MB a layer, 120 MB a graph
trained(1000)
whole, nothing = trained(COUNT)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 80_000_000,) * 2)
cut, said = trained(COUNT)
apart = float((cut - whole).abs().max() / whole.abs().max())
print(json.dumps({"before": nothing, "said": said, "apart": apart}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space as Linux does")
def test_a_processor_without_memory_goes_on_in_pieces():
    here = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-c", CHILD], capture_output=True, text=True, check=False, timeout=120,
        env={"PYTHONPATH": f"{here}:{here.parent / 'src'}", "OMP_NUM_THREADS": "1", "PATH": "",
             "MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "1000000"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["before"] == []
    assert 1 <= len(found["said"]) <= 3
    assert "Memory gave out in phase main of step 0" in found["said"][0]
    assert found["apart"] < 1e-5  # a hundred thousand summands in another order
