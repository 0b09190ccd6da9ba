"""Fixed and learned weights against their closed forms."""

import math

import pytest
import torch
from torch import nn

from netwright._errors import BadType, BadValue
from netwright.data.batch import Batch
from netwright.methods.base import Stage, Task
from netwright.methods.multi_task.catalogue import CATALOGUE, create
from netwright.methods.multi_task.fixed import Fixed
from netwright.methods.multi_task.heads import Heads
from netwright.methods.multi_task.multi_task import MultiTask
from netwright.methods.multi_task.uncertainty import Uncertainty
from netwright.methods.multi_task.weighting import TaskCosts

PARTS = {
    "digit": Task(kind="classes", names=("0", "1", "2")),
    "place": Task(kind="real", names=("x", "y")),
    "ink": Task(kind="real", names=("ink",)),
}


def heads():
    return Heads(parts=PARTS, targets=None)


def costs(totals, labels):
    return TaskCosts(totals=totals, labels=labels, scores=torch.zeros(1, 6), shared=[], own=[])


def test_fixed_is_the_weighted_sum_in_value_and_gradient():
    totals = torch.tensor([3.0, 5.0, 7.0], requires_grad=True)
    made = Fixed(heads(), weights={"digit": 2.0, "ink": 0.0})
    total = made.total(costs(totals, torch.ones(3)))
    total.backward()
    assert float(total.detach()) == 2 * 3 + 5
    assert totals.grad.tolist() == [2.0, 1.0, 0.0]
    assert made.term_weights() == {"digit": 2.0, "place": 1.0, "ink": 0.0}
    assert not list(made.parameters())


def test_uncertainty_is_the_papers_form():
    totals, labels = torch.tensor([3.0, 5.0, 7.0]), torch.tensor([4.0, 2.0, 4.0])
    made = Uncertainty(heads())
    with torch.no_grad():
        made.log_variances.copy_(torch.tensor([0.5, -1.0, 2.0]))
    found = float(made.total(costs(totals, labels)).detach())
    sigma = [math.exp(s / 2) for s in (0.5, -1.0, 2.0)]
    wanted = (
        3.0 / sigma[0] ** 2
        + 4 * math.log(sigma[0])  # classes
        + 5.0 / (2 * sigma[1] ** 2)
        + 2 * 2 * math.log(sigma[1])  # a normal law over two columns
        + 7.0 / (2 * sigma[2] ** 2)
        + 4 * math.log(sigma[2])
    )
    assert found == pytest.approx(wanted, rel=1e-6)


def test_the_best_log_variance_is_the_logarithm_of_the_loss():
    totals, labels = torch.tensor([0.8, 30.0, 0.02]), torch.tensor([4.0, 2.0, 4.0])
    made = Uncertainty(heads())
    optimizer = torch.optim.LBFGS(made.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        total = made.total(costs(totals, labels))
        total.backward()
        return total

    optimizer.step(closure)
    wanted = torch.tensor([2 * 0.8 / 4, 30.0 / 2 / 2, 0.02 / 4]).log()
    torch.testing.assert_close(made.log_variances.detach(), wanted, rtol=1e-3, atol=1e-3)
    floor = made.floor(totals / labels, labels / 4)
    assert floor == pytest.approx(float(made.total(costs(totals, labels)).detach()) / 4, rel=1e-5)
    told = made.terms()
    assert list(told) == ["log_variance/digit", "log_variance/place", "log_variance/ink"]
    assert not told["log_variance/ink"].requires_grad


def test_floors_are_what_constant_answers_cost():
    best, shares = torch.tensor([2.0, 1.0, 1.0]), torch.tensor([1.0, 0.5, 1.0])
    assert Fixed(heads(), weights={"digit": 3.0}).floor(best, shares) == 7.5
    assert create("pcgrad", heads=heads()).floor(best, shares) == 3.5


def test_log_variances_are_learned_without_weight_decay():
    method = MultiTask(nn.Linear(4, 6), heads(), weighting=Uncertainty(heads()))
    shrinks, stays = method.parameter_groups(Stage())["main"]
    assert "weighting.log_variances" in stays.parameters
    assert stays.options["weight_decay"] == 0.0
    assert "weighting.log_variances" not in shrinks.parameters


def test_pieces_of_a_batch_add_up():
    for name in ("fixed", "uncertainty"):
        torch.manual_seed(0)
        method = MultiTask(nn.Linear(4, 6), heads(), weighting=create(name, heads=heads()))
        targets = torch.cat([torch.arange(9)[:, None] % 3.0, torch.randn(9, 3)], dim=1)
        targets[2:5, 1], targets[7, 0] = torch.nan, torch.nan
        batch = Batch(torch.randn(9, 4), targets, torch.arange(9), weight=torch.rand(9))
        whole = method.loss(batch)
        pieces = [method.loss(one) for one in batch.split(4)]
        torch.testing.assert_close(sum(one.total for one in pieces), whole.total)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"weights": {"colour": 1.0}}, "colour"),
        ({"weights": {"ink": -1.0}}, "weight of ink must be"),
        ({"weights": dict.fromkeys(PARTS, 0.0)}, "above 0 for one"),
        ({"weight": 1.0}, "weights"),
    ],
)
def test_wrong_weights_are_refused(options, words):
    with pytest.raises(BadValue, match=words):
        create("fixed", heads=heads(), **options)


def test_a_weighting_must_be_one(tmp_path):
    (tmp_path / "mine.py").write_text("class Mine: ...\n")
    with pytest.raises((BadType, BadValue), match="weighting must be"):
        create(f"{tmp_path}/mine.py:Mine", heads=heads())
    assert CATALOGUE.names() == ["fixed", "uncertainty", "pcgrad"]
