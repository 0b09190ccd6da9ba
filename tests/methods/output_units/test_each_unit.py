"""What is particular to one output unit."""

import math

import pytest
import torch
from scipy.stats import entropy

from netwright._errors import BadData, BadValue
from netwright.methods.output_units.catalogue import create

CLASSES = torch.tensor([0] * 60 + [1] * 30 + [2] * 10)
ABC = ("a", "b", "c")
SKEWED = torch.linspace(0, 1, 400) ** 4 * 50 - 7


def test_prior_of_classes_is_their_entropy():
    unit = create("classes", names=ABC, targets=CLASSES)
    torch.testing.assert_close(unit.prior_bias(CLASSES).exp(), torch.tensor([0.6, 0.3, 0.1]))
    assert unit.prior_loss(CLASSES) == pytest.approx(entropy([0.6, 0.3, 0.1]), rel=1e-6)


def test_a_class_that_never_occurs_keeps_a_finite_bias():
    unit = create("classes", names=(*ABC, "d"), targets=CLASSES)
    assert unit.prior_bias(CLASSES).isfinite().all()
    assert unit.prior_loss(CLASSES) == pytest.approx(entropy([0.6, 0.3, 0.1]), abs=0.01)
    never = create("binary", names=("no", "yes"), targets=CLASSES * 0)
    assert never.prior_bias(CLASSES * 0).isfinite().all()


def test_prior_of_yes_and_no():
    targets = (CLASSES == 2).long()
    unit = create("binary", names=("no", "yes"), targets=targets)
    assert unit.prior_bias(targets).item() == pytest.approx(math.log(0.1 / 0.9))
    assert unit.prior_loss(targets) == pytest.approx(entropy([0.1, 0.9]), rel=1e-6)


def test_binary_probability_is_that_of_the_second_class():
    unit = create("binary", names=("no", "yes"), targets=None)
    prediction = unit.predict(torch.tensor([[-2.0], [3.0]]))
    assert prediction.outputs.tolist() == [0, 1]
    torch.testing.assert_close(prediction.probabilities, torch.tensor([-2.0, 3.0]).sigmoid())


def test_classes_take_soft_targets():
    unit = create("classes", names=ABC, targets=CLASSES)
    scores = torch.randn(100, 3)
    hard = torch.nn.functional.one_hot(CLASSES, 3).float()
    torch.testing.assert_close(unit.loss(scores, hard), unit.loss(scores, CLASSES))


def test_ordinal_starts_at_the_shares():
    unit = create("ordinal", names=ABC, targets=CLASSES)
    start = unit.predict(torch.zeros(1, 1)).probabilities[0]
    torch.testing.assert_close(start, torch.tensor([0.6, 0.3, 0.1]))
    assert unit.prior_loss(CLASSES) == pytest.approx(entropy([0.6, 0.3, 0.1]), rel=1e-6)
    with torch.no_grad():
        unit.first_threshold += 5
        unit.raw_gaps -= 20
    assert (unit.thresholds.diff() > 0).all()
    assert unit.prior_loss(CLASSES) == pytest.approx(entropy([0.6, 0.3, 0.1]), rel=1e-6)


def test_ordinal_moves_up_with_the_score():
    unit = create("ordinal", names=ABC, targets=CLASSES)
    outputs = unit.predict(torch.tensor([[-9.0], [0.9], [9.0]])).outputs
    assert outputs.tolist() == sorted(outputs.tolist())
    assert outputs[-1] == 2


def test_real_targets_reach_the_network_standardised():
    targets = torch.stack([SKEWED, SKEWED * 1000 + 1], 1)
    unit = create("real", names=("a", "b"), targets=targets)
    inside = unit.inward(targets)
    torch.testing.assert_close(inside.mean(0), torch.zeros(2), atol=1e-4, rtol=0)
    torch.testing.assert_close(inside.std(0, correction=0), torch.ones(2))
    torch.testing.assert_close(unit.predict(inside).outputs, targets, rtol=1e-4, atol=1e-3)
    assert unit.prior_loss(targets) == pytest.approx(2.0, rel=1e-5)


def test_the_first_metric_is_the_one_of_the_loss():
    for name, wanted in {
        "real": "root_mean_squared_error",
        "real-absolute": "mean_absolute_error",
        "real-huber": "mean_absolute_error",
        "quantiles": "pinball",
        "bins": "root_mean_squared_error",
        "counts": "poisson_deviance",
    }.items():
        assert next(iter(create(name, names=(), targets=SKEWED.abs()).metrics())) == wanted


def test_one_column_is_a_vector_however_it_comes():
    flat, column = (create("real", names=("a",), targets=t) for t in (SKEWED, SKEWED[:, None]))
    scores = torch.randn(400, 1)
    assert flat.predict(scores).outputs.shape == column.predict(scores).outputs.shape == (400,)
    torch.testing.assert_close(flat.loss(scores, SKEWED), column.loss(scores, SKEWED[:, None]))


def test_a_constant_target_is_not_divided_by_zero():
    unit = create("real", names=("a",), targets=torch.full((9,), 3.0))
    assert unit.predict(torch.zeros(2, 1)).outputs.tolist() == [3.0, 3.0]
    assert unit.loss(torch.zeros(9, 1), torch.full((9,), 3.0)).sum() == 0


