import numpy as np
import pytest
import torch
from sklearn import metrics

from netwright._errors import BadValue
from netwright.metrics.curves import precision_recall_curve, roc_curve


@pytest.fixture(params=[0, 1, 2], ids=["ties", "none tied", "one score"])
def ranked(request):
    random = torch.Generator().manual_seed(request.param)
    targets = (torch.rand(200, generator=random) < 0.3).long()
    scores = torch.randn(200, generator=random).double() + targets
    scores = [(scores * 3).round() / 3, scores, torch.zeros(200).double()][request.param]
    weights = torch.rand(200, generator=random).double()
    weights[::7] = 0
    return scores, targets, weights


@pytest.mark.parametrize("weighted", [False, True])
def test_roc_is_scikit_learns(ranked, weighted):
    scores, targets, weights = ranked
    given = weights if weighted else None
    curve = roc_curve(scores, targets, weights=given)
    x, y, thresholds = metrics.roc_curve(
        targets, scores, sample_weight=given, drop_intermediate=False
    )
    np.testing.assert_allclose(curve.x, x, atol=1e-12)
    np.testing.assert_allclose(curve.y, y, atol=1e-12)
    np.testing.assert_allclose(curve.thresholds, thresholds)
    assert curve.area == pytest.approx(metrics.roc_auc_score(targets, scores, sample_weight=given))
    assert float(torch.trapezoid(curve.y, curve.x)) == pytest.approx(curve.area)


@pytest.mark.parametrize("weighted", [False, True])
def test_precision_recall_is_scikit_learns(ranked, weighted):
    scores, targets, weights = ranked
    given = weights if weighted else None
    curve = precision_recall_curve(scores, targets, weights=given)
    precision, recall, thresholds = metrics.precision_recall_curve(
        targets, scores, sample_weight=given
    )
    # scikit-learn gives them from the lowest threshold on, and none for the end
    np.testing.assert_allclose(curve.y, precision[::-1], atol=1e-12)
    np.testing.assert_allclose(curve.x, recall[::-1], atol=1e-12)
    np.testing.assert_allclose(curve.thresholds[1:], thresholds[::-1])
    area = metrics.average_precision_score(targets, scores, sample_weight=given)
    assert curve.area == pytest.approx(area)


def test_a_thinned_curve_lies_on_the_curve_and_keeps_its_ends(ranked):
    scores, targets, _ = ranked
    curve = roc_curve(scores, targets)
    thin = curve.thinned(20)
    assert len(thin.x) <= 20
    assert thin.area == curve.area
    points = set(zip(curve.x.tolist(), curve.y.tolist(), strict=True))
    kept = list(zip(thin.x.tolist(), thin.y.tolist(), strict=True))
    assert set(kept) <= points
    assert kept[0] == (0, 0)
    assert kept[-1] == (1, 1)
    gap = np.abs(np.diff(thin.x)) + np.abs(np.diff(thin.y))
    longest = float((curve.x.diff() + curve.y.diff()).max())
    assert gap.max() <= 2 / 19 + longest + 1e-9


@pytest.mark.parametrize("curve", [roc_curve, precision_recall_curve])
def test_what_has_no_curve_says_so(curve):
    with pytest.raises(BadValue, match="positives"):
        curve(torch.rand(4), torch.zeros(4))
    with pytest.raises(BadValue, match="scores must be finite"):
        curve(torch.tensor([0.1, float("nan")]), torch.tensor([0, 1]))
    with pytest.raises(BadValue, match="at least one example"):
        curve(torch.zeros(0), torch.zeros(0))


def test_roc_needs_negatives_too():
    with pytest.raises(BadValue, match="positives and negatives"):
        roc_curve(torch.rand(4), torch.ones(4))
    with pytest.raises(BadValue, match="two ends"):
        roc_curve(torch.rand(4), torch.tensor([0, 1, 0, 1])).thinned(1)
