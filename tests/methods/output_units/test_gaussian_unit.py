import math

import numpy as np
import pytest
import torch
from torch.distributions import Independent, Normal

from netwright._errors import BadValue
from netwright.methods.ensemble import combined
from netwright.methods.output_units.catalogue import create
from netwright.workflow.answer import predict
from netwright.workflow.fit import fit
from netwright.workflow.run import load
from workflow_kit import TINY

DRAW = torch.Generator().manual_seed(0)
TARGETS = torch.randn(80, 2, generator=DRAW, dtype=torch.float64) * torch.tensor([3.0, 50.0]) + 20
NAMES = ("a", "b")


def test_the_loss_is_that_of_normal_laws_with_value_and_gradient():
    unit = create("gaussian", names=NAMES, targets=TARGETS).double()
    scores = torch.randn(80, 4, generator=DRAW, dtype=torch.float64).requires_grad_()
    other = scores.detach().clone().requires_grad_()
    ours = unit.loss(scores, TARGETS)
    law = Independent(Normal(other[:, :2], (other[:, 2:] / 2).exp()), 1)
    theirs = -law.log_prob((TARGETS - unit.mean) / unit.deviation)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(
        torch.autograd.grad(ours.square().sum(), scores)[0],
        torch.autograd.grad(theirs.square().sum(), other)[0],
    )


def test_one_variance_for_all_learns_too():
    unit = create("gaussian-shared", names=NAMES, targets=TARGETS).double()
    torch.nn.init.normal_(unit.log_variance)
    scores = torch.randn(80, 2, generator=DRAW, dtype=torch.float64)
    ours = unit.loss(scores, TARGETS)
    other = unit.log_variance.detach().clone().requires_grad_()
    law = Independent(Normal(scores, (other / 2).exp()), 1)
    theirs = -law.log_prob((TARGETS - unit.mean) / unit.deviation)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(
        torch.autograd.grad(ours.sum(), unit.log_variance)[0],
        torch.autograd.grad(theirs.sum(), other)[0],
    )


@pytest.mark.parametrize("beta", [0.5, 1.0])
def test_beta_gives_back_what_a_large_variance_takes(beta):
    unit = create("gaussian", names=NAMES, targets=TARGETS, beta=beta).double()
    scores = torch.randn(80, 4, generator=DRAW, dtype=torch.float64).requires_grad_()
    (ours,) = torch.autograd.grad(unit.loss(scores, TARGETS).sum(), scores)
    errors = (scores[:, :2] - (TARGETS - unit.mean) / unit.deviation).detach()
    variances = scores[:, 2:].detach().exp()
    torch.testing.assert_close(ours[:, :2], errors * variances ** (beta - 1))
    torch.testing.assert_close(
        ours[:, 2:], 0.5 * variances**beta * (1 - errors.square() / variances)
    )


@pytest.mark.parametrize("name", ["gaussian", "gaussian-shared"])
def test_answers_are_in_the_targets_own_units(name):
    unit = create(name, names=("a",), targets=TARGETS[:, 1])
    width = unit.width
    scores = torch.tensor([[0.5, math.log(4.0)][:width]])
    answer = unit.predict(scores)
    sd = TARGETS[:, 1].std(correction=0).item()
    assert answer.outputs.item() == pytest.approx(TARGETS[:, 1].mean().item() + sd / 2, rel=1e-5)
    spread = 2 * sd if width == 2 else sd
    assert answer.deviations.item() == pytest.approx(spread, rel=1e-5)
    assert answer.outputs.shape == answer.deviations.shape == (1,)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("beta", [0.0, 0.5])
def test_everything_is_finite_at_extremes(dtype, beta):
    unit = create("gaussian", names=("a",), targets=TARGETS[:, 0], beta=beta)
    corners = torch.tensor([[a, b] for a in (-1e4, 0.0, 1e4) for b in (-1e4, 0.0, 1e4)])
    scores = corners.to(dtype).requires_grad_()
    values = unit.loss(scores, TARGETS[:9, 0])
    values.mean().backward()
    assert values.isfinite().all()
    assert scores.grad.isfinite().all()
    answer = unit.predict(scores.detach())
    assert answer.deviations.isfinite().all()
    assert (answer.deviations > 0).all()
    for metric in unit.metrics().values():
        metric.update(answer, TARGETS[:9, 0])
        assert math.isfinite(metric.compute())


def test_the_first_loss_is_the_entropy_of_a_normal_law():
    unit = create("gaussian", names=("a",), targets=TARGETS[:, 0])
    wanted = 0.5 * math.log(2 * math.pi * math.e)  # in standard deviations
    assert unit.prior_loss(TARGETS[:, 0]) == pytest.approx(wanted, abs=1e-6)


def test_members_that_disagree_are_less_sure():
    unit = create("gaussian", names=("a",), targets=TARGETS[:, 0])
    first, second = (unit.predict(torch.tensor([[mean, 0.0]])) for mean in (-1.0, 1.0))
    mixed = combined([first, second])
    sd = first.deviations.item()
    assert mixed.outputs.item() == pytest.approx(TARGETS[:, 0].mean().item(), rel=1e-5)
    assert mixed.deviations.item() == pytest.approx(math.sqrt(2) * sd, rel=1e-5)


def test_a_run_answers_with_deviations(tmp_path):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(120, 2))
    y = 3 * x[:, 0] + generator.normal(size=120) * np.exp(x[:, 1])
    rows = np.column_stack([x, y]).tolist()
    lines = [",".join(f"{value:.5f}" for value in row) for row in rows]
    path = tmp_path / "noise.csv"
    path.write_text("\n".join(["left,right,size", *lines]) + "\n")
    changes = [*TINY, "method.unit=gaussian", "training.epochs=30"]
    run = fit(str(path), target="size", changes=changes, root=tmp_path / "runs")
    assert next(iter(run.metrics)) == "gaussian_nll"
    assert "interval_coverage_error" in run.metrics
    kept = run.folder.read_tensors("evaluation/test.safetensors")
    assert (kept["deviations"] > 0).all()
    answers = predict(load(run.folder.path), path)
    assert [*answers[0].numbers] == ["size", "size.deviation"]
    noisy = np.corrcoef([one.numbers["size.deviation"] for one in answers], np.exp(x[:, 1]))
    assert noisy[0, 1] > 0.3


def test_a_beta_that_means_nothing_is_refused():
    with pytest.raises(BadValue, match=r"beta must be in \[0, 1\]"):
        create("gaussian", names=("a",), targets=None, beta=2.0)
