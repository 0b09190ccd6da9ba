import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from netwright._errors import BadValue
from netwright.metrics.base import Prediction
from netwright.metrics.ranking import AveragePrecision, RocAuc, average_precision, roc_auc

BOTH = {RocAuc: roc_auc_score, AveragePrecision: average_precision_score}


@pytest.mark.parametrize("metric", BOTH, ids=lambda metric: metric.__name__)
def test_binary_with_ties(streamed, decided, weight, metric):
    prediction, targets = decided
    assert len(prediction.probabilities.unique()) < 50
    for given in (None, weight):
        wanted = BOTH[metric](targets, prediction.probabilities, sample_weight=given)
        value = streamed(metric(), prediction, targets, weight=given)
        assert value == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("metric", BOTH, ids=lambda metric: metric.__name__)
def test_labels(streamed, labelled, weight, metric):
    prediction, targets = labelled
    wanted = BOTH[metric](targets, prediction.probabilities, average="macro", sample_weight=weight)
    assert streamed(metric(), prediction, targets, weight=weight) == pytest.approx(wanted)


def test_classes_one_against_the_rest(streamed, classified):
    prediction, targets = classified
    five = prediction.probabilities[:, :5] / prediction.probabilities[:, :5].sum(1, keepdim=True)
    wanted = roc_auc_score(targets, five, multi_class="ovr", average="macro")
    given = Prediction(outputs=prediction.outputs, probabilities=five)
    assert streamed(RocAuc(), given, targets) == pytest.approx(wanted)


def test_margins_rank_too(streamed, decided):
    prediction, targets = decided
    margins = Prediction(outputs=prediction.outputs, logits=prediction.logits)
    wanted = roc_auc_score(targets, prediction.logits)
    assert streamed(RocAuc(), margins, targets) == pytest.approx(wanted)


def test_a_label_without_positives_is_left_out(labelled):
    prediction, targets = labelled
    without = targets.clone()
    without[:, 0] = 0
    metric = AveragePrecision()
    metric.update(prediction, without)
    wanted = average_precision_score(targets[:, 1:], prediction.probabilities[:, 1:])
    assert metric.compute() == pytest.approx(wanted)


@pytest.mark.parametrize("metric", BOTH, ids=lambda metric: metric.__name__)
def test_undefined_is_said(metric):
    judge = metric()
    with pytest.raises(BadValue, match="got nothing"):
        judge.compute()
    judge.update(
        Prediction(outputs=None, probabilities=torch.rand(4)), torch.zeros(4, dtype=torch.long)
    )
    with pytest.raises(BadValue, match=r"with.* the label"):
        judge.compute()


def test_a_score_that_is_no_number_makes_no_figure():
    scores = torch.tensor([0.1, float("nan"), 0.7])
    targets, weights = torch.tensor([0, 1, 1]), torch.ones(3, 1)
    assert roc_auc(scores, targets, weights=weights).isnan().all()
    assert average_precision(scores, targets, weights=weights).isnan().all()
