"""The line below a panel."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from netwright import explain

PICTURES = torch.rand(3, 3, 12, 12, generator=torch.Generator().manual_seed(0))


def network():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 4)
    )


def test_each_figure_is_that_of_its_own_function():
    model = network()
    maps, random = (method(model, PICTURES) for method in (explain.saliency, explain.random_map))
    found = explain.trust(model, PICTURES, maps=maps, method="saliency", draws=3)
    deletions, insertions = (
        [judged(model, PICTURES, maps=given, steps=8).areas for given in (maps, random)]
        for judged in (explain.deletion, explain.insertion)
    )
    moved = explain.fragility(
        model, PICTURES, method="saliency", attack=explain.RandomSigns(draws=3)
    )
    drawn = explain.parameter_randomisation(model, PICTURES, method="saliency")
    for row, own in enumerate(found):
        assert own.deletion == pytest.approx(deletions[0][row].item(), abs=1e-6)
        assert own.random_deletion == pytest.approx(deletions[1][row].item(), abs=1e-6)
        assert own.insertion == pytest.approx(insertions[0][row].item(), abs=1e-6)
        assert own.random_insertion == pytest.approx(insertions[1][row].item(), abs=1e-6)
        assert own.overlap == moved.overlap[row].item()
        assert own.randomised == drawn.highest[row, 0].item()


def test_a_random_map_has_no_advantage_over_itself():
    model = network()
    maps = explain.random_map(model, PICTURES)
    for own in explain.trust(model, PICTURES, maps=maps):
        assert own.insertion == own.random_insertion
        assert own.deletion == own.random_deletion


def test_what_would_take_too_long_is_left_out():
    model, maps = network(), PICTURES.mean(1)
    quick = explain.trust(model, PICTURES, maps=maps, method="saliency", seconds=0.0)
    assert all(own.overlap is None and own.randomised is None for own in quick)


def test_a_prediction_that_no_noise_leaves_is_no_steady_map():
    class Torn(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(2, 432))

        def forward(self, x):
            moved = (x[:2] - PICTURES[: len(x[:2])]).flatten(1).norm(dim=1) > 1e-3
            answer = x.flatten(1) @ self.weight.T * 1e-3
            shown = torch.cat((moved, moved.new_zeros(len(x) - len(moved))))
            return answer + torch.stack((5.0 * shown, 1.0 - 0.0 * shown), 1)

    found = explain.trust(Torn(), PICTURES, maps=PICTURES, method="gradient")
    assert [own.overlap is None for own in found] == [True, True, False]
    assert all(own.randomised is not None for own in found)


def test_the_line_tells_what_is_known():
    model, maps = network(), PICTURES.mean(1)
    line = explain.trust(model, PICTURES, maps=maps)[0].line()
    assert all(word in line for word in ("deletion 0.", "insertion 0.", "random"))
    assert "noise" not in line
    own = explain.Trust(
        deletion=0.1, insertion=0.8, random_deletion=0.3, random_insertion=0.4, overlap=0.5,
        randomised=0.125,
    )  # fmt: skip
    assert own.line() == (
        "deletion 0.10 (random 0.30), insertion 0.80 (random 0.40), "
        "top pixels kept under noise 50%, alike with half its layers untrained 0.12"
    )
