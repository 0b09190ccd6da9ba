"""Fitting and choosing, against scikit-learn used directly on the same split."""

from __future__ import annotations

import itertools
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn import datasets, ensemble, linear_model, metrics, naive_bayes, neighbors
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from netwright._errors import BadValue
from netwright.evaluate.baselines.answers import answers, fitted
from netwright.evaluate.baselines.budget import Budget, NotAffordable, affordable
from netwright.evaluate.baselines.catalogue import BASELINES
from netwright.evaluate.baselines.class_densities import (
    KernelDensityClassifier,
    MixtureClassifier,
)
from netwright.evaluate.baselines.clusters import ClusterClassifier, ClusterRegressor
from netwright.evaluate.baselines.examples import Examples, Parts
from netwright.evaluate.baselines.family import Family, Maker, NoCounterpart
from netwright.evaluate.baselines.search import fit_family
from netwright.evaluate.hold_out import judge

AMPLE = Budget()
CLASSIFIERS = [entry.name for entry in BASELINES if entry.facts["family"].classes]
REGRESSORS = [entry.name for entry in BASELINES if entry.facts["family"].numbers]
COUNTERS = [entry.name for entry in BASELINES if entry.facts["family"].counts]


def parts_of(rows, targets, kind, names=("a", "b", "c")):
    order = np.random.default_rng(0).permutation(len(rows))
    cuts = np.split(order, [int(0.6 * len(rows)), int(0.8 * len(rows))])
    scaled = StandardScaler().fit(rows[cuts[0]]).transform(rows).astype(np.float32)
    train, val, test = (Examples(scaled[cut], torch.from_numpy(targets[cut])) for cut in cuts)
    return Parts(train=train, val=val, test=test, kind=kind, names=names, n_train=len(train))


def iris():
    rows, targets = datasets.load_iris(return_X_y=True)
    return parts_of(rows, targets, "classes")


def diabetes(kind="real"):
    rows, targets = datasets.load_diabetes(return_X_y=True)
    return parts_of(rows, targets.astype(np.float32), kind, ("y",))


def fit(name, parts, budget=AMPLE):
    return fit_family(BASELINES.entry(name).facts["family"], parts, budget=budget, seed=0)


def by_hand(candidates, parts, score):
    """The best of the candidates on the validation split, the first of equals."""
    train, val = parts.train, parts.val
    best, top = None, -np.inf
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for one in candidates:
            one.fit(train.rows, train.wanted)
            figure = score(val.wanted, one.predict(val.rows))
            if figure > top:
                best, top = one, figure
    return best


def rmse(wanted, answered):
    return -np.sqrt(np.mean((wanted - answered.astype(np.float32)) ** 2))


def polynomial(alpha):
    from sklearn.pipeline import make_pipeline

    return make_pipeline(
        PolynomialFeatures(2, include_bias=False), StandardScaler(), linear_model.Ridge(alpha=alpha)
    )


@pytest.mark.parametrize(
    ("name", "candidates"),
    [
        ("naive-bayes", [naive_bayes.GaussianNB(var_smoothing=v) for v in (0.1, 1e-3, 1e-9)]),
        (
            "logistic",
            [linear_model.LogisticRegression(C=c, max_iter=1000) for c in (1e-3, 0.01, 0.1, 1, 10)],
        ),
        ("k-nn", [neighbors.KNeighborsClassifier(k) for k in (25, 9, 3, 1)]),
        ("ridge", [linear_model.RidgeClassifier(alpha=a) for a in (1000, 100, 10, 1, 0.1)]),
        (
            "random-forest",
            [
                ensemble.RandomForestClassifier(200, min_samples_leaf=m, random_state=0)
                for m in (3, 1)
            ],
        ),
    ],
)
def test_classes_are_scikit_learns(name, candidates):
    parts = iris()
    ours = fit(name, parts)
    theirs = by_hand(candidates, parts, metrics.accuracy_score)
    answered = theirs.predict(parts.test.rows)
    assert np.array_equal(ours.prediction.outputs.numpy(), answered)
    if ours.prediction.probabilities is not None:
        expected = theirs.predict_proba(parts.test.rows)
        np.testing.assert_allclose(ours.prediction.probabilities.numpy(), expected, atol=1e-6)
    judged = judge(ours.prediction, parts.test.targets, kind="classes", names=parts.names)
    expected = metrics.accuracy_score(parts.test.wanted, answered)
    assert judged.metrics["accuracy"].value == pytest.approx(expected)
    val = metrics.accuracy_score(parts.val.wanted, theirs.predict(parts.val.rows))
    assert ours.validation == pytest.approx(val)


