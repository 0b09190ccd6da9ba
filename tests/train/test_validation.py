"""Validation judges, leaves no trace, and its best moment is what remains."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn

from contract_kit import batch, loop_of, same_bits
from netwright.methods.base import Loss, Method, Phase, Prediction, Stage, evaluating
from netwright.metrics.base import Metric
from netwright.train.control import Observer
from netwright.train.precision import Precision
from netwright.train.selection import Best
from netwright.train.validation import predict_all, validate

SGD = {"name": "sgd", "learning_rate": 0.05}
FP32 = Precision("fp32", "cpu")


class Given(Metric):
    """Scores that were written down beforehand."""

    higher_is_better = True

    def __init__(self, scores):
        self.scores = scores

    def update(self, prediction, targets, *, weight=None):
        pass

    def compute(self):
        return self.scores.pop(0)


class Model(Method):
    def __init__(self, scores=None, *, stages=1):
        super().__init__()
        torch.manual_seed(1)
        self.net = nn.Sequential(
            nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(0.4), nn.Linear(8, 1)
        )
        self.net[1].eval()  # a part that its owner holds in evaluation mode
        self.scores, self.count = scores, stages
        self.modes = set()

    def train(self, mode=True):
        super().train(mode)
        if hasattr(self, "net"):
            self.net[1].eval()
        return self

    def stages(self):
        return tuple(Stage(name=str(number)) for number in range(self.count))

    def phases(self, stage):
        return (Phase(name="learn", optimizers=("main",), loss=self.loss),)

    def loss(self, batch):
        total = (self.net(batch.inputs) - batch.targets).square().sum()
        return Loss(total=total, count=len(batch))

    def predict(self, inputs):
        self.modes.add((self.training, torch.is_grad_enabled()))
        torch.rand(3)  # a prediction may draw
        return Prediction(outputs=self.net(inputs))

    def metrics(self):
        return {} if self.scores is None else {"score": Given(self.scores)}


def batches(count=5):
    torch.manual_seed(2)
    made = []
    for _ in range(count):
        x = torch.randn(6, 3)
        made.append(batch(x, x.sum(1, keepdim=True)))
    return made


def trained(scores, *, validate_every=1, epochs=6, observers=(), **settings):
    method = Model(scores)
    loop = loop_of(
        method,
        batches(),
        optimizer=SGD,
        epochs=epochs,
        validate_every=validate_every,
        loop={"held_out": lambda: batches(2), "observers": observers},
        **settings,
    )
    loop.run()
    return method, loop


def test_validating_more_often_changes_no_bit():
    bare, _ = trained(None)
    for every in (1, 2, 5):
        often, _ = trained([0.0] * 6, validate_every=every, restore_best=False)
        assert same_bits(often, bare)
        assert often.modes == {(False, False)}


def test_modes_and_gradients_are_put_back_after_an_error():
    method = Model([0.0])
    before = {name: part.training for name, part in method.named_modules()}

    def fails():
        with evaluating(method):
            assert not any(part.training for part in method.modules())
            assert not torch.is_grad_enabled()
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        fails()
    assert {name: part.training for name, part in method.named_modules()} == before
    assert torch.is_grad_enabled()


class Weights(Observer):
    def __init__(self):
        self.at = {}

    def epoch_ended(self, view, *, loss, examples, seconds):
        self.at[view.epoch] = copy.deepcopy(view.method.state_dict())


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        ([0.1, 0.5, 0.3, 0.4], 2),
        ([0.1, 0.5, 0.5, 0.4], 3),  # of equals the later
        ([math.nan, 0.1, math.nan, 0.0], 2),
        ([0.1, 0.2, 0.3, 0.4], 4),
    ],
)
def test_the_best_weights_are_put_back(scores, best):
    weights = Weights()
    method, loop = trained(list(scores), epochs=4, observers=(weights,))
    assert loop.best.epoch == best
    for name, value in method.state_dict().items():
        assert torch.equal(value, weights.at[best][name])
    kept, _ = trained(list(scores), epochs=4, restore_best=False)
    for name, value in kept.state_dict().items():
        assert torch.equal(value, weights.at[4][name])


def test_the_best_is_of_the_last_stage():
    weights = Weights()
    method = Model([0.9, 0.8, 0.1, 0.3, 0.2], stages=1)
    method.count = 2
    method.scores = [0.9, 0.8, 0.1, 0.3]
    loop = loop_of(
        method,
        batches(),
        optimizer=SGD,
        epochs=2,
        loop={"held_out": lambda: batches(1), "observers": (weights,)},
    )
    loop.run()
    # else what a later stage does, an adaptation or a fine-tuning, could be thrown away whole
    assert (loop.best.step, loop.best.score) == (20, 0.3)


def test_the_average_is_what_is_judged_and_kept():
    judged = []

    class Watching(Model):
        def predict(self, inputs):
            judged.append(copy.deepcopy(self.net.state_dict()))
            return super().predict(inputs)

    method = Watching([0.1, 0.5, 0.2])
    loop = loop_of(
        method,
        batches(),
        optimizer=SGD,
        epochs=3,
        ema_decay=0.9,
        loop={"held_out": lambda: batches(1)},
    )
    loop.run()
    assert all(torch.equal(value, judged[1][name])
               for name, value in method.net.state_dict().items())  # fmt: skip
    bare, _ = trained(None, epochs=3)
    assert not same_bits(method, bare)


def test_predict_all_joins_what_was_answered():
    method = Model()
    data = batches(3)
    answers = predict_all(method, data, precision=FP32)
    prediction, targets, index = answers.prediction, answers.targets, answers.index
    with evaluating(method):
        wanted = torch.cat([method.predict(one.inputs).outputs for one in data])
    assert torch.equal(prediction.outputs, wanted)
    assert torch.equal(targets, torch.cat([one.targets for one in data]))
    assert index.tolist() == [*range(6)] * 3
    assert prediction.probabilities is None
    judged = Model([0.5])
    state = torch.get_rng_state()
    predict_all(method, data, precision=FP32)
    validate(judged, lambda: data, precision=FP32)
    assert torch.equal(torch.get_rng_state(), state)


def test_best_keeps_its_own_copy():
    weight = torch.ones(2)
    best = Best()
    best.consider(0.5, step=1, epoch=1, weights=lambda: {"weight": weight})
    weight.zero_()
    assert best.weights["weight"].tolist() == [1.0, 1.0]
    best.consider(0.4, step=2, epoch=2, weights=lambda: {"weight": weight})
    assert (best.step, best.weights["weight"].tolist()) == (1, [1.0, 1.0])
