"""Several tasks together: each as it is alone, and one alone as without."""

import numpy as np
import pytest
import torch
from torch import nn

from netwright._errors import BadData, BadValue
from netwright.data.batch import Batch
from netwright.methods.base import Task
from netwright.methods.multi_task.multi_task import MultiTask
from netwright.methods.output_units.catalogue import create
from netwright.methods.supervised import Supervised

KINDS = {
    "classes": (("a", "b", "c"), torch.arange(12) % 3),
    "binary": (("no", "yes"), torch.arange(12) % 2),
    "real": (("t",), torch.linspace(-3, 8, 12)),
    "counts": (("t",), torch.arange(12.0)),
    "ordinal": (("low", "mid", "high"), torch.arange(12) % 3),
    "quantiles": (("t",), torch.linspace(-3, 8, 12).exp()),
    "bins": (("t",), torch.linspace(-3, 8, 12)),
    "multi-label": (("p", "q"), torch.arange(24).reshape(12, 2).float() % 3 % 2),
}


def columns(values):
    values = values.float()
    return values[:, None] if values.ndim == 1 else values


def side_by_side(kinds=KINDS):
    return torch.cat([columns(KINDS[kind][1]) for kind in kinds], dim=1)


def several(kinds=KINDS, *, targets=None, model=None, **options):
    parts = {kind: Task(kind=kind, names=KINDS[kind][0]) for kind in kinds}
    targets = side_by_side(kinds) if targets is None else targets
    return MultiTask.for_task(
        Task(kind="several", names=tuple(kinds), targets=targets, parts=parts),
        build_model=model or (lambda width: nn.Linear(4, width)),
        **options,
    )


def batch(targets):
    return Batch(torch.randn(len(targets), 4), targets, torch.arange(len(targets)))


@pytest.mark.parametrize("kind", KINDS)
def test_one_task_alone_is_supervised_learning_bit_for_bit(kind):
    names, values = KINDS[kind]
    inputs = torch.randn(12, 4)
    made = {}
    for several_tasks in (False, True):
        torch.manual_seed(0)
        if several_tasks:
            method = several([kind])
            given = columns(values)
        else:
            task = Task(kind=kind, names=names, targets=values)
            method = Supervised.for_task(task, build_model=lambda width: nn.Linear(4, width))
            given = values
        loss = method.loss(Batch(inputs, given, torch.arange(12)))
        (loss.total / loss.count).backward()
        made[several_tasks] = loss.total.detach(), method.model.weight.grad, method.floor(given)
    for alone, together in zip(*made.values(), strict=True):
        assert torch.equal(torch.as_tensor(alone), torch.as_tensor(together))


def test_every_kind_together_costs_the_sum_and_answers_as_alone():
    method = several()
    given = batch(side_by_side())
    loss = method.loss(given)
    scores = method.scores(given.inputs).detach()
    at, wanted, answers = 0, [], method.apart(method.predict(given.inputs))
    for kind, (names, values) in KINDS.items():
        unit = create(kind, names=names, targets=values)
        own = scores[:, at : at + unit.width]
        at += unit.width
        wanted.append(float(unit.loss(own, values).detach().mean()))
        assert float(loss.terms[kind]) == pytest.approx(wanted[-1], rel=1e-5)
        for name, value in vars(unit.predict(own)).items():
            if value is not None:
                torch.testing.assert_close(getattr(answers[kind], name), value)
    assert float(loss.total.detach()) / 12 == pytest.approx(sum(wanted), rel=1e-5)
    assert at == method.unit.width == len(method.unit.score_names)
    assert method.unit.score_names[:5] == (
        *("classes=a", "classes=b", "classes=c"), "binary=yes", "real",
    )  # fmt: skip
    bias = method.unit.prior_bias(given.targets)
    expected = [create(k, names=n, targets=v).prior_bias(v) for k, (n, v) in KINDS.items()]
    torch.testing.assert_close(bias, torch.cat(expected).float())


def test_a_missing_target_costs_nothing_and_moves_nothing():
    kinds = ["classes", "real", "multi-label"]
    targets = side_by_side(kinds)
    targets[3, 0], targets[5:8, 1], targets[2, 3] = torch.nan, torch.nan, torch.nan
    method = several(kinds, targets=targets)
    given = batch(targets)
    loss = method.loss(given)
    loss.total.backward()
    found = method.model.weight.grad.clone()
    method.zero_grad()
    scores = method.scores(given.inputs)
    at, total = 0, 0.0
    for kind, head in zip(kinds, method.unit.heads, strict=True):
        own = scores[:, at : at + head.unit.width]
        at += head.unit.width
        there = ~columns(targets[:, head.targets]).isnan().any(dim=1)
        values = KINDS[kind][1][there]
        costs = head.unit.loss(own[there], values)
        torch.testing.assert_close(loss.terms[kind], costs.detach().mean())
        total = total + costs.sum()
    torch.testing.assert_close(loss.total, total)
    total.backward()
    torch.testing.assert_close(found, method.model.weight.grad)
    real = targets[~targets[:, 1].isnan(), 1]
    torch.testing.assert_close(method.unit.heads[1].unit.mean, real.mean()[None])


