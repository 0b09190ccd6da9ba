import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from netwright._errors import BadData, BadValue
from netwright.evaluate.temperature import COLDEST, fit_temperature, with_temperature
from netwright.metrics.base import Prediction


def overconfident(*, n=400, k=5, by=2.5):
    logits = 4 * torch.randn(n, k)
    targets = torch.distributions.Categorical(logits=logits / by).sample()
    return Prediction(
        outputs=logits.argmax(1), probabilities=logits.softmax(1), logits=logits
    ), targets


def best(scores, targets):
    """scipy's minimum of the log loss over the temperature."""

    def loss(temperature):
        law = log_softmax(scores / temperature, axis=1)
        return -law[np.arange(len(law)), targets].mean()

    return minimize_scalar(loss, bounds=(0.05, 20), method="bounded", options={"xatol": 1e-10}).x


def test_classes_are_scipys_minimum():
    prediction, targets = overconfident()
    wanted = best(prediction.logits.double().numpy(), targets.numpy())
    found = fit_temperature(prediction, targets, kind="classes")
    assert found == pytest.approx(wanted, rel=1e-6)
    assert found > 1.5
    cooled = with_temperature(prediction, found, kind="classes")
    assert torch.allclose(cooled.probabilities, (prediction.logits / found).softmax(1), atol=1e-6)
    assert torch.equal(cooled.outputs, prediction.outputs)


def test_probabilities_alone_are_enough():
    prediction, targets = overconfident()
    bare = Prediction(outputs=prediction.outputs, probabilities=prediction.probabilities)
    one, other = (fit_temperature(p, targets, kind="ordinal") for p in (prediction, bare))
    assert one == pytest.approx(other, rel=1e-4)


@pytest.mark.parametrize("kind", ["binary", "multi-label"])
def test_odds_are_scipys_minimum(kind):
    odds = 3 * torch.randn(300, 1 if kind == "binary" else 3)
    targets = torch.bernoulli((odds / 1.7).sigmoid())
    probabilities = odds.sigmoid()
    if kind == "binary":
        probabilities, targets = probabilities.squeeze(1), targets.squeeze(1).long()
    prediction = Prediction(outputs=targets, probabilities=probabilities, logits=odds)
    flat = odds.double().flatten().numpy()
    wanted = best(np.stack([0 * flat, flat], axis=1), targets.flatten().long().numpy())
    found = fit_temperature(prediction, targets, kind=kind)
    assert found == pytest.approx(wanted, rel=1e-6)
    cooled = with_temperature(prediction, found, kind=kind)
    assert torch.allclose(
        cooled.probabilities, (odds / found).sigmoid().reshape(probabilities.shape), atol=1e-6
    )


def test_answers_that_are_all_right_end_at_the_bound():
    targets = torch.arange(30) % 3
    law = torch.nn.functional.one_hot(targets, 3) * 0.7 + 0.1
    found = fit_temperature(Prediction(outputs=targets, probabilities=law), targets, kind="classes")
    assert found == pytest.approx(COLDEST, rel=1e-3)


def test_what_has_no_temperature_is_refused():
    prediction, targets = overconfident(n=5)
    with pytest.raises(BadValue, match="probabilities of classes"):
        fit_temperature(Prediction(outputs=targets), targets, kind="classes")
    broken = Prediction(outputs=targets, probabilities=torch.full((5, 3), torch.nan))
    with pytest.raises(BadData, match="predictions must be finite"):
        fit_temperature(broken, targets, kind="classes")
    with pytest.raises(BadValue, match="temperature must be above 0"):
        with_temperature(prediction, 0.0, kind="classes")
    with pytest.raises(BadValue, match="prediction must be given with probabilities"):
        with_temperature(Prediction(outputs=targets), 1.0, kind="classes")
