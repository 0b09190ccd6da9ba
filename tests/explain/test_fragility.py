"""How far a map moves under a perturbation that nobody sees."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from netwright import explain
from netwright._errors import BadType, BadValue
from netwright.explain.trials.similarity import spearman, top_overlap


def network():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 8), nn.ReLU(),
        nn.Linear(8, 3),
    ).double()  # fmt: skip


PICTURES = torch.rand(5, 1, 8, 8, generator=torch.Generator().manual_seed(0)).double()


def test_a_linear_model_has_maps_that_nothing_moves():
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 3)).double()
    found = explain.fragility(model, PICTURES, method="gradient")
    assert (found.overlap == 1).all()
    assert torch.allclose(found.correlation, torch.ones(5, dtype=torch.double))


def test_what_is_found_is_there():
    """The perturbed pictures are within the bound, predicted as before, and as unlike as told."""
    model = network()
    found = explain.fragility(model, PICTURES, method="saliency", epsilon=0.1, top=0.1)
    bound = 0.1 * (PICTURES.amax((1, 2, 3)) - PICTURES.amin((1, 2, 3)))
    moved = (found.perturbed - PICTURES).abs().amax((1, 2, 3))
    assert (moved <= bound + 1e-12).all()
    assert torch.equal(model(found.perturbed).argmax(1), model(PICTURES).argmax(1))
    target = model(PICTURES).argmax(1)
    before, after = (
        explain.saliency(model, given, target=target).flatten(1)
        for given in (PICTURES, found.perturbed)
    )
    assert torch.equal(top_overlap(before, after, share=0.1), found.overlap)
    assert (found.correlation <= spearman(before, after) + 1e-12).all()
    assert (found.overlap < 1).any()


def test_what_changes_the_prediction_does_not_count():
    model, rows = nn.Linear(2, 2, bias=False).double(), torch.tensor([[1.0, 1.01]]).double()
    with torch.no_grad():
        model.weight.copy_(torch.eye(2))

    def swap(given, inputs, *, target, bound):
        yield inputs.flip(1)

    def picture(given, inputs, *, target):
        return inputs

    found = explain.fragility(model, rows, method=picture, attack=swap, epsilon=1.0, top=0.5)
    assert found.kept.tolist() == [0]
    assert found.tried == 1
    assert found.overlap.tolist() == [1]
    assert torch.equal(found.perturbed, rows)
    at_last = explain.fragility(
        model, rows, method=picture, attack=swap, epsilon=1.0, top=0.5, target=0
    )
    assert at_last.kept.tolist() == [0], "whatever is explained, the prediction has to stay"


def test_the_least_correlation_is_not_that_of_the_least_overlap():
    """The first perturbation turns the highest pixel over, the second all but that one."""
    rows = torch.tensor([[9.0, 4, 3, 2, 1, 0]]).double()
    moved = torch.tensor([[8.9, 9, 3, 2, 1, 0], [9.0, 0, 1, 2, 3, 4]]).double()

    def both(given, inputs, *, target, bound):
        yield from moved[:, None]

    model = nn.Linear(6, 2).double()
    with torch.no_grad():
        model.weight.zero_()
    found = explain.fragility(
        model, rows, attack=both, epsilon=1.0, top=1 / 6,
        method=lambda model, inputs, target: inputs,
    )  # fmt: skip
    assert found.kept.tolist() == [2]
    assert found.overlap.tolist() == [0]
    assert found.correlation.item() == pytest.approx(spearman(rows, moved[1:]).item())
    assert torch.equal(found.perturbed, moved[:1])


def test_of_a_single_score_the_sign_is_kept():
    model, rows = nn.Linear(2, 1, bias=False).double(), torch.tensor([[1.0, 0.9], [1.0, -0.5]])
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[1.0, -1.0]]))

    def swap(given, inputs, *, target, bound):
        yield inputs.flip(1)

    found = explain.fragility(
        model, torch.tensor([[1.0, 0.9], [-0.5, -0.4]]).double(), attack=swap, epsilon=2.0,
        method=lambda model, inputs, target: inputs, top=0.5,
    )  # fmt: skip
    assert found.kept.tolist() == [0, 0]
    both = explain.fragility(
        model, rows.double(), attack=lambda given, inputs, target, bound: iter([inputs * 0.9]),
        method=lambda model, inputs, target: inputs, epsilon=2.0,
    )  # fmt: skip
    assert both.kept.tolist() == [1, 1]


def test_an_attack_beyond_the_bound_is_brought_back():
    def far(given, inputs, *, target, bound):
        yield inputs + 100

    found = explain.fragility(
        nn.Sequential(nn.Flatten(), nn.Linear(64, 1)).double(), PICTURES, attack=far,
        method=lambda model, inputs, target: -((inputs - PICTURES) * PICTURES), epsilon=0.01,
    )  # fmt: skip
    assert ((found.perturbed - PICTURES).abs() <= 0.01 + 1e-12).all()


def test_more_draws_find_no_less():
    few, many = (
        explain.fragility(
            network(), PICTURES, method="saliency", attack=explain.RandomSigns(draws=draws)
        )
        for draws in (2, 6)
    )
    torch.manual_seed(0)
    assert (few.tried, many.tried) == (2, 6)


def test_random_signs_are_at_the_corners_and_differ():
    bound = torch.full((5, 1, 1, 1), 0.25).double()
    sets = list(explain.RandomSigns(draws=3)(None, PICTURES, target=None, bound=bound))
    for moved in sets:
        assert torch.allclose((moved - PICTURES).abs(), bound.expand_as(moved))
        share = (moved > PICTURES).double().mean()
        assert 0.3 < share < 0.7
    assert not torch.equal(sets[0], sets[1])


@pytest.mark.parametrize(
    ("keywords", "error", "words"),
    [
        ({"epsilon": 0.0}, BadValue, "positive"),
        ({"top": 0.0}, BadValue, "above 0 and at most 1"),
        ({"method": "none"}, BadValue, "known explanation"),
    ],
)
def test_what_makes_no_sense_is_refused(keywords, error, words):
    with pytest.raises(error, match=words):
        explain.fragility(network(), PICTURES, **({"method": "saliency"} | keywords))
    with pytest.raises(BadType, match="whether they stay"):
        explain.fragility(nn.Identity(), PICTURES, method="saliency")
    with pytest.raises(BadValue, match="at least 1"):
        explain.RandomSigns(draws=0)