@pytest.mark.parametrize(
    ("name", "candidates"),
    [
        ("linear", [linear_model.LinearRegression()]),
        ("ridge", [linear_model.Ridge(alpha=a) for a in (1000, 100, 10, 1, 0.1)]),
        ("k-nn", [neighbors.KNeighborsRegressor(k) for k in (50, 25, 9, 3)]),
        ("polynomial", [polynomial(a) for a in (1000.0, 100.0, 10.0, 1.0)]),
    ],
)
def test_numbers_are_scikit_learns(name, candidates):
    parts = diabetes()
    ours = fit(name, parts)
    theirs = by_hand(candidates, parts, rmse).predict(parts.test.rows)
    np.testing.assert_allclose(ours.prediction.outputs.numpy(), theirs, rtol=1e-4)
    assert ours.validation > 0  # not the sign it is chosen by


def test_components_are_scikit_learns():
    parts = diabetes()
    ours = fit("pca", parts)
    pca = PCA(ours.chosen["share"], svd_solver="full").fit(parts.train.rows)
    ridge = linear_model.Ridge().fit(pca.transform(parts.train.rows), parts.train.wanted)
    expected = ridge.predict(pca.transform(parts.test.rows))
    np.testing.assert_allclose(ours.prediction.outputs.numpy(), expected, rtol=1e-4)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_classifier_beats_the_constant(name):
    parts = iris()
    made = fit(name, parts)
    right = (made.prediction.outputs == parts.test.targets).double().mean()
    constant = (fit("constant", parts).prediction.outputs == parts.test.targets).double().mean()
    assert right == constant if name == "constant" else right > constant + 0.3


@pytest.mark.parametrize("kind", ["real", "counts"])
@pytest.mark.parametrize("name", REGRESSORS)
def test_every_regressor_beats_the_constant(name, kind):
    if kind == "counts" and name not in COUNTERS:
        with pytest.raises(NoCounterpart, match="no form for counts"):
            fit(name, diabetes(kind))
        return
    parts = diabetes(kind)
    constant = fit("constant", parts).validation
    found = fit(name, parts).validation
    assert found == constant if name == "constant" else found < 0.9 * constant


def test_what_has_no_form_says_so():
    with pytest.raises(NoCounterpart, match="no form for numbers"):
        fit("naive-bayes", diabetes())
    with pytest.raises(NoCounterpart, match="no form for classes"):
        fit("linear", iris())


def test_label_sets_by_one_model_a_label():
    parts = iris()
    sets = {
        split: Examples(
            part.rows, torch.stack([part.targets == 0, part.targets >= 1], dim=1).float()
        )
        for split, part in (("train", parts.train), ("val", parts.val), ("test", parts.test))
    }
    labels = Parts(**sets, kind="multi-label", names=("x", "y"), n_train=parts.n_train)
    for name in ("logistic", "linear-svm"):
        made = fit(name, labels)
        chosen = BASELINES.entry(name).facts["family"].classes.make(made.chosen, seed=0)
        for column in range(2):
            alone = chosen.fit(labels.train.rows, labels.train.wanted[:, column])
            expected = alone.predict(labels.test.rows)
            assert np.array_equal(made.prediction.outputs[:, column].numpy(), expected)
        assert (made.prediction.probabilities is None) == (name == "linear-svm")


def test_several_numbers_are_one_model_each():
    parts = diabetes()
    both = {
        split: Examples(part.rows, torch.stack([part.targets, -part.targets], dim=1))
        for split, part in (("train", parts.train), ("val", parts.val), ("test", parts.test))
    }
    made = fit("linear", Parts(**both, kind="real", names=("a", "b"), n_train=parts.n_train))
    outputs = made.prediction.outputs
    assert outputs.shape == (len(parts.test), 2)
    torch.testing.assert_close(outputs[:, 0], -outputs[:, 1])


def test_rates_are_above_zero():
    train = Examples(np.zeros((4, 1), np.float32), torch.tensor([0.0, 2.0, 4.0, 2.0]))
    below = SimpleNamespace(predict=lambda rows: np.array([-3.0, 5.0]))
    found = answers(below, np.zeros((2, 1)), kind="counts", train=train, names=1)
    torch.testing.assert_close(found.outputs, torch.tensor([0.02, 5.0]))


def test_a_class_that_training_lacks_gets_no_probability():
    train = Examples(np.array([[0.0], [1.0], [5.0]], np.float32), torch.tensor([0, 0, 2]))
    for estimator in (linear_model.LogisticRegression(), linear_model.RidgeClassifier()):
        made = fitted(estimator, train, kind="classes")
        found = answers(made, train.rows, kind="classes", train=train, names=3)
        assert found.outputs.tolist() == [0, 0, 2]
        if found.probabilities is not None:
            assert found.probabilities[:, 1].tolist() == [0.0, 0.0, 0.0]