def test_quantiles_never_cross():
    unit = create("quantiles", names=(), targets=SKEWED, quantiles=(0.1, 0.5, 0.9))
    answers = unit.predict(torch.tensor([[2.0, 1.0, -1.0]])).outputs
    assert (answers.diff(dim=1) >= 0).all()
    prior = unit.predict(unit.prior_bias(SKEWED).expand(1, 3)).outputs[0]
    torch.testing.assert_close(
        prior, SKEWED.quantile(torch.tensor(unit.quantiles)), atol=0.4, rtol=0
    )


def test_bins_hold_equal_shares_and_give_back_the_mean():
    unit = create("bins", names=(), targets=SKEWED, num_bins=8)
    assert unit.bins(SKEWED).bincount().tolist() == [50] * 8
    sure = torch.nn.functional.one_hot(unit.bins(SKEWED), 8) * 100.0
    answers = unit.predict(sure).outputs
    for place in range(8):
        within = unit.bins(SKEWED) == place
        torch.testing.assert_close(answers[within], SKEWED[within].mean().expand(50))
    assert unit.bins(torch.tensor([-1e9, 1e9])).tolist() == [0, 7]
    assert unit.prior_loss(SKEWED) == pytest.approx(math.log(8), rel=1e-5)


def test_bins_of_few_distinct_values_stay_as_many():
    unit = create("bins", names=(), targets=torch.tensor([1.0] * 90 + [2.0] * 10), num_bins=5)
    assert unit.width == 5
    assert unit.centres.isfinite().all()
    assert unit.centres.min() >= 1
    assert unit.centres.max() <= 2
    assert unit.prior_loss(torch.tensor([1.0] * 90 + [2.0] * 10)) < 0.5


def test_counts_start_at_the_mean():
    counts = torch.tensor([0.0, 1.0, 5.0])
    unit = create("counts", names=(), targets=counts)
    assert unit.predict(unit.prior_bias(counts).expand(1, 1)).outputs.item() == pytest.approx(2.0)
    assert unit.prior_bias(counts * 0).isfinite().all()


@pytest.mark.parametrize("kind", ["hinge", "perceptron"])
def test_margins_are_no_probabilities(kind):
    for name, names in {f"binary-{kind}": ABC[:2], f"classes-{kind}": ABC}.items():
        unit = create(name, names=names, targets=None)
        assert unit.predict(torch.randn(5, unit.width)).probabilities is None
        assert "log_loss" not in unit.metrics()


@pytest.mark.parametrize(
    ("name", "names", "targets", "said"),
    [
        ("classes", ABC, torch.tensor([0, 3, 7, -1]), r"from 0 to 2, got \[-1, 3, 7\]"),
        ("classes", ABC, torch.tensor([0.0, 1.0]), "class indices"),
        ("binary", ("no", "yes"), torch.tensor([0, 2]), r"from 0 to 1, got \[2\]"),
        ("ordinal", ABC, torch.tensor([5]), r"from 0 to 2, got \[5\]"),
        ("multi-label", ABC, torch.zeros(5, 2), r"one column a label \(n, 3\), got \(5, 2\)"),
        ("counts", (), torch.tensor([1.0, -2.0]), "0 or more, got a smallest of -2.0"),
        ("real", ABC, torch.zeros(5, 2), "with a name a column"),
        ("quantiles", (), torch.zeros(5, 2), "one column for quantiles"),
        ("bins", (), torch.zeros(5, 2), "one column for bins"),
    ],
)
def test_targets_that_do_not_fit_are_refused(name, names, targets, said):
    with pytest.raises(BadData, match=said):
        create(name, names=names, targets=targets)


@pytest.mark.parametrize(
    ("name", "names", "options", "said"),
    [
        ("classes", ABC[:1], {}, "at least 2 classes"),
        ("classes-hinge", ABC[:1], {}, "at least 2 classes"),
        ("classes-perceptron", ABC[:1], {}, "at least 2 classes"),
        ("binary", ABC, {}, "the 2 classes"),
        ("binary-perceptron", ABC, {}, "the 2 classes"),
        ("binary-hinge", ABC, {}, "the 2 classes"),
        ("ordinal", ABC[:2], {}, "at least 3 classes"),
        ("multi-label", (), {}, "at least 1 label"),
        ("classes", ABC, {"label_smoothing": 1.0}, r"label_smoothing must be in \[0, 1\)"),
        ("real-huber", (), {"delta": 0}, "delta must be above 0"),
        ("bins", (), {"num_bins": 1}, "num_bins must be at least 2"),
        ("quantiles", (), {"quantiles": (0.5, 0.1)}, "increasing numbers between 0 and 1"),
        ("quantiles", (), {"quantiles": (0.0, 0.1)}, "increasing numbers between 0 and 1"),
        ("quantiles", (), {"quantiles": ()}, "increasing numbers between 0 and 1"),
    ],
)
def test_options_that_make_no_sense_are_refused(name, names, options, said):
    with pytest.raises(BadValue, match=said):
        create(name, names=names, targets=None, **options)


def test_an_empty_bin_answers_with_its_edge():
    targets = torch.cat([torch.ones(40), torch.linspace(2, 3, 60)])
    unit = create("bins", names=(), targets=targets, num_bins=5)
    assert unit.bins(targets).bincount(minlength=5)[0] == 0
    assert unit.centres[0] == 1
    assert (unit.centres.diff() >= 0).all()
