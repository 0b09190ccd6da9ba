"""Two processes learn what one does from the same global batches."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from contract_kit import loop_of
from netwright.data.augment.compose import Augment
from netwright.data.dataset import InMemory
from netwright.data.streams.in_memory import InMemorySource
from netwright.methods.base import Loss, Method, Phase, Prediction, Stage, trained
from netwright.train.control import (
    ClipGradients,
    Controller,
    Observer,
    RollBack,
    SetLearningRate,
)
from netwright.train.distribute.processes import Alone

GENERATOR = torch.Generator().manual_seed(3)
PICTURES = torch.randint(0, 256, (50, 3, 8, 8), dtype=torch.uint8, generator=GENERATOR)
ROWS = torch.randn(50, 6, generator=GENERATOR)
CLASSES = torch.randint(0, 3, (50,), generator=GENERATOR)
# most of what counts lies with few examples, so that the halves of a batch count very differently
WEIGHT = torch.rand(50, generator=GENERATOR) ** 6 * 10


class Losses(Observer):
    """What the record would be told."""

    def __init__(self):
        self.seen, self.norms, self.terms = [], [], []

    def phase_done(self, view, *, phase, streams, outcome):
        self.seen.append(float(outcome.mean))
        self.norms.append(float(outcome.gradient_norm))
        self.terms.append({name: float(value) for name, value in outcome.loss.terms.items()})


class Scaled(nn.Module):
    def forward(self, raw):
        return raw.float() / 128 - 1


class Classifier(Method):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def phases(self, stage):
        return (Phase(name="main", optimizers=("main",), loss=self.loss),)

    def loss(self, batch):
        each = F.cross_entropy(self.net(batch.inputs), batch.targets, reduction="none")
        terms = {"mean": each.detach().mean()}
        if batch.weight is None:
            return Loss(total=each.sum(), count=len(batch), terms=terms)
        return Loss(total=(each * batch.weight).sum(), count=batch.weight.sum(), terms=terms)

    def predict(self, inputs):
        return Prediction(outputs=self.net(inputs).argmax(1))


def mlp():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 3))


def cnn():
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.GroupNorm(2, 8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32, 3),
    )  # fmt: skip


def rows(weight=None):
    return InMemorySource(
        InMemory(ROWS), CLASSES, index=torch.arange(50), batch_size=8, seed=0,
        preprocess=nn.Identity(), weight=weight,
    )  # fmt: skip


def pictures():
    augment = Augment([{"name": "flip"}, {"name": "shift"}], seed=0)
    return InMemorySource(
        InMemory(PICTURES), CLASSES, index=torch.arange(50), batch_size=8, seed=0,
        preprocess=Scaled(), augment=augment,
    )  # fmt: skip


ADAM = {"name": "adam", "learning_rate": 3e-3}


def learned(processes, method, source, **options):
    """Losses, norms, weights and terms after some epochs of seven batches of 7 or 8."""
    losses = Losses()
    options = {"optimizer": ADAM, "epochs": 3, **options}
    loop = loop_of(method, source, loop={"observers": (losses,), "processes": processes}, **options)
    loop.run()
    return losses.seen, losses.norms, dict(method.state_dict()), losses.terms


def with_mlp(processes, options):
    return learned(processes, Classifier(mlp()), rows(), **options)


def with_cnn(processes, options):
    return learned(processes, Classifier(cnn()), pictures(), **options)


def with_weights(processes, options):
    return learned(processes, Classifier(mlp()), rows(WEIGHT), **options)


def close(ranks, alone, tolerance=1e-6):
    losses, norms, weights, _ = ranks[0]
    assert len(losses) == len(alone[0])
    assert losses == pytest.approx(alone[0], rel=tolerance, abs=tolerance)
    assert norms == pytest.approx(alone[1], rel=1e-5, abs=tolerance)
    for name, value in alone[2].items():
        torch.testing.assert_close(weights[name], value, rtol=2e-5, atol=tolerance * 5)
    for other in ranks[1:]:
        assert all(torch.equal(other[2][name], value) for name, value in weights.items())


SGD = {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9}


@pytest.mark.parametrize("learn", [with_mlp, with_cnn, with_weights])
@pytest.mark.parametrize(
    "options",
    [{}, {"optimizer": SGD}, {"micro_batch_size": 3}, {"clip_norm": 0.1, "clip_value": 0.02}],
    ids=["adam", "sgd", "micro-batches", "clipped"],
)
def test_two_processes_learn_what_one_learns(ranks, learn, options):
    alone = learn(Alone(), options)
    assert len(alone[0]) == 21
    close(ranks.run(learn, options), alone)


class Averaging(Classifier):
    """The wrong way: each process takes the mean over its own part, as if the parts were alike."""

    def loss(self, batch):
        given = super().loss(batch)
        return Loss(total=given.total / given.count * len(batch), count=len(batch))


def averaging(processes, options):
    return learned(processes, Averaging(mlp()), rows(WEIGHT), **options)


def test_an_average_over_processes_would_show(ranks):
    alone, wrong = averaging(Alone(), {}), ranks.run(averaging, {})
    with pytest.raises(AssertionError):
        close(wrong, alone)
    assert max(abs(a - b) for a, b in zip(wrong[0][0], alone[0], strict=True)) > 1e-2


def test_terms_are_means_over_the_processes(ranks):
    alone, both = with_mlp(Alone(), {}), ranks.run(with_mlp, {})
    evens = [place for place in range(21) if place % 7 == 0]  # batches of eight: halves alike
    for place in evens:
        assert both[0][3][place]["mean"] == pytest.approx(alone[3][place]["mean"], rel=1e-5)


class Gan(Method):
    """Two optimisers; its noise is a function of the examples, not of the generators."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.generator = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 6))
        self.discriminator = nn.Sequential(nn.Linear(6, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))

    def phases(self, stage):
        return (
            Phase(name="discriminator", optimizers=("d",), loss=self.discriminate, batches=2),
            Phase(name="generator", optimizers=("g",), loss=self.generate),
        )

    def parameter_groups(self, stage):
        return {"g": [trained(self.generator)], "d": [trained(self.discriminator)]}

    def made(self, batch):
        return self.generator((batch.index[:, None] * torch.arange(1, 7) * 0.37).sin())

    def discriminate(self, batch):
        real = self.discriminator(batch.inputs)
        fake = self.discriminator(self.made(batch).detach())
        return Loss(total=bce(real, 1.0) + bce(fake, 0.0), count=len(batch))

    def generate(self, batch):
        return Loss(total=bce(self.discriminator(self.made(batch)), 1.0), count=len(batch))

    def predict(self, inputs):
        return Prediction(outputs=self.generator(inputs))


