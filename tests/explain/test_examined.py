"""A model is left as it was, whatever happened meanwhile."""

from __future__ import annotations

import copy
import threading
import time

import pytest
import torch
from torch import nn

from netwright import explain
from netwright._errors import BadType, BadValue
from netwright.explain.inside.examined import examined


class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))
        self.register_buffer("last", torch.zeros(3))
        self.inner = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))

    def forward(self, x):
        self.calls += 1
        self.last = x.detach().mean(0)
        return self.inner(x) + nn.functional.dropout(x, 0.5, training=True)


@pytest.fixture
def model():
    return Counting().train()


def state_of(model):
    return (
        copy.deepcopy(model.state_dict()),
        [module.training for module in model.modules()],
        [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()],
        torch.get_rng_state(),
    )


def assert_same(before, after):
    assert before[0].keys() == after[0].keys()
    assert all(torch.equal(before[0][key], after[0][key]) for key in before[0])
    assert before[1:3] == after[1:3]
    assert torch.equal(before[3], after[3])


def test_modes_buffers_and_random_state_are_put_back(model):
    model.inner[1].eval()
    before = state_of(model)
    with examined(model) as opened:
        assert not any(module.training for module in opened.modules())
        opened(torch.randn(4, 3))
    assert_same(before, state_of(model))


def test_after_an_exception_too(model):
    before = state_of(model)
    with pytest.raises(RuntimeError), examined(model) as opened:
        opened(torch.randn(4, 5))
    assert_same(before, state_of(model))


def test_a_compiled_model_is_opened_and_runs_uncompiled(model):
    compiled = torch.compile(model, backend="eager")
    seen = []
    with examined(compiled) as opened:
        assert opened is model
        handle = opened.inner[0].register_forward_hook(lambda *_: seen.append(1))
        compiled(torch.ones(2, 3))
        handle.remove()
    assert seen == [1]


@pytest.mark.parametrize("block", [torch.no_grad, torch.inference_mode])
def test_gradients_are_at_hand_where_the_caller_has_none(block):
    model = nn.Linear(3, 2)
    with block(), examined(model) as opened:
        given = torch.ones(1, 3, requires_grad=True)
        assert opened(given).requires_grad


def test_what_is_no_module_is_refused():
    refused = pytest.raises(BadType, match=r"model must be a torch\.nn\.Module, got model='func")
    with refused, examined(lambda x: x):
        pass


def test_buffers_that_are_shared_or_come_anew_or_are_written_past_autograd():
    class Writing(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two, shared = nn.Module(), nn.Module(), torch.zeros(3)
            self.one.register_buffer("last", shared)
            self.two.register_buffer("last", shared)
            self.register_buffer("cache", None)

        def forward(self, x):
            self.one.last.data += 1
            self.two.last = x.detach()
            self.cache = torch.ones(2)
            self.register_buffer("new", torch.ones(2))
            return x

    model = Writing()
    shared = model.one.last
    with examined(model) as opened:
        opened(torch.randn(1, 3))
    assert model.one.last is model.two.last is shared
    assert torch.equal(shared, torch.zeros(3))
    assert model.cache is None
    assert "new" not in model._buffers


def test_a_lazy_model_is_refused_and_stays_lazy():
    model = nn.Sequential(nn.LazyLinear(3))
    with pytest.raises(BadValue, match="Run it once on inputs"), examined(model):
        pass
    assert model[0].has_uninitialized_params()


@pytest.mark.filterwarnings(
    "ignore:.torch.jit:FutureWarning", "ignore:.torch.jit:DeprecationWarning"
)
@pytest.mark.parametrize("kind", ["script", "trace", "freeze"])
def test_scripted_models(kind):
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2)).eval()
    inputs = torch.randn(2, 3)
    expected = explain.gradient(model, inputs, target=1)
    scripted = torch.jit.trace(model, inputs) if kind == "trace" else torch.jit.script(model)
    if kind == "freeze":
        scripted = torch.jit.freeze(scripted)
    else:
        scripted.train()
    found = explain.gradient(scripted, inputs, target=1)
    assert torch.allclose(found, expected, atol=1e-6)
    assert getattr(scripted, "training", True)


def test_two_threads_do_not_undo_each_other():
    class Slow(nn.Linear):
        def forward(self, x):
            seen.append(self.training)
            time.sleep(0.02)
            return super().forward(x)

    seen, model, inputs = [], Slow(3, 2).train(), torch.randn(1, 3)

    def explained(samples):
        explain.smoothgrad(model, inputs, samples=samples, batch_size=1)

    threads = [threading.Thread(target=explained, args=(samples,)) for samples in (2, 5)]
    for thread in threads:
        thread.start()
        time.sleep(0.01)
    for thread in threads:
        thread.join()
    assert not any(seen)
    assert model.training
