"""Curves of a judgement: which classes, and that they are the metrics' own."""

import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from netwright.evaluate.hold_out import judge
from netwright.metrics.base import Prediction


@pytest.fixture
def classified():
    random = torch.Generator().manual_seed(0)
    targets = torch.randint(0, 6, (400,), generator=random)
    sure = torch.tensor([3.0, 0.5, 2.0, 1.0, 0.2, 4.0])[targets]
    logits = torch.randn(400, 7, generator=random).double()
    logits[torch.arange(400), targets] += sure
    return Prediction(
        outputs=logits.argmax(1), probabilities=logits.softmax(1), logits=logits
    ), targets


def curves(prediction, targets, *, kind, count, **options):
    names = tuple(f"class {place}" for place in range(count))
    judged = judge(prediction, targets, kind=kind, names=names, n_resamples=2, **options)
    return judged.curves, judged


def test_the_four_classes_told_worst_the_worst_first(classified):
    prediction, targets = classified
    found, judged = curves(prediction, targets, kind="classes", count=7)
    by_f1 = sorted((row.f1, row.name) for row in judged.per_class if row.n)
    assert [one.name for one in found] == [name for _, name in by_f1[:4]]
    for one in found:
        place = int(one.name[-1])
        label, column = targets == place, prediction.probabilities[:, place]
        assert one.roc.area == pytest.approx(roc_auc_score(label, column))
        assert one.precision_recall.area == pytest.approx(average_precision_score(label, column))
        assert one.roc.x[0] == one.roc.y[0] == 0
        assert one.roc.x[-1] == one.roc.y[-1] == 1
        assert len(one.roc.x) <= 150
        assert one.precision_recall.y[-1] == pytest.approx(float(label.double().mean()), abs=1e-5)


@pytest.mark.parametrize("columns", [1, 2])
def test_of_two_classes_the_second(columns):
    random = torch.Generator().manual_seed(1)
    targets = (torch.rand(60, generator=random) < 0.4).long()
    yes = torch.rand(60, generator=random).double() / 2 + targets / 4
    shares = yes if columns == 1 else torch.stack([1 - yes, yes], dim=1)
    prediction = Prediction(outputs=(yes > 0.5).long(), probabilities=shares)
    weight = torch.rand(60, generator=random).double()
    (one,), _ = curves(
        prediction, targets, kind="binary" if columns == 1 else "classes", count=2, weight=weight
    )
    assert one.name == "class 1"
    assert one.roc.area == pytest.approx(roc_auc_score(targets, yes, sample_weight=weight))


def test_labels_that_always_or_never_hold_have_none():
    targets = torch.tensor([[1.0, 0, 1], [0, 0, 1], [1, 0, 1]])
    answers = Prediction(outputs=targets, probabilities=torch.rand(3, 3))
    found, _ = curves(answers, targets, kind="multi-label", count=3)
    assert [one.name for one in found] == ["class 0"]


def test_none_without_scores_or_with_scores_that_are_no_numbers(classified):
    prediction, targets = classified
    bare = Prediction(outputs=prediction.outputs)
    assert curves(bare, targets, kind="classes", count=7)[0] == ()
    broken = prediction.probabilities.clone()
    broken[0, 0] = torch.nan
    given = Prediction(outputs=prediction.outputs, probabilities=broken)
    assert curves(given, targets, kind="classes", count=7)[0] == ()


def test_numbers_have_none():
    targets = torch.rand(9)
    found, judged = curves(Prediction(outputs=targets), targets, kind="real", count=1)
    assert found == ()
    assert judged.to_json()["curves"] == []
