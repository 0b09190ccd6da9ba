"""The law of the noise, where its numbers come from, and that a run goes on with them."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats
from torch import nn

from contract_kit import batch
from netwright._errors import BadValue
from netwright.methods.base import Loss, Method, Phase, Prediction
from netwright.train.aim import Clipping
from netwright.train.gradient_noise import GradientNoise
from netwright.train.optimizers.build import build_optimizer
from netwright.train.precision import Precision
from netwright.train.update import Updater


def drawn(noise, count, *, step, pieces=1):
    gradients = [torch.zeros(count // pieces) for _ in range(pieces)]
    noise.add(gradients, step=step)
    return torch.cat(gradients)


@pytest.mark.parametrize(("step", "eta", "gamma"), [(0, 0.3, 0.55), (9, 0.3, 0.55), (99, 1.0, 1)])
def test_it_is_normal_with_the_stated_variance(step, eta, gamma):
    count = 100_000
    noise = GradientNoise(seed=3, eta=eta, gamma=gamma)
    values = drawn(noise, count, step=step, pieces=4).double().numpy()
    variance = eta / (1 + step) ** gamma
    assert abs(values.mean()) < 4 * math.sqrt(variance / count)
    assert values.var() == pytest.approx(variance, rel=4 * math.sqrt(2 / count))
    assert stats.kstest(values, "norm", args=(0, math.sqrt(variance))).pvalue > 1e-3
    again = drawn(noise, count, step=step).double().numpy()
    assert abs(stats.pearsonr(values, again).statistic) < 4 / math.sqrt(count)


def test_the_same_row_from_the_same_seed_and_on_from_a_state():
    one, other = GradientNoise(seed=1), GradientNoise(seed=1)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = drawn(one, 50, step=0)
    assert torch.equal(torch.get_rng_state(), before)  # nobody else's numbers
    assert torch.equal(first, drawn(other, 50, step=0))
    assert not torch.equal(first, drawn(GradientNoise(seed=2), 50, step=0))
    state = one.state_dict()
    wanted = drawn(one, 30, step=1)
    later = GradientNoise(seed=1)
    later.load_state_dict(state)
    assert torch.equal(drawn(later, 30, step=1), wanted)


def test_shapes_may_change_between_updates():
    noise = GradientNoise(seed=1, eta=1.0)
    for shapes in ([(2, 3), (4,)], [(5,)], [], [(2, 3), ()]):
        gradients = [torch.zeros(shape) for shape in shapes]
        noise.add(gradients, step=0)
        assert all(gradient.abs().min() > 0 for gradient in gradients)


class Flat(Method):
    """A loss of slope 1 in every weight."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1000))

    def phases(self, stage):
        return (Phase(name="main", optimizers=("main",), loss=self.loss),)

    def loss(self, streams):
        return Loss(total=self.weight.sum() * len(streams), count=len(streams))

    def predict(self, inputs):
        return Prediction(outputs=inputs)


def updater(method, *, name="sgd", **options):
    optimizer = build_optimizer(method.parameter_groups(None)["main"], name=name, learning_rate=1.0)
    return Updater(method, {"main": optimizer}, precision=Precision("fp32", "cpu"), **options)


@pytest.mark.parametrize("micro_batch_size", [None, 2])
def test_it_comes_after_clipping_and_once_an_update(micro_batch_size):
    method, noise = Flat(), GradientNoise(seed=4, eta=1.0)
    update = updater(
        method,
        clipping=Clipping(value=0.25),
        noise=lambda gradients: noise.add(gradients, step=3),
        micro_batch_size=micro_batch_size,
    )
    data = batch(torch.zeros(6, 1), torch.zeros(6))
    outcome = update.run(method.phases(None)[0], data)
    wanted = drawn(GradientNoise(seed=4, eta=1.0), 1000, step=3)
    torch.testing.assert_close(method.weight.detach(), -(wanted + 0.25))
    assert outcome.gradient_norm.item() == pytest.approx(math.sqrt(1000))  # of what was learned


@pytest.mark.parametrize("name", ["lbfgs", "lookahead-nesterov", "truncated-newton"])
def test_optimisers_that_ask_for_the_gradient_themselves_are_refused(name):
    method = Flat()
    update = updater(method, name=name, noise=lambda gradients: None)
    with pytest.raises(BadValue, match="gradient_noise must be left out with an optimiser that as"):
        update.run(method.phases(None)[0], batch(torch.zeros(2, 1), torch.zeros(2)))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [({"eta": 0.0}, "eta must be above 0"), ({"gamma": -1.0}, "gamma must be at least 0")],
)
def test_what_is_refused(options, sentence):
    with pytest.raises(BadValue, match=sentence):
        GradientNoise(seed=0, **options)
    with pytest.raises(BadValue, match="left out where a gradient is sparse"):
        GradientNoise(seed=0).add([torch.zeros(2, 2).to_sparse()], step=0)
