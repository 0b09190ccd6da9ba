"""A curve by depth: where the signal was put, and against scikit-learn by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import nn

from netwright._errors import BadValue
from netwright.evaluate.layer_curve import layer_curve


class Ring(nn.Module):
    """Knows the distance from the middle behind its first layer, and may lose it in its second."""

    def __init__(self, *, knows: bool) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(2, 2), nn.Linear(2, 1), nn.Linear(1, 2)
        with torch.no_grad():
            self.first.weight.copy_(torch.eye(2))
            self.first.bias.zero_()
            self.second.weight.fill_(1.0 if knows else 0.0)

    def forward(self, rows):
        return self.head(self.second(self.first(rows).square()))


def split(count, seed):
    rows = torch.randn(count, 2, generator=torch.Generator().manual_seed(seed))
    return rows, (rows.square().sum(1) > 1.4).long()


ROWS = {
    part: split(count, seed)
    for seed, (part, count) in enumerate((("train", 300), ("val", 100), ("test", 400)))
}


def given():
    return {part: (x.split(64), y) for part, (x, y) in ROWS.items()}


def test_the_layer_that_knows_is_found_and_the_untrained_one_gains_nothing():
    curve = layer_curve(Ring(knows=True), Ring(knows=False), rows=given())
    assert [layer.after for layer in curve.layers] == ["input", "first", "second"]
    assert curve.layers[0].trained[0] < 0.75
    assert curve.layers[1].trained[0] > 0.95
    assert curve.layers[2].trained[0] > 0.95
    low = curve.layers[2].gain[1]
    assert low > 0.3
    assert curve.layers[0].gain == curve.layers[1].gain == (0.0, 0.0, 0.0)
    assert curve.best.trained[0] == max(layer.trained[0] for layer in curve.layers)
    assert (curve.n_train, curve.n_test) == (300, 400)
    assert f"best after {curve.best.after}" in str(curve)
    assert curve.to_json()["layers"][2]["after"] == "second"


def test_figures_are_those_of_a_classifier_fitted_by_hand():
    curve = layer_curve(Ring(knows=True), Ring(knows=False), rows=given())
    x, y = ROWS["train"]
    scaler = StandardScaler().fit(x)
    losses, rights = [], []
    for strength in (1e-3, 1e-2, 1e-1, 1.0):
        model = LogisticRegression(C=strength).fit(scaler.transform(x), y)
        held, truth = ROWS["val"]
        chances = model.predict_proba(scaler.transform(held))
        losses.append(-np.log(chances[np.arange(len(truth)), truth]).mean())
        test, answers = ROWS["test"]
        rights.append(int((model.predict(scaler.transform(test)) == answers.numpy()).sum()))
    right = rights[int(np.argmin(losses))]
    value, low, high = curve.layers[0].trained
    assert value == pytest.approx(right / 400)
    assert low == pytest.approx(stats.beta.ppf(0.025, right, 401 - right), abs=1e-6)
    assert high == pytest.approx(stats.beta.ppf(0.975, right + 1, 400 - right), abs=1e-6)
    major = (ROWS["test"][1] == ROWS["train"][1].mode().values).double().mean()
    assert curve.majority == pytest.approx(float(major))


def test_the_interval_of_a_gain_is_that_of_paired_differences():
    curve = layer_curve(Ring(knows=True), Ring(knows=False), rows=given())
    value, low, high = curve.layers[2].gain
    share = curve.layers[2].untrained[0]
    error = (share * (1 - share) / 400) ** 0.5  # the trained one is all but always right
    assert value - low == pytest.approx(1.96 * error, rel=0.25)
    assert high - value == pytest.approx(1.96 * error, rel=0.25)


def test_it_is_drawn(tmp_path):
    curve = layer_curve(Ring(knows=True), Ring(knows=False), rows=given())
    figure = curve.draw(tmp_path / "curve.svg")
    assert (tmp_path / "curve.svg").stat().st_size > 1000
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == [
        "trained",
        "untrained",
        "majority class",
    ]


def test_what_is_refused():
    with pytest.raises(BadValue, match="network must be of more than one block"):
        layer_curve(nn.Linear(2, 2), nn.Linear(2, 2), rows=given())
    other = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    with pytest.raises(BadValue, match="untrained must be the same network"):
        layer_curve(Ring(knows=True), other, rows=given())