def bce(logits, wanted):
    return F.binary_cross_entropy_with_logits(
        logits, torch.full_like(logits, wanted), reduction="sum"
    )


def with_gan(processes, options):
    return learned(processes, Gan(), rows(), **options)


class TwoStages(Method):
    """Learns an encoder, copies it, and fits the copy with the first one frozen."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.first, self.second = nn.Linear(6, 8), nn.Linear(6, 8)
        self.head = nn.Linear(8, 3)

    def stages(self):
        return Stage(name="learn"), Stage(name="adapt", epochs=2, begin=self.copy)

    def copy(self):
        self.second.load_state_dict(self.first.state_dict())
        self.first.requires_grad_(False)
        nn.init.normal_(self.head.bias)  # another in each process, if nobody looks after it

    def phases(self, stage):
        loss = self.learn if stage.name == "learn" else self.adapt
        return (Phase(name=stage.name, optimizers=("main",), loss=loss),)

    def parameter_groups(self, stage):
        nets = (self.first, self.head) if stage.name == "learn" else (self.second, self.head)
        return {"main": [trained(*nets)]}

    def learn(self, batch):
        total = F.cross_entropy(self.head(self.first(batch.inputs)), batch.targets, reduction="sum")
        return Loss(total=total, count=len(batch))

    def adapt(self, batch):
        gap = (self.second(batch.inputs) - self.first(batch.inputs)).square().sum()
        pull = self.head(self.second(batch.inputs)).square().sum()
        return Loss(total=gap + 0.1 * pull, count=torch.tensor(2.0 * len(batch)))

    def predict(self, inputs):
        return Prediction(outputs=self.head(self.second(inputs)).argmax(1))


def with_two_stages(processes, options):
    return learned(processes, TwoStages(), rows(), **options)


def with_doubles(processes, options):
    """In 64 bits: a line search carries differences in the last of 32 on and on."""
    source = rows()
    source._samples = InMemory(ROWS.double())
    return learned(processes, Classifier(mlp().double()), source, **options)


LBFGS = {
    "name": "lbfgs", "learning_rate": 0.5, "max_iter": 4, "line_search_fn": "strong_wolfe",
}  # fmt: skip


NEWTON = {"name": "truncated-newton", "learning_rate": 1.0, "cg_iterations": 5}


@pytest.mark.parametrize(
    ("learn", "options", "tolerance"),
    [
        (with_gan, {}, 1e-6),
        (with_two_stages, {}, 1e-6),
        (with_two_stages, {"micro_batch_size": 3}, 1e-6),
        (with_doubles, {"optimizer": LBFGS, "epochs": 1}, 1e-9),
        (with_doubles, {"optimizer": NEWTON, "epochs": 1}, 1e-8),
        (with_doubles, {"optimizer": NEWTON, "epochs": 1, "micro_batch_size": 4}, 1e-8),
        (with_mlp, {"ema_decay": 0.9}, 1e-6),
        (with_mlp, {"noise_eta": 0.3}, 1e-5),
    ],
    ids=[
        *("gan", "two-stages", "two-stages-in-pieces", "lbfgs"),
        *("newton", "newton-in-pieces", "averaged", "noise"),
    ],
)
def test_other_methods_too(ranks, learn, options, tolerance):
    close(ranks.run(learn, options), learn(Alone(), options), tolerance)


class Partly(Method):
    """Parameters that some batches, some processes, or nobody uses; a part that counts nothing."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.low, self.high = nn.Linear(6, 3), nn.Linear(6, 3)
        self.idle = nn.Linear(6, 3)

    def phases(self, stage):
        return (Phase(name="main", optimizers=("main",), loss=self.loss),)

    def loss(self, batch):
        low = batch.index < 25
        total, count = torch.zeros(()), 0
        for part, chosen in ((self.low, low & (batch.index % 3 == 0)), (self.high, ~low)):
            if chosen.any():
                logits = part(batch.inputs[chosen])
                total = total + F.cross_entropy(logits, batch.targets[chosen], reduction="sum")
                count += int(chosen.sum())
        return Loss(total=total, count=count)

    def predict(self, inputs):
        return Prediction(outputs=self.low(inputs))


