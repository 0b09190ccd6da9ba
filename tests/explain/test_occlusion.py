"""Occlusion against forward passes by hand and Captum's."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from captum.attr import Occlusion
from torch import nn

from netwright import explain
from netwright._errors import BadType, BadValue


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(4),
        nn.Flatten(), nn.Linear(128, 5),
    ).eval()  # fmt: skip


PICTURES = torch.randn(3, 3, 20, 17, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("target", [None, 2, [0, 1, 4]])
def test_one_window_is_the_two_forward_passes(target):
    """The predicted class of the whole picture, or any other, the true one say."""
    model = network()
    covered = PICTURES.clone()
    covered[:, :, 8:13, 4:9] = 0.25
    with torch.no_grad():
        before, after = model(PICTURES).log_softmax(1), model(covered).log_softmax(1)
    column = before.argmax(1) if target is None else torch.as_tensor(target).expand(3)
    expected = (before - after).gather(1, column[:, None])[:, 0]
    found = explain.occlusion_grid(model, PICTURES, target=target, window=5, stride=4, fill=0.25)[
        :, 2, 1
    ]
    assert torch.allclose(found, expected, atol=1e-6)
    assert expected.abs().min() > 1e-4


def test_pixels_have_the_mean_of_the_windows_over_them():
    grid = explain.occlusion_grid(network(), PICTURES, window=(6, 5), stride=(4, 3))
    found = explain.occlusion(network(), PICTURES, window=(6, 5), stride=(4, 3))
    tops, lefts = [0, 4, 8, 12, 14], [0, 3, 6, 9, 12]
    assert grid.shape == (3, 5, 5)
    total, count = torch.zeros(2, 3, 20, 17)
    for row, top in enumerate(tops):
        for column, left in enumerate(lefts):
            total[:, top : top + 6, left : left + 5] += grid[:, row, column][:, None, None]
            count[:, top : top + 6, left : left + 5] += 1
    assert torch.allclose(found, total / count, atol=1e-6)


def test_where_windows_leave_gaps_the_nearest_counts():
    grid = explain.occlusion_grid(network(), PICTURES, window=2, stride=6)
    found = explain.occlusion(network(), PICTURES, window=2, stride=6)
    assert grid.shape == (3, 4, 3)
    assert torch.allclose(found[:, 2, 0], grid[:, 0, 0])
    assert torch.allclose(found[:, 5, 0], grid[:, 1, 0])


def test_captum_finds_the_same_drop_of_the_score():
    model = network()
    theirs = Occlusion(lambda x: model(x)[:, 1]).attribute(
        PICTURES, sliding_window_shapes=(3, 5, 5), strides=(3, 5, 4), baselines=0
    )[:, 0]
    own = explain.occlusion(
        model, PICTURES, window=5, stride=(5, 4), target=lambda output: output[:, 1]
    )
    assert torch.allclose(own, theirs, atol=1e-5)


def test_rows_lose_one_column_after_the_other():
    model, rows = nn.Linear(4, 3), torch.randn(5, 4)
    found = explain.occlusion(model, rows, target=1, fill=rows.mean(0))
    for column in range(4):
        without = rows.clone()
        without[:, column] = rows[:, column].mean()
        drop = model(rows).log_softmax(1)[:, 1] - model(without).log_softmax(1)[:, 1]
        assert torch.allclose(found[:, column], drop, atol=1e-6)


@pytest.mark.parametrize(
    "fill", [0.5, torch.tensor([0.1, 0.2, 0.3])[:, None, None], explain.channel_mean]
)
def test_fills(fill):
    model = network()
    value = fill(PICTURES) if callable(fill) else torch.as_tensor(fill)
    whole = value.expand_as(PICTURES).clone()
    found = explain.occlusion_grid(model, PICTURES, target=0, window=(20, 17), fill=fill)
    expected = model(PICTURES).log_softmax(1)[:, 0] - model(whole).log_softmax(1)[:, 0]
    assert torch.allclose(found[:, 0, 0], expected, atol=1e-6)


def test_a_single_score_is_a_probability_by_its_sigmoid():
    model = nn.Sequential(network(), nn.Linear(5, 1))
    rows = explain.occlusion_grid(model, PICTURES, window=(20, 17))
    expected = F.logsigmoid(model(PICTURES)) - F.logsigmoid(model(PICTURES * 0))
    assert torch.allclose(rows[:, 0], expected, atol=1e-6)


def test_one_by_one_and_in_any_batch():
    together = explain.occlusion(network(), PICTURES, window=4, stride=2, batch_size=7)
    for number, picture in enumerate(PICTURES.split(1)):
        alone = explain.occlusion(network(), picture, window=4, stride=2)
        assert torch.allclose(together[number], alone[0], atol=1e-6)


def test_the_default_window_is_32_by_16_for_224_pixels():
    tiny = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert explain.occlusion_grid(tiny, torch.rand(1, 3, 224, 224)).shape == (1, 13, 13)


def test_memory_does_not_grow_with_the_places():
    alive = []

    class Watched(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = network()

        def forward(self, x):
            alive.append(len(x))
            return self.net(x)

    explain.occlusion(Watched(), PICTURES, window=2, stride=1, batch_size=10)
    assert max(alive) == 10
    assert sum(alive) >= 3 * 19 * 16


@pytest.mark.parametrize(
    ("inputs", "more", "error", "words"),
    [
        (torch.zeros(1, 3, 4), {}, BadType, "pictures .* or rows"),
        (torch.zeros(1, 3, 4, 4, dtype=torch.long), {}, BadType, "real numbers"),
        (PICTURES, {"window": 18}, BadValue, "window must be at most"),
        (PICTURES, {"window": 0}, BadValue, "at least 1"),
        (PICTURES, {"stride": 1.5}, BadType, "a whole number"),
        (PICTURES, {"batch_size": 0}, BadValue, "at least 1"),
        (PICTURES, {"fill": torch.zeros(4, 1, 1)}, BadValue, "fill must be"),
        (PICTURES, {"target": [1, 2]}, BadValue, "3: one for each example"),
    ],
)
def test_what_can_not_be_covered_is_refused(inputs, more, error, words):
    with pytest.raises(error, match=words):
        explain.occlusion(network(), inputs, **more)
