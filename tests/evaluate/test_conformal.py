import math

import numpy as np
import pytest
import torch
from scipy.stats import kstest

from netwright._errors import BadValue
from netwright.evaluate.calibration import Calibration, reliability
from netwright.evaluate.conformal import (
    CLASS_SCORES,
    Conformal,
    class_scores,
    conformal_quantile,
    fit_conformal,
)
from netwright.metrics.base import Prediction

NP = np.random.default_rng(0)


@pytest.mark.parametrize(("n", "alpha"), [(9, 0.1), (10, 0.1), (19, 0.05), (137, 0.23)])
def test_the_quantile_is_written_out(n, alpha):
    scores = torch.randn(n, dtype=torch.float64)
    wanted = sorted(scores.tolist())[math.ceil(round((n + 1) * (1 - alpha), 9)) - 1]
    assert conformal_quantile(scores, alpha=alpha) == wanted


@pytest.mark.parametrize("alpha", [0.0, 0.09, 1.0])
def test_an_alpha_that_is_out_of_reach_is_refused(alpha):
    with pytest.raises(BadValue, match="alpha must be"):
        conformal_quantile(torch.arange(9.0), alpha=alpha)


@pytest.mark.parametrize(("n", "alpha"), [(20, 0.1), (50, 0.2)])
def test_coverage_is_within_the_theorems_bounds(n, alpha):
    """Over draws of both: from 1 − alpha to 1 − alpha + 1/(n + 1)."""
    random, trials = np.random.default_rng(1), 4000
    held = sum(
        drawn[-1] <= conformal_quantile(torch.from_numpy(drawn[:-1]), alpha=alpha)
        for drawn in random.normal(size=(trials, n + 1))
    )
    noise = 3.3 * math.sqrt(alpha * (1 - alpha) / trials)
    assert 1 - alpha - noise <= held / trials <= 1 - alpha + 1 / (n + 1) + noise


def classified(n, *, seed, k=6, sharp=1.5):
    """Probabilities that are too sharp by far, and classes of the true law."""
    random = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(n, k, generator=random)
    targets = torch.multinomial(logits.softmax(1), 1, generator=random).squeeze(1)
    probabilities = (sharp * logits).softmax(1)
    return Prediction(outputs=probabilities.argmax(1), probabilities=probabilities), targets


@pytest.mark.parametrize("score", CLASS_SCORES)
def test_sets_hold_the_class_as_often_as_they_say(score):
    held, sizes = [], []
    for seed in range(60):
        prediction, targets = classified(100, seed=seed)
        fitted = fit_conformal(prediction, targets, kind="classes", alpha=0.1, score=score)
        fresh, truth = classified(200, seed=1000 + seed)
        sets = fitted.sets(fresh)
        held.append(sets.gather(1, truth[:, None]).double().mean().item())
        sizes.append(sets.sum(dim=1).double().mean().item())
    assert 0.89 <= np.mean(held) <= 0.925
    assert 1 < np.mean(sizes) < 4.5


def test_scores_are_the_papers():
    law = torch.tensor([[0.5, 0.1, 0.3, 0.1]], dtype=torch.float64)
    assert torch.allclose(class_scores(law, score="lac"), 1 - law)
    aps = class_scores(law, score="aps")[0]
    drawn = (0.5 - aps[0]) / 0.5  # the share of the likeliest that is taken off
    assert 0 <= drawn <= 1
    assert aps[2].item() == pytest.approx((0.8 - drawn * 0.3).item())
    assert aps[1].item() == pytest.approx((0.9 - drawn * 0.1).item())
    raps = class_scores(law, score="raps")[0]
    assert torch.allclose(raps - aps, torch.tensor([0.0, 0.05, 0.0, 0.10], dtype=torch.float64))
    with pytest.raises(BadValue, match="score must be"):
        class_scores(law, score="lca")


@pytest.mark.parametrize("score", CLASS_SCORES)
def test_an_example_has_the_same_set_alone_as_in_any_company(score):
    prediction, targets = classified(300, seed=0)
    fitted = fit_conformal(prediction, targets, kind="classes", alpha=0.1, score=score)
    fresh = classified(400, seed=1)[0].probabilities
    whole = fitted.sets(Prediction(outputs=fresh.argmax(1), probabilities=fresh))
    alone = [
        fitted.sets(Prediction(outputs=row.argmax(1), probabilities=row)) for row in fresh.split(1)
    ]
    assert torch.equal(torch.cat(alone), whole)