DECAYING = {"name": "adamw", "learning_rate": 0.05, "weight_decay": 0.5}


def with_partly(processes, options):
    source = InMemorySource(
        InMemory(ROWS), CLASSES, index=torch.arange(50), batch_size=4, seed=0,
        preprocess=nn.Identity(),
    )  # fmt: skip
    return learned(processes, Partly(), source, optimizer=DECAYING, **options)


def test_parameters_that_not_every_process_uses(ranks):
    """With weight decay a gradient of zeros would not do where there is none at all."""
    alone = with_partly(Alone(), {})
    assert torch.equal(alone[2]["idle.weight"], Partly().idle.weight)
    close(ranks.run(with_partly, {}), alone)


class Poisoned(Classifier):
    def loss(self, batch):
        given = super().loss(batch)
        bad = (batch.index == 17).any()
        return Loss(total=given.total * (float("nan") if bad else 1.0), count=given.count)


def with_poison(processes, options):
    seen = learned(processes, Poisoned(mlp()), rows(), **options)
    return seen[0], seen[2]


def test_an_update_that_is_not_finite_on_one_process_is_left_out_by_all(ranks):
    losses, weights = with_poison(Alone(), {})
    both = ranks.run(with_poison, {})
    assert sum(loss != loss for loss in losses) == 3
    assert [loss != loss for loss in both[0][0]] == [loss != loss for loss in losses]
    for name, value in weights.items():
        torch.testing.assert_close(both[0][1][name], value, rtol=1e-5, atol=1e-6)
        assert torch.equal(both[0][1][name], both[1][1][name])


