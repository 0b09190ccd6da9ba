"""One update: what is left out, clipped, scaled and cast."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from contract_kit import batch, loop_of
from netwright._errors import BadType, BadValue, NonFinite
from netwright.methods.base import Loss, Method, Phase, Prediction
from netwright.train.aim import Clipping
from netwright.train.control import Observer
from netwright.train.optimizers.build import build_optimizer
from netwright.train.precision import Precision, choose_precision
from netwright.train.update import Updater

CPU = torch.device("cpu")


class Regression(Method):
    """A small network with running statistics; the targets may hold anything."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.net = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 1))
        self.seen_dtype = None

    def phases(self, stage):
        return (Phase(name="fit", optimizers=("main",), loss=self.loss),)

    def loss(self, batch):
        predicted = self.net(batch.inputs)
        self.seen_dtype = predicted.dtype
        total = F.mse_loss(predicted.float(), batch.targets, reduction="sum")
        return Loss(total=total, count=len(batch))

    def predict(self, inputs):
        return Prediction(outputs=self.net(inputs))


def batches(count=4, *, spoilt=()):
    torch.manual_seed(2)
    made = []
    for place in range(count):
        x = torch.randn(8, 3)
        if place in spoilt:
            x[3, 1] = math.nan
        made.append(batch(x, 3 * x.nan_to_num().sum(1, keepdim=True)))
    return made


def updater(method, *, name="adam", precision=None, scaler=None, clipping=None, **options):
    groups = method.parameter_groups(None)["main"]
    options = {"learning_rate": 0.01, **options}
    optimizer = build_optimizer(groups, name=name, **options)
    return Updater(
        method,
        {"main": optimizer},
        precision=precision or Precision("fp32", "cpu"),
        clipping=clipping,
        scaler=scaler,
    )


def state_of(method, optimizer):
    flat = [value.clone() for value in method.state_dict().values()]
    for values in optimizer.state_dict()["state"].values():
        flat += [torch.as_tensor(value).clone() for value in values.values()]
    return flat


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("name", ["adam", "sgd", "lookahead-nesterov"])
def test_a_gradient_that_is_not_finite_changes_nothing(bad, name):
    method = Regression()
    update = updater(method, name=name)
    (phase,) = method.phases(None)
    assert update.run(phase, batches()[0]).applied
    optimizer = update.optimizers["main"]
    before = state_of(method, optimizer)
    spoilt = batches()[1]
    spoilt.inputs[0, 0] = bad
    assert not update.run(phase, spoilt).applied
    after = state_of(method, optimizer)
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))
    assert update.run(phase, batches()[2]).applied
    assert not torch.equal(state_of(method, optimizer)[0], before[0])


@pytest.mark.parametrize("earlier", [0, 2])
def test_an_lbfgs_step_that_is_not_finite_is_undone(earlier):
    method = Regression()
    update = updater(method, name="lbfgs", learning_rate=0.5, max_iter=3)
    (phase,) = method.phases(None)
    data = batches(5)
    for one in data[:earlier]:
        assert update.run(phase, one).applied
    twin = Regression()
    twin_update = updater(twin, name="lbfgs", learning_rate=0.5, max_iter=3)
    for one in data[:earlier]:
        twin_update.run(phase_of(twin), one)
    spoilt = batches(1, spoilt=(0,))[0]
    assert not update.run(phase, spoilt).applied
    for one in data[2:]:  # goes on as if the spoilt batch had never been, its memory too
        assert update.run(phase, one).applied
        assert twin_update.run(phase_of(twin), one).applied
    for value, wanted in zip(method.state_dict().values(), twin.state_dict().values(), strict=True):
        assert torch.equal(value, wanted)


def phase_of(method):
    (phase,) = method.phases(None)
    return phase


class Count(Observer):
    def __init__(self):
        self.skipped, self.ended_with = [], []

    def stepped(self, view):
        self.skipped.append(view.skipped_updates)

    def ended(self, view, *, ended):
        self.ended_with.append(ended)


ADAM = {"name": "adam", "learning_rate": 0.01}


def test_left_out_updates_are_counted_and_do_not_last():
    count, method = Count(), Regression()
    loop = loop_of(method, batches(6, spoilt=(1, 4)), optimizer=ADAM, loop={"observers": (count,)})
    loop.run()
    assert count.skipped == [0, 1, 1, 1, 2, 2]
    hand = Regression()
    optimizer = torch.optim.Adam(hand.parameters(), lr=0.01, fused=True)
    for place, one in enumerate(batches(6)):
        if place not in (1, 4):
            optimizer.zero_grad()
            (hand.loss(one).total / len(one)).backward()
            optimizer.step()
    for name, value in method.state_dict().items():
        assert torch.equal(value, hand.state_dict()[name]), name