def test_the_draws_of_aps_are_even():
    """Sets asked for one at a time hold the class as often as those of a batch."""
    prediction, _ = classified(4000, seed=2)
    law = prediction.probabilities.double()
    likeliest = law.amax(dim=1)
    scores = class_scores(law, score="aps").gather(1, law.argmax(dim=1, keepdim=True))[:, 0]
    drawn = 1 - scores / likeliest
    assert kstest(drawn.numpy(), "uniform").pvalue > 0.01
    assert abs(np.corrcoef(drawn.numpy(), likeliest.numpy())[0, 1]) < 0.05


def test_no_set_is_empty():
    prediction, _ = classified(400, seed=0, sharp=1.0)
    narrow = Conformal(score="lac", alpha=0.5, n=3, quantiles=(0.0,))
    sets = narrow.sets(prediction)
    assert torch.equal(sets.int().argmax(1), prediction.outputs)
    assert (sets.sum(1) == 1).all()


def test_residuals_and_quantiles_are_written_out():
    true = torch.from_numpy(NP.normal(size=(80, 2)))
    answers = true + torch.from_numpy(NP.normal(size=(80, 2))) * torch.tensor([1.0, 3.0])
    fitted = fit_conformal(Prediction(outputs=answers), true, kind="real", alpha=0.2)
    place = math.ceil(81 * 0.8) - 1
    wanted = np.sort(np.abs((answers - true).numpy()), axis=0)[place]
    assert fitted.quantiles == pytest.approx(wanted.tolist())
    ends = fitted.intervals(Prediction(outputs=answers))
    assert ends.shape == (80, 2, 2)
    assert torch.allclose(ends.mean(2), answers)
    assert torch.allclose(
        (ends[..., 1] - ends[..., 0])[0] / 2, torch.tensor(fitted.quantiles).double()
    )

    spread = torch.stack([true[:, 0] - 1, true[:, 0], true[:, 0] + 0.5], dim=1)
    noisy = true[:, 0] + torch.from_numpy(NP.normal(size=80))
    quantiles = fit_conformal(Prediction(outputs=spread), noisy, kind="quantiles", alpha=0.2)
    beyond = np.maximum((spread[:, 0] - noisy).numpy(), (noisy - spread[:, 2]).numpy())
    assert quantiles.quantiles == pytest.approx([np.sort(beyond)[place]])
    moved = quantiles.intervals(Prediction(outputs=spread))[:, 0]
    assert torch.allclose(moved[:, 0], spread[:, 0] - quantiles.quantiles[0])
    assert torch.allclose(moved[:, 1], spread[:, 2] + quantiles.quantiles[0])


def test_the_promise_is_judged_column_by_column():
    """Nine of ten in each of three columns hold fewer rows whole; no promise is made of those."""
    random = torch.Generator().manual_seed(0)
    true = torch.randn(4000, 3, generator=random).double()
    answers = Prediction(outputs=torch.zeros(4000, 3).double())
    fitted = fit_conformal(answers, true, kind="real", alpha=0.1)
    told = reliability(
        answers,
        true,
        kind="real",
        calibration=Calibration(split="val", n=4000, conformal=fitted),
    )["sets"]
    assert told["coverage"]["value"] == pytest.approx(0.9, abs=0.001)
    assert told["size"] == pytest.approx(2 * np.mean(fitted.quantiles))


def test_intervals_that_would_cross_are_a_point():
    shrinking = Conformal(score="quantiles", alpha=0.1, n=99, quantiles=(-2.0,))
    ends = shrinking.intervals(Prediction(outputs=torch.tensor([[0.0, 1.0]])))
    assert ends.flatten().tolist() == [0.5, 0.5]


def test_plain_data_and_refusals():
    fitted = Conformal(score="lac", alpha=0.1, n=9, quantiles=(0.5,))
    assert Conformal.from_json(fitted.to_json()) == fitted
    with pytest.raises(BadValue, match="one of classes or numbers"):
        fit_conformal(Prediction(outputs=torch.zeros(9, 2)), torch.zeros(9, 2), kind="multi-label")
    with pytest.raises(BadValue, match="two or more for an interval"):
        fit_conformal(Prediction(outputs=torch.zeros(9, 1)), torch.zeros(9), kind="quantiles")