def test_metrics_judge_each_task_where_it_has_a_target():
    kinds = ["classes", "real"]
    targets = side_by_side(kinds)
    targets[1, 0], targets[4:6, 1] = torch.nan, torch.nan
    method = several(kinds, targets=targets)
    given = batch(targets)
    metrics, prediction = method.judged_by(), method.predict(given.inputs)
    assert next(iter(metrics)) == "explained"
    for half in (slice(0, 5), slice(5, 12)):
        part = method.predict(given.inputs[half])
        for metric in metrics.values():
            metric.update(part, targets[half])
    answers = method.apart(prediction)
    rows = ~targets[:, 0].isnan()
    right = answers["classes"].outputs[rows] == targets[rows, 0]
    assert metrics["classes/accuracy"].compute() == pytest.approx(float(right.float().mean()))
    rows = ~targets[:, 1].isnan()
    error = (answers["real"].outputs - targets[:, 1])[rows].double()
    wanted = float(error.square().mean().sqrt())
    assert metrics["real/root_mean_squared_error"].compute() == pytest.approx(wanted, rel=1e-5)
    assert metrics["classes/accuracy"].higher_is_better
    assert not metrics["real/root_mean_squared_error"].higher_is_better
    explained = (
        1
        - sum(
            float(method.loss(given).terms[kind]) / float(prior)
            for kind, prior in zip(kinds, method.unit.prior_losses, strict=True)
        )
        / 2
    )
    assert metrics["explained"].compute() == pytest.approx(explained, rel=1e-5)
    assert float(method.unit.prior_losses[1]) == pytest.approx(1, rel=1e-5)  # of standardised


@pytest.mark.parametrize("is_whole", [True, False])
def test_an_example_of_weight_two_counts_as_two_of_them(is_whole):
    kinds = ["classes", "real"]
    targets = side_by_side(kinds)
    if not is_whole:
        targets[1, 0], targets[4:6, 1] = torch.nan, torch.nan
    method = several(kinds, targets=targets)
    once = batch(targets)
    times = torch.tensor([1, 3, 0, 2] * 3)
    weighted = Batch(once.inputs, once.targets, once.index, weight=times.float())
    rows = torch.arange(12).repeat_interleave(times)
    repeated = Batch(once.inputs[rows], targets[rows], rows)
    found, wanted = method.loss(weighted), method.loss(repeated)
    torch.testing.assert_close(found.total, wanted.total)
    assert float(found.count) == float(wanted.count)
    for kind in kinds:
        torch.testing.assert_close(found.terms[kind], wanted.terms[kind])
    judged = method.judged_by(), method.judged_by()
    for metrics, part, weight in zip(judged, (once, repeated), (times.float(), None), strict=True):
        for metric in metrics.values():
            metric.update(method.predict(part.inputs), part.targets, weight=weight)
    for name in ("explained", "classes/accuracy", "real/root_mean_squared_error"):
        first, second = (metrics[name].compute() for metrics in judged)
        assert first == pytest.approx(second, rel=1e-5), name


def test_a_task_that_no_judged_example_has_is_left_out_of_what_is_explained():
    targets = side_by_side(["classes", "real"])
    method = several(["classes", "real"], targets=targets)
    given = batch(targets)
    given.targets[:, 1] = torch.nan
    explained = method.judged_by()["explained"]
    explained.update(method.predict(given.inputs), given.targets)
    share = float(method.loss(given).terms["classes"]) / float(method.unit.prior_losses[0])
    assert explained.compute() == pytest.approx(1 - share, rel=1e-5)


def test_a_state_without_targets_is_complete_once_loaded():
    trained = several()
    parts = {kind: Task(kind=kind, names=names) for kind, (names, _) in KINDS.items()}
    fresh = MultiTask.for_task(
        Task(kind="several", names=tuple(parts), parts=parts),
        build_model=lambda width: nn.Linear(4, width),
    )
    fresh.load_state_dict(trained.state_dict())
    inputs = torch.randn(5, 4)
    assert torch.equal(fresh.predict(inputs).outputs, trained.predict(inputs).outputs)
    assert torch.equal(fresh.unit.prior_losses, trained.unit.prior_losses)


def test_another_unit_is_taken_by_name_or_with_its_options():
    for asked in ("real-huber", {"name": "real-huber", "delta": 0.1}):
        method = several(["classes", "real"], units={"real": asked})
        unit = method.unit.heads[1].unit
        assert type(unit).__name__ == "RealHuber"
        assert unit.delta == (1.0 if isinstance(asked, str) else 0.1)


def test_what_can_not_be_is_refused():
    with pytest.raises(BadValue, match="colour"):
        several(["real"], units={"colour": "real"})
    gone = side_by_side(["classes", "real"])
    gone[:, 1] = np.nan
    with pytest.raises(BadData, match="task real must have a target in the train split"):
        several(["classes", "real"], targets=gone)
    with pytest.raises(BadValue, match="targets must be those of several tasks"):
        MultiTask.for_task(Task(kind="real", names=("t",)), build_model=lambda _: nn.Linear(4, 1))
    with pytest.raises(BadValue, match="4 scores"):
        several(["classes", "real"], model=lambda _: nn.Linear(4, 3)).predict(torch.randn(2, 4))