def test_the_run_is_given_up_after_so_many_in_a_row():
    count = Count()
    loop = loop_of(
        Regression(),
        batches(9, spoilt=(1, 3, 4, 5, 6)),
        optimizer=ADAM,
        loop={"observers": (count,)},
        skipped_limit=3,
    )
    with pytest.raises(NonFinite, match=r"3 updates in a row up to step 5 \(phase fit, loss nan"):
        loop.run()
    assert [ended.reason for ended in count.ended_with] == ["non-finite"]
    lasting = loop_of(
        Regression(), batches(9, spoilt=(1, 3, 4, 5, 6)), optimizer=ADAM, skipped_limit=5
    )
    assert lasting.run().reason == "finished"


@pytest.mark.parametrize(("norm", "value"), [(0.5, None), (None, 0.02), (0.5, 0.02), (1e6, None)])
def test_clipping_is_that_of_torch(norm, value):
    method, hand = Regression(), Regression()
    update = updater(method, name="sgd", clipping=Clipping(norm=norm, value=value))
    one = batches()[0]
    outcome = update.run(phase_of(method), one)
    (hand.loss(one).total / len(one)).backward()
    before = torch.nn.utils.get_total_norm([p.grad for p in hand.parameters()])
    assert torch.equal(outcome.gradient_norm, before)
    if value is not None:
        torch.nn.utils.clip_grad_value_(hand.parameters(), value)
    if norm is not None:
        clipped = torch.nn.utils.get_total_norm([p.grad for p in hand.parameters()])
        torch.nn.utils.clip_grads_with_norm_(hand.parameters(), norm, clipped)
    for ours, wanted in zip(method.parameters(), hand.parameters(), strict=True):
        assert torch.equal(ours.grad, wanted.grad)


@pytest.mark.parametrize("bound", [{"norm": 0.0}, {"value": -1.0}, {"norm": math.nan}])
def test_clipping_bounds_are_above_zero(bound):
    with pytest.raises(BadValue, match=f"clip_{next(iter(bound))} must be above 0"):
        Clipping(**bound)


@pytest.mark.parametrize("name", ["adam", "sgd", "rmsprop"])
def test_scaling_leaves_the_gradient_what_it_is(name):
    plain, scaled = Regression(), Regression()
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    clipping = Clipping(norm=0.5)
    updates = (
        updater(plain, name=name, clipping=clipping),
        updater(scaled, name=name, scaler=scaler, clipping=clipping),
    )
    for one in batches():
        outcomes = [u.run(phase_of(m), one) for u, m in zip(updates, (plain, scaled), strict=True)]
        assert torch.equal(outcomes[0].gradient_norm, outcomes[1].gradient_norm)
        assert torch.equal(outcomes[0].mean, outcomes[1].mean)
    for ours, wanted in zip(scaled.parameters(), plain.parameters(), strict=True):
        assert torch.equal(ours, wanted)  # powers of two round nothing


def test_a_scale_that_overflows_is_halved_and_the_update_left_out():
    method = Regression()
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127)
    update = updater(method, name="sgd", scaler=scaler)
    before = [p.detach().clone() for p in method.parameters()]
    assert not update.run(phase_of(method), batches()[0]).applied
    assert all(torch.equal(p, b) for p, b in zip(method.parameters(), before, strict=True))
    assert scaler.get_scale() == 2.0**126


@pytest.mark.parametrize(
    ("name", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)]
)
def test_autocast_is_that_of_torch(name, dtype):
    precision = choose_precision(name, CPU)
    method, hand = Regression(), Regression()
    scaler = precision.scaler()
    assert (scaler is not None) is (name == "fp16")
    if scaler is not None:  # the usual first scale is found too large for this net, and halved
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**8)
    update = updater(method, name="sgd", precision=precision, scaler=scaler)
    one = batches()[0]
    assert update.run(phase_of(method), one).applied
    assert method.seen_dtype is dtype
    with torch.autocast("cpu", dtype=dtype, enabled=name != "fp32"):
        total = hand.loss(one).total
    scale = 2.0**8 if name == "fp16" else 1.0
    (total / len(one) * scale).backward()
    for ours, wanted in zip(method.parameters(), hand.parameters(), strict=True):
        assert torch.equal(ours.grad, wanted.grad / scale)
    assert all(p.dtype is torch.float32 for p in method.parameters())


def test_a_loss_is_taken_again_at_full_precision_or_in_bf16():
    scaler = torch.amp.GradScaler("cpu")
    update = updater(Regression(), name="lbfgs", scaler=scaler)
    with pytest.raises(BadValue, match="precision must be fp32 or bf16"):
        update.run(phase_of(update.method), batches()[0])


def test_a_loss_says_its_sum_and_count():
    class Careless(Regression):
        def loss(self, batch):
            return super().loss(batch).total

    update = updater(Careless())
    with pytest.raises(BadType, match=r"loss of phase fit must be a netwright Loss.*Tensor"):
        update.run(phase_of(update.method), batches()[0])