def test_warnings_become_notes():
    family = Family(
        classes=Maker(target="sklearn.svm:LinearSVC", options={"max_iter": 1}, grid=({"C": 1e3},))
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        made = fit_family(family, iris(), budget=AMPLE, seed=0)
    assert any("converge" in note for note in made.notes)


def test_kernel_density_is_bayes_rule_written_out():
    parts = iris()
    rows, targets = parts.train.rows, parts.train.wanted
    made = KernelDensityClassifier(bandwidth=0.3).fit(rows, targets)
    width = 0.3 * np.sqrt(4)
    logs = []
    for one in range(3):
        own = rows[targets == one].astype(np.float64)
        gaps = ((parts.test.rows[:, None] - own[None]) ** 2).sum(-1)
        logs.append(logsumexp(-gaps / (2 * width**2), axis=1) - np.log(len(rows)))
    expected = np.exp(np.array(logs) - logsumexp(logs, axis=0)).T
    np.testing.assert_allclose(made.predict_proba(parts.test.rows), expected, rtol=1e-5)
    assert np.array_equal(made.predict(parts.test.rows), expected.argmax(1))


def test_a_mixture_of_one_is_a_gaussian_a_class():
    parts = iris()
    rows, targets = parts.train.rows.astype(np.float64), parts.train.wanted
    made = MixtureClassifier(1, covariance_type="full", reg_covar=0.02).fit(rows, targets)
    logs = []
    for one in range(3):
        own = rows[targets == one]
        spread = np.cov(own.T, bias=True) + 0.02 * np.eye(4)
        law = multivariate_normal(own.mean(0), spread)
        logs.append(law.logpdf(parts.test.rows) + np.log(len(own) / len(rows)))
    expected = np.exp(np.array(logs) - logsumexp(logs, axis=0)).T
    np.testing.assert_allclose(made.predict_proba(parts.test.rows), expected, rtol=1e-4, atol=1e-9)


def test_clusters_answer_as_their_examples_are():
    parts = iris()
    rows, targets = parts.train.rows, parts.train.wanted
    found = KMeans(5, n_init=3, random_state=0).fit(rows)
    classes = ClusterClassifier(5).fit(rows, targets)
    numbers = ClusterRegressor(5).fit(rows, rows[:, 0])
    places = found.predict(parts.test.rows)
    for place, shares, number in zip(
        places,
        classes.predict_proba(parts.test.rows),
        numbers.predict(parts.test.rows),
        strict=True,
    ):
        inside = found.labels_ == place
        counts = np.array([(targets[inside] == one).sum() * 3 + 1 for one in range(3)])
        np.testing.assert_allclose(shares, counts / counts.sum())
        assert number == pytest.approx(rows[inside, 0].mean(), rel=1e-5)


SLOW = """
import time
import numpy as np
from sklearn.dummy import DummyClassifier

class Slow(DummyClassifier):
    def fit(self, rows, targets):
        time.sleep(len(rows) * 2e-5)
        return super().fit(rows, targets)
"""


def large(count=9000):
    rows = np.random.default_rng(0).normal(size=(count, 2))
    return parts_of(rows, (rows[:, 0] > 0).astype(np.int64), "binary", ("no", "yes"))


def test_a_slow_model_gets_a_part_and_says_so(tmp_path):
    file = tmp_path / "slow.py"
    file.write_text(SLOW)
    slow = Family(classes=Maker(target=f"{file}:Slow"))
    parts = large()
    made = fit_family(slow, parts, budget=Budget(seconds=0.05), seed=0)
    assert 1000 <= made.n_train < 4000
    assert made.notes == (f"fitted on {made.n_train} of 5400 examples",)
    assert fit_family(slow, parts, budget=Budget(seconds=60), seed=0).n_train == 5400
    with pytest.raises(NotAffordable, match="1000 examples would take"):
        affordable(slow, parts, budget=Budget(seconds=0.005), seed=0)


def test_memory_gives_a_part_or_nothing():
    parts = large()
    linear = BASELINES.entry("logistic").facts["family"]
    half = linear.bytes_of(parts.train) / 2
    assert affordable(linear, parts, budget=Budget(memory=half), seed=0) == 2700
    with pytest.raises(NotAffordable, match="GB"):
        affordable(linear, parts, budget=Budget(memory=half / 100), seed=0)
    squares = BASELINES.entry("polynomial").facts["family"]
    assert squares.bytes_of(parts.train) == 16 * 6 * 5400


@pytest.mark.parametrize("keywords", [{"seconds": 0.0}, {"memory": -1.0}])
def test_a_budget_is_above_zero(keywords):
    with pytest.raises(BadValue, match="above 0"):
        Budget(**keywords)


def test_fewer_are_among_more():
    train = large().train
    few, more = train.some(10, seed=3), train.some(50, seed=3)
    assert np.array_equal(few.rows, more.rows[:10])
    assert not np.array_equal(few.rows, train.some(10, seed=4).rows)
    assert train.some(10**6, seed=3) is train


def test_names_are_in_the_order_of_simplicity():
    names = BASELINES.names()
    assert names[0] == "constant"
    assert names[-1] == "gradient-boosting"
    for simple, other in itertools.pairwise(["linear", "polynomial", "tree", "random-forest"]):
        assert names.index(simple) < names.index(other)
