import numpy as np
import pytest
import torch
from scipy import stats

from netwright.evaluate.hold_out import judge
from netwright.evaluate.intervals import figure_intervals
from netwright.metrics.accuracy import Accuracy
from netwright.metrics.base import Prediction
from netwright.metrics.bleu import Bleu
from netwright.metrics.gaussian import GaussianNll
from netwright.metrics.per_class import BalancedAccuracy, MicroF1
from netwright.metrics.ranking import RocAuc
from netwright.metrics.regression import R2
from netwright.metrics.standard import gaussian_metrics


def ends(metric, prediction, targets, *, kind="binary", weights=None, n_resamples=2000):
    counted = torch.ones(len(targets)) if weights is None else weights
    (found,) = figure_intervals(
        {"it": metric},
        [(prediction, targets)],
        kind=kind,
        weights=counted.double()[:, None],
        n_resamples=n_resamples,
    ).values()
    return found


def right_in(successes, count):
    targets = torch.arange(count) % 2
    outputs = torch.where(torch.arange(count) < successes, targets, 1 - targets)
    return Prediction(outputs=outputs), targets


@pytest.mark.parametrize(("successes", "count"), [(20, 20), (17, 20), (0, 15), (190, 200)])
def test_a_share_has_the_exact_interval(successes, count):
    wanted = stats.binomtest(successes, count).proportion_ci(method="exact")
    assert ends(Accuracy(), *right_in(successes, count)) == pytest.approx(tuple(wanted))


def test_imagined_examples_give_a_share_its_exact_interval():
    """Micro F1 of one class an example is accuracy, and no mean: it goes by imagined examples."""
    prediction, targets = right_in(26, 30)
    wanted = stats.binomtest(26, 30).proportion_ci(method="exact")
    found = ends(MicroF1(num_classes=2), prediction, targets, n_resamples=20_000)
    assert found == pytest.approx(tuple(wanted), abs=0.006)


def test_weights_make_fewer_examples_of_many():
    prediction, targets = right_in(30, 40)
    whole = ends(Accuracy(), prediction, targets)
    doubled = ends(Accuracy(), prediction, targets, weights=torch.full((40,), 2.0))
    uneven = ends(Accuracy(), prediction, targets, weights=1 + 9.0 * (torch.arange(40) % 5 == 0))
    assert doubled == pytest.approx(whole)
    assert uneven[1] - uneven[0] > whole[1] - whole[0]


@pytest.mark.parametrize("count", [10, 100])
def test_perfect_answers_may_still_err(count):
    targets = torch.arange(count) % 2
    prediction = Prediction(outputs=targets, probabilities=0.1 + 0.8 * targets.double())
    for metric in (RocAuc(), BalancedAccuracy(num_classes=2)):
        low, high = ends(metric, prediction, targets)
        assert high == 1
        assert 1 - 12 / count < low < 1 - 1.5 / count


@pytest.mark.parametrize(
    ("apart", "size", "metric"),
    [(2.2, 20, "roc_auc"), (2.2, 40, "f1")],
)
def test_intervals_hold_the_truth(apart, size, metric):
    def draw(count, seed):
        random = np.random.default_rng(seed)
        truth = random.random(count) < 0.5
        seen = random.normal(size=count) + apart * (2 * truth - 1)
        positive = torch.from_numpy(1 / (1 + np.exp(-2 * apart * seen)))
        answers = Prediction(outputs=(positive > 0.5).long(), probabilities=positive)
        return answers, torch.from_numpy(truth).long()

    options = {"kind": "binary", "names": ("a", "b")}
    makers = {"roc_auc": RocAuc, "f1": lambda: BalancedAccuracy(num_classes=2)}
    makers["accuracy"] = Accuracy

    def figure(sample, count):
        chosen = {"it": makers[metric]()}
        return judge(*sample, metrics=chosen, n_resamples=count, **options).metrics["it"]

    truth = figure(draw(200_000, 10**6), 1).value
    held = 0
    for seed in range(80):
        one = figure(draw(size, seed), 200)
        held += one.low <= truth <= one.high
    assert held / 80 >= 0.95 - 2.5 * np.sqrt(0.95 * 0.05 / 80)


def test_answers_with_deviations_have_intervals():
    random = np.random.default_rng(0)
    spread = torch.from_numpy(random.uniform(0.5, 2, size=200))
    truth = spread * torch.from_numpy(random.normal(size=200))
    low, high = ends(
        GaussianNll(),
        Prediction(outputs=torch.zeros(200).double(), deviations=spread),
        truth,
        kind="real",
    )
    density = stats.norm(scale=spread.numpy()).logpdf(truth.numpy())
    assert low < -density.mean() < high
    assert (high - low) / 2 == pytest.approx(1.96 * density.std() / np.sqrt(200), rel=0.3)


def test_the_ends_are_on_the_right_sides():
    random = np.random.default_rng(0)
    answers = torch.from_numpy(random.normal(size=60))
    truth = answers + torch.from_numpy(0.5 * random.normal(size=60))
    metrics = {"r2": R2()}
    judged = judge(
        Prediction(outputs=answers), truth, kind="real", names=("x",), metrics=metrics
    ).metrics["r2"]
    assert judged.low < judged.value < judged.high


def test_answers_keep_their_deviations():
    draws = torch.Generator().manual_seed(0)
    means, deviations = torch.randn(200, generator=draws), torch.rand(200, generator=draws) + 0.5
    targets = means + deviations * torch.randn(200, generator=draws)
    law = Prediction(outputs=means, deviations=deviations)
    found = judge(law, targets, kind="real", names=("y",), metrics=gaussian_metrics())
    figure = found.metrics["gaussian_nll"]
    assert figure.low < figure.value < figure.high
    expected = -torch.distributions.Normal(means, deviations).log_prob(targets).mean()
    assert figure.value == pytest.approx(float(expected), rel=1e-5)


def test_lists_have_intervals_without_an_imagined_answer():
    answers = ["a b c d e", "a b c d", "x y z", "e f g h i j"]
    targets = ["a b c d e f", "a b c d", "x y w", "e f g h q j"]
    found = judge(
        Prediction(outputs=answers), targets, kind="none", names=(), metrics={"bleu": Bleu(max_n=2)}
    )
    figure = found.metrics["bleu"]
    assert figure.low < figure.value < figure.high