def test_a_batch_in_which_nothing_counts_changes_nothing():
    class Nothing(Regression):
        def loss(self, batch):
            return Loss(total=super().loss(batch).total * 0.0, count=torch.tensor(0))

    method = Nothing()
    before = [value.clone() for value in method.state_dict().values()]
    assert not updater(method).run(phase_of(method), batches()[0]).applied
    after = method.state_dict().values()
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))


class Waning(Observer):
    def __init__(self):
        self.epochs = []

    def epoch_ended(self, view, *, loss, examples, seconds):
        self.epochs.append((loss, view.skipped_updates))


@pytest.fixture
def on_the_device(monkeypatch):
    """The fused kernels of a processor leave updates out as those of a GPU do."""
    monkeypatch.setattr(
        Updater, "_checks_itself", lambda self, phase, *_, **__: phase.name in self._stepped_once
    )


def test_updates_that_the_device_leaves_out_are_counted_at_the_epochs_end(on_the_device):
    seen = []
    for spoilt in ((), (1, 4)):
        count = Waning()
        method = Regression()
        net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))  # no running statistics
        method.net = net
        loop_of(
            method,
            batches(6, spoilt=spoilt),
            optimizer=ADAM,
            loop={"observers": (count,)},
            epochs=2,
        ).run()
        seen.append(count.epochs)
    assert [skipped for _, skipped in seen[0]] == [0, 0]
    assert [skipped for _, skipped in seen[1]] == [2, 4]
    assert all(math.isfinite(loss) for loss, _ in seen[1])


def test_a_run_whose_device_leaves_everything_out_is_given_up_too(on_the_device):
    method, count = Regression(), Count()
    loop = loop_of(
        method,
        batches(6, spoilt=(1, 2, 3, 4, 5)),
        optimizer=ADAM,
        loop={"observers": (count,)},
        epochs=3,
        skipped_limit=5,
    )
    with pytest.raises(NonFinite, match="5 updates in a row"):
        loop.run()
    assert loop.counters.epoch == 0
    assert [ended.reason for ended in count.ended_with] == ["non-finite"]


def test_what_one_phase_left_out_is_no_matter_of_the_next(on_the_device):
    method = Regression()
    update = updater(method)
    first, second = (Phase(name=name, optimizers=("main",), loss=method.loss) for name in "ab")
    good, spoilt = batches(2, spoilt=(1,))
    update.run(first, good)
    update.run(first, spoilt)
    for buffer in method.buffers():
        buffer.nan_to_num_()
    before = method.net[0].weight.detach().clone()
    assert update.run(second, good).applied
    assert not torch.equal(method.net[0].weight, before)


class Halved(Regression):
    """Its total stays in bf16, whose numbers end where a count may begin."""

    def loss(self, batch):
        values = (self.net(batch.inputs) - batch.targets).square().to(torch.bfloat16)
        return Loss(total=values.sum(), count=self.count)


@pytest.mark.parametrize("count", [8, 7, torch.tensor(7), 1_000_001])
@pytest.mark.parametrize("made", [Regression, Halved])
def test_the_gradient_is_that_of_the_total_by_the_count(made, count):
    method, given = made(), batches(1)[0]
    method.count = count
    total = method.loss(given).total / (8 if made is Regression else count)
    wanted = torch.autograd.grad(total, list(method.parameters()))
    method.net[1].reset_running_stats()
    outcome = updater(method, name="sgd").run(method.phases(None)[0], given)
    assert all(
        torch.equal(parameter.grad, one)
        for parameter, one in zip(method.parameters(), wanted, strict=True)
    )
    assert torch.equal(outcome.mean, total)


def test_a_loss_of_each_example_is_refused():
    method, given = Regression(), batches(1)[0]
    method.loss = lambda batch: Loss(total=method.net(batch.inputs).flatten(), count=8)
    with pytest.raises(BadValue, match=r"total of phase fit must be a scalar.*got.*\(8,\)"):
        updater(method).run(method.phases(None)[0], given)


class Places(Method):
    """Learns a number for each example and looks at no input."""

    def __init__(self):
        super().__init__()
        self.numbers = nn.Embedding(4, 1)

    def phases(self, stage):
        return (Phase(name="main", optimizers=("main",), loss=self.loss),)

    def loss(self, batch):
        gaps = self.numbers(batch.index)[:, 0] - batch.targets
        return Loss(total=gaps.square().sum(), count=len(batch))

    def predict(self, inputs):
        return Prediction(outputs=inputs)


def test_inputs_may_be_empty():
    method = Places()
    before = method.numbers.weight.detach().clone()
    data = [batch(torch.zeros(4, 0), torch.arange(4.0))]
    loop_of(method, data, optimizer={"name": "sgd", "learning_rate": 0.1}).run()
    assert not torch.equal(method.numbers.weight, before)
