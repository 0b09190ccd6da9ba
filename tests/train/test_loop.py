"""The loop's plan: stages, epochs, steps, and what each phase is given."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from contract_kit import Listed, batch, loop_of
from netwright._errors import BadValue
from netwright.methods.base import Loss, Method, Phase, Prediction, Stage, trained
from netwright.train.control import Observer

SGD = {"name": "sgd", "learning_rate": 0.05}


class Planned(Method):
    """Notes which batch each phase was given."""

    def __init__(self, stages=None, *, few=1, many=1, optimizers=("main",)):
        super().__init__()
        torch.manual_seed(1)
        self.net = nn.Linear(2, 1)
        self.plan = (Stage(),) if stages is None else stages
        self.few, self.many, self.named = few, many, optimizers
        self.seen = []

    def stages(self):
        return self.plan

    def phases(self, stage):
        if stage.name == "idle":
            return ()
        return (
            Phase(name="few", optimizers=self.named, loss=self.noting("f"), batches=self.few),
            Phase(name="many", optimizers=("main",), loss=self.noting("m"), batches=self.many),
        )

    def noting(self, mark):
        def loss(batch):
            self.seen.append(f"{mark}{int(batch.index[0])}")
            return Loss(total=self.net(batch.inputs).square().sum(), count=len(batch))

        return loss

    def parameter_groups(self, stage):
        return {"main": [trained(self.net)]}

    def predict(self, inputs):
        return Prediction(outputs=self.net(inputs))


def listed(count, *, first=0):
    torch.manual_seed(2)
    one = [batch(torch.randn(3, 2)) for _ in range(count)]
    return Listed([type(b)(b.inputs, None, torch.full((3,), first + n)) for n, b in enumerate(one)])


class Endless(Listed):
    length = None

    def __init__(self, count):
        super().__init__(listed(count).batches)
        self.length = None


def test_a_step_draws_what_its_hungriest_phase_takes():
    method = Planned(few=1, many=3)
    loop = loop_of(method, listed(7), optimizer=SGD, epochs=2)
    loop.run()
    step = ["f0", "m0", "m1", "m2", "f3", "m3", "m4", "m5"]  # the seventh has no fellows
    assert method.seen == step * 2
    assert loop.counters.step == 4


def test_stages_have_sources_and_lengths_of_their_own():
    stages = (
        Stage(name="a", source="left", epochs=2),
        Stage(name="b", source="right", steps=3),
        Stage(name="c", source="left"),
    )
    method = Planned(stages)
    sources = {"left": listed(2), "right": Endless(5)}
    loop_of(method, sources, optimizer=SGD, epochs=1).run()
    assert [mark for mark in method.seen if mark[0] == "f"] == [
        *("f0", "f1", "f0", "f1"),
        *("f0", "f1", "f2"),
        *("f0", "f1"),
    ]


def test_an_average_begins_anew_with_each_stage():
    class Copying(Planned):
        def begin(self):
            with torch.no_grad():
                self.net.weight.fill_(100.0)

    method = Copying()
    method.plan = (Stage(name="a", epochs=5), Stage(name="b", steps=1, begin=method.begin))
    loop = loop_of(method, listed(4), optimizer={**SGD, "learning_rate": 1e-9}, ema_decay=0.999)
    loop.run()
    # what the first stage came to has no part in it
    torch.testing.assert_close(method.net.weight, torch.full((1, 2), 100.0), rtol=1e-4, atol=0)


def test_learning_rates_begin_anew_with_each_stage():
    rates = []

    class Notes(Observer):
        def stepped(self, view):
            rates.append(view.learning_rates["main"])

    loop_of(
        Planned((Stage(name="a"), Stage(name="b"))),
        listed(4),
        optimizer=SGD,
        loop={"observers": (Notes(),), "schedule": lambda step, steps: 1 - step / steps},
    ).run()
    assert rates == pytest.approx([0.05, 0.0375, 0.025, 0.0125] * 2)


@pytest.mark.parametrize(
    ("method", "source", "sentence"),
    [
        (Planned((Stage(source="tarin"),)), listed(2), "Did you mean train"),
        (Planned(), Endless(3), "steps must be given for a source without an end"),
        (Planned(many=5), listed(4), "small enough for 5 batches an epoch, got .*4 batches"),
        (Planned((Stage(name="idle"),)), listed(2), "stage idle must be given phases or"),
        (
            Planned(optimizers=("main", "mian")),
            listed(2),
            r"each optimizer of parameter_groups \(main\), got phases=\['main', 'mian'\]",
        ),
        (
            Planned((Stage(fit=lambda stream: None),)),
            Endless(2),
            "source must be of known length for a closed form",
        ),
    ],
)
def test_plans_that_cannot_be_carried_out(method, source, sentence):
    with pytest.raises(BadValue, match=sentence):
        loop_of(method, source, optimizer=SGD).run()


def test_pictures_are_laid_out_for_the_fast_kernels():
    class Convolving(Planned):
        def __init__(self):
            super().__init__()
            self.net = nn.Conv2d(2, 3, 3)

    method = Convolving()
    values = method.net.weight.detach().clone()
    loop_of(method, listed(2), optimizer=SGD)
    assert method.net.weight.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(method.net.weight, values)


def test_a_stage_of_no_epochs_takes_no_step():
    method = Planned((Stage(name="off", epochs=0), Stage(name="on", epochs=1)))
    loop = loop_of(method, listed(2), optimizer=SGD, epochs=3)
    loop.run()
    assert loop.counters.step == 2
    assert loop.counters.stage == 2