def closed_form(processes):
    class Mean(Method):
        def __init__(self):
            super().__init__()
            self.mean = nn.Parameter(torch.zeros(6))

        def stages(self):
            return (Stage(fit=self.fit),)

        def phases(self, stage):
            return ()

        def fit(self, stream):
            inputs = torch.cat([batch.inputs for batch in stream])
            self.mean.data = inputs.mean(0)

        def predict(self, inputs):
            return Prediction(outputs=inputs)

    method = Mean()
    loop_of(method, rows(), optimizer=SGD, loop={"processes": processes}).run()
    return method.mean.detach()


def test_a_closed_form_sees_everything(ranks):
    for mean in ranks.run(closed_form):
        torch.testing.assert_close(mean, ROWS.mean(0))


class Freezing(Gan):
    """Freezes the discriminator while the generator learns, which comes first."""

    def phases(self, stage):
        return tuple(reversed(super().phases(stage)))

    def discriminate(self, batch):
        self.discriminator.requires_grad_(True)
        return super().discriminate(batch)

    def generate(self, batch):
        self.discriminator.requires_grad_(False)
        return super().generate(batch)


def with_freezing(processes, options):
    return learned(processes, Freezing(), rows(), **options)


def test_a_loss_may_freeze_and_thaw(ranks):
    close(ranks.run(with_freezing, {}), with_freezing(Alone(), {}))


class Idle(Classifier):
    def loss(self, batch):
        return Loss(total=torch.zeros((), requires_grad=True), count=len(batch))


def with_nothing_to_learn(processes, options):
    return learned(processes, Idle(mlp()), rows(), **options)


def test_where_nothing_has_a_gradient_there_is_nothing_to_clip(ranks):
    options = {"clip_norm": 0.1, "clip_value": 0.2}
    close(ranks.run(with_nothing_to_learn, options), with_nothing_to_learn(Alone(), options))


def listening(world):
    method = TwoStages()
    learned(world, method, rows())
    return [bool(one._post_accumulate_grad_hooks) for one in method.parameters()]


def test_nothing_listens_to_the_parameters_afterwards(ranks):
    assert not any(map(any, ranks.run(listening)))


KINDS = [torch.bool, torch.int16, torch.int64, torch.bfloat16, torch.complex64]


def spread(world):
    method = nn.Module()
    for kind in KINDS:
        value = torch.full((2, 3), 1 - world.share.rank).to(kind)
        method.register_buffer(str(kind).replace(".", "_"), value.T)
    method.register_buffer("none", torch.zeros(0))
    method.register_buffer("number", torch.tensor(1 - world.share.rank))
    world.begin(method)
    return [bool((buffer == 1).all()) for buffer in method.buffers()]


def test_buffers_of_any_kind_begin_as_the_first_has_them(ranks):
    assert ranks.run(spread) == [[True] * (len(KINDS) + 2)] * 2


class Asks(Controller):
    """Asks in the first process alone: the others are told what it decided."""

    name = "asks"
    owns = frozenset({ClipGradients, RollBack, SetLearningRate})

    def __init__(self):
        self.commands = {
            4: SetLearningRate(optimizer="main", factor=0.5),
            11: RollBack(step=9),
            16: ClipGradients(norm=0.01),
        }

    def after_step(self, view):
        return [self.commands.pop(view.step)] if view.step in self.commands else []


def with_commands(processes, options):
    losses, method = Losses(), Classifier(mlp())
    people = {"observers": (losses,), "controllers": (Asks(),), "processes": processes}
    loop_of(method, rows(), optimizer=ADAM, epochs=3, ring=2, loop=people, **options).run()
    return losses.seen, losses.norms, dict(method.state_dict()), losses.terms


def test_commands_are_carried_out_by_all(ranks):
    alone = with_commands(Alone(), {})
    assert len(alone[0]) == 25  # four steps were taken twice
    close(ranks.run(with_commands, {}), alone)
