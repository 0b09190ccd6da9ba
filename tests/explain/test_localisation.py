"""Scores of maps against masks, beside numpy, scipy and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt
from sklearn.metrics import average_precision_score

from netwright import explain
from netwright._errors import BadType, BadValue


@pytest.fixture(params=[None, 1], ids=["no ties", "ties"])
def drawn(request):
    """Maps and masks of 24 pictures; rounded, many values are shared."""
    generator = torch.Generator().manual_seed(3)
    maps = torch.randn(24, 13, 17, generator=generator, dtype=torch.double)
    if request.param:
        maps = (maps * 2).round()
    masks = torch.zeros(24, 13, 17, dtype=torch.bool)
    for number, mask in enumerate(masks):
        mask[number % 9 : number % 9 + 3, number % 7 : number % 7 + 1 + number % 4] = True
        mask[number % 13, 16] = True
    return maps, masks


@pytest.mark.parametrize("tolerance", [0, 1, 2.5, 5, 15])
def test_a_point_hits_by_its_distance_from_the_mask(drawn, tolerance):
    maps, masks = drawn
    found = explain.pointing_game(maps, masks, tolerance=tolerance)
    for number, (values, mask) in enumerate(zip(maps.numpy(), masks.numpy(), strict=True)):
        distance = distance_transform_edt(~mask)
        near = distance[values == values.max()] <= tolerance
        assert found.hits[number].item() == pytest.approx(near.mean())
        assert found.ties[number].item() == near.size
        assert found.chance[number].item() == pytest.approx((distance <= tolerance).mean())


def test_the_tolerance_is_the_papers():
    maps, masks = torch.zeros(2, 40, 40), torch.zeros(2, 40, 40, dtype=torch.bool)
    masks[:, 20, 20] = True
    maps[0, 20, 35] = maps[1, 20, 36] = 1
    assert explain.pointing_game(maps, masks).hits.tolist() == [1, 0]


def test_precision_over_recall_is_scikit_learns(drawn):
    maps, masks = drawn
    found = explain.mask_overlap(maps, masks).precision_recall
    theirs = [
        average_precision_score(mask.ravel(), values.ravel())
        for values, mask in zip(maps.numpy(), masks.numpy(), strict=True)
    ]
    assert found.numpy() == pytest.approx(np.array(theirs), abs=1e-12)


def test_energy_is_the_positive_mass_within(drawn):
    maps, masks = drawn
    positive = np.maximum(maps.numpy(), 0)
    within = (positive * masks.numpy()).sum((1, 2)) / positive.sum((1, 2))
    assert explain.mask_overlap(maps, masks).energy.numpy() == pytest.approx(within)


def test_as_many_points_as_the_mask_has_are_laid_over_it(drawn):
    """Ties by the mean over many orders of the points."""
    maps, masks = drawn
    found = explain.mask_overlap(maps, masks).intersection_over_union
    draw = np.random.default_rng(0)
    for score, values, mask in zip(found, maps.numpy(), masks.numpy(), strict=True):
        size, common = mask.sum(), []
        for _ in range(400):
            order = np.lexsort((draw.random(mask.size), -values.ravel()))[:size]
            common.append(mask.ravel()[order].sum())
        expected = np.mean(common) / (2 * size - np.mean(common))
        assert score.item() == pytest.approx(expected, abs=0.02 if np.ptp(common) else 1e-12)


@pytest.mark.parametrize("value", [0.0, 3.0, -2.0])
def test_an_even_map_is_worth_chance(drawn, value):
    masks = drawn[1]
    maps = torch.full(masks.shape, value)
    points, found = explain.pointing_game(maps, masks), explain.mask_overlap(maps, masks)
    assert torch.allclose(points.hits, points.chance)
    assert torch.allclose(found.energy, found.area)
    assert torch.allclose(found.precision_recall, found.area)
    assert torch.allclose(found.intersection_over_union, found.chance)


def test_chance_is_what_random_maps_reach():
    masks = torch.zeros(4000, 6, 6, dtype=torch.bool)
    masks[:, 1:4, 2:5] = True
    found = explain.mask_overlap(torch.rand(masks.shape), masks)
    points = explain.pointing_game(torch.rand(masks.shape), masks, tolerance=1)
    assert found.energy.mean().item() == pytest.approx(0.25, abs=0.01)
    assert found.intersection_over_union.mean().item() == pytest.approx(0.25 / 1.75, abs=0.02)
    assert points.hits.mean().item() == pytest.approx(points.chance.mean().item(), abs=0.03)


def test_the_mask_itself_is_worth_one(drawn):
    masks = drawn[1]
    points, found = (score(masks.half(), masks) for score in SCORES)
    assert bool((points.hits == 1).all())
    for one in (found.energy, found.precision_recall, found.intersection_over_union):
        assert torch.allclose(one, torch.ones_like(one))


def test_inputs_shape_is_taken_by_its_largest_colour(drawn):
    maps, masks = drawn
    colours = torch.stack([maps - 1, maps, maps - 2], 1)
    assert torch.equal(
        explain.mask_overlap(colours, masks).energy, explain.mask_overlap(maps, masks).energy
    )
    assert torch.equal(
        explain.pointing_game(colours, masks).hits, explain.pointing_game(maps, masks).hits
    )


def test_small_numbers_of_any_dtype_lose_nothing(drawn):
    maps, masks = drawn
    small = explain.mask_overlap((maps.round() * 1e-37).float(), masks)
    large = explain.mask_overlap(maps.round(), masks)
    assert torch.allclose(small.energy, large.energy)


SCORES = (explain.pointing_game, explain.mask_overlap)
MARKED = torch.ones(2, 4, 4, dtype=torch.bool)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(
    ("maps", "masks", "error", "words"),
    [
        (torch.ones(2, 4, 4, dtype=torch.long), MARKED, BadType, "maps must be a tensor of real"),
        (torch.ones(2, 4, 4), MARKED.float(), BadType, "masks must be a tensor of bools"),
        (torch.ones(2, 4, 5), MARKED, BadValue, "as the masks are"),
        (torch.ones(1, 4, 4), MARKED, BadValue, "as the masks are"),
        (torch.full((2, 4, 4), torch.nan), MARKED, BadValue, "in pictures 0, 1"),
        (torch.ones(2, 4, 4), ~MARKED, BadValue, "none in 0, 1"),
    ],
)
def test_what_can_not_be_compared_is_refused(score, maps, masks, error, words):
    with pytest.raises(error, match=words):
        score(maps, masks)


def test_a_negative_tolerance_is_refused():
    with pytest.raises(BadValue, match="0 or more pixels"):
        explain.pointing_game(torch.ones(2, 4, 4), MARKED, tolerance=-1)
