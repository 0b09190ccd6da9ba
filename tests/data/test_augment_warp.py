"""Warps against torchvision and scipy, which carry out the same maps."""

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from netwright._errors import BadValue
from netwright.data.augment.affine import affine, affine_warp
from netwright.data.augment.compose import Augment
from netwright.data.augment.draws import Draws
from netwright.data.augment.elastic import elastic, elastic_warp
from netwright.data.augment.flip_vertical import flip_vertical
from netwright.data.augment.warp import Warp, straight
from netwright.data.batch import Batch

HEIGHT, WIDTH = 21, 32


def draws_of(count, seed=0):
    return Draws(index=torch.arange(count), seed=seed, epoch=0)


@pytest.mark.parametrize("fill", [None, 0.0, 0.7])
@pytest.mark.parametrize(
    ("degrees", "zoom", "slant", "right", "down"),
    [
        (20.0, 1.2, 0.0, 0, 0),
        (-35.0, 0.8, 15.0, 4, -3),
        (0.0, 1.0, -25.0, -5, 2),
        (9, 1.1, 9, 1, 1),
    ],
)
def test_straight_maps_are_torchvisions_affine(degrees, zoom, slant, right, down, fill):
    from torchvision import tv_tensors
    from torchvision.transforms.v2 import InterpolationMode
    from torchvision.transforms.v2.functional import affine as reference

    picture = torch.rand(1, 3, HEIGHT, WIDTH)
    how = {"angle": -degrees, "translate": [right, down], "scale": zoom, "shear": [slant, 0.0]}
    warp = straight(
        (HEIGHT, WIDTH),
        radians=torch.tensor([math.radians(degrees)]),
        zoom=torch.tensor([zoom]),
        slant=torch.tensor([slant]).deg2rad().tan(),
        move=torch.tensor([[right / WIDTH, down / HEIGHT]]),
        fill=fill,
    )
    bilinear = {"interpolation": InterpolationMode.BILINEAR}
    # with a fill, torchvision weighs what lies at the edge twice: so it gets the difference to it
    expected = reference(picture - (fill or 0), **how, **bilinear) + (fill or 0)
    whole = reference(torch.ones_like(picture), **how, **bilinear) > 0.999
    assert whole.float().mean() > 0.4
    got = warp.pictures(picture)
    torch.testing.assert_close(got[whole], expected[whole], rtol=0, atol=2e-3)
    if fill is not None:
        torch.testing.assert_close(got, expected, rtol=0, atol=2e-3)
    boxes = torch.tensor([[10.0, 6, 18, 14]])
    wrapped = tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=(HEIGHT, WIDTH))
    theirs = reference(wrapped, **how).as_subclass(torch.Tensor)
    ours = warp.boxes(boxes, size=(HEIGHT, WIDTH))
    limit = torch.tensor([WIDTH, HEIGHT, WIDTH, HEIGHT])
    torch.testing.assert_close(ours.clamp(min=0).minimum(limit), theirs, rtol=0, atol=2e-3)
    mask = (torch.rand(1, 1, HEIGHT, WIDTH) * 5).long()
    moved = reference(tv_tensors.Mask(mask), **how)
    if fill is not None:  # a place just between two pixels may go either way
        assert (warp.masks(mask) == moved).float().mean() > 0.99


def test_a_displaced_picture_is_scipys_map_coordinates():
    pictures = torch.rand(3, 2, HEIGHT, WIDTH)
    warp = elastic_warp((HEIGHT, WIDTH), draws_of(3))
    pixels = warp.displaced.permute(0, 2, 3, 1).double().numpy() * np.array([WIDTH / 2, HEIGHT / 2])
    down, across = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    got, nearest = warp.pictures(pictures), warp.masks((pictures * 200).long())
    assert (got - pictures).abs().mean() > 0.02
    for place in range(3):
        where = [down + pixels[place, ..., 1], across + pixels[place, ..., 0]]
        for channel in range(2):
            source = pictures[place, channel].double().numpy()
            expected = ndimage.map_coordinates(source, where, order=1, mode="nearest")
            np.testing.assert_allclose(got[place, channel], expected, atol=2e-5)
            mask = (pictures[place, channel] * 200).long().numpy()
            expected = ndimage.map_coordinates(mask, where, order=0, mode="nearest")
            assert (nearest[place, channel].numpy() == expected).mean() > 0.995


@pytest.mark.parametrize(
    ("size", "smoothness"), [((48, 48), 0.14), ((40, 64), 0.08), ((64, 40), 0.2)]
)
def test_the_field_is_blurred_noise_of_the_stated_size(size, smoothness):
    """Standard deviation at every pixel; correlation exp(−r²/4σ²), that of noise blurred by σ."""
    field = elastic_warp(
        size, draws_of(4000), amount=0.03, smoothness=smoothness
    ).displaced.permute(0, 2, 3, 1)
    pixels = field * torch.tensor([size[1] / 2, size[0] / 2])
    expected = 0.03 * min(size)
    spread = pixels.std(0)
    assert pixels.mean(0).abs().max() < 0.1 * expected
    torch.testing.assert_close(spread, torch.full_like(spread, expected), rtol=0.07, atol=0)
    sigma = smoothness * min(size)
    middle = pixels[:, size[0] // 2, size[1] // 2]
    for apart in (2, round(sigma), round(2 * sigma)):
        other = pixels[:, size[0] // 2, size[1] // 2 - apart]
        correlation = (middle * other).mean(0) / expected**2
        wanted = math.exp(-(apart**2) / (4 * sigma**2))
        assert correlation.tolist() == pytest.approx([wanted, wanted], abs=0.06)
    assert (middle[:, 0] * middle[:, 1]).mean().abs() < 0.06 * expected**2


def test_scipys_blurred_noise_has_that_correlation():
    """The reference of the reference: what Simard et al. do, on a large plane."""
    noise = np.random.default_rng(0).uniform(-1, 1, (600, 600))
    blurred = ndimage.gaussian_filter(noise, 4.0)
    blurred /= blurred.std()
    for apart in (2, 4, 8):
        got = (blurred[:, apart:] * blurred[:, :-apart]).mean()
        assert got == pytest.approx(math.exp(-(apart**2) / 64), abs=0.05)


def test_two_warps_are_one_where_the_first_is_straight():
    """A smooth picture shows the same; a rough one stays sharper."""
    down, across = torch.meshgrid(torch.arange(40.0), torch.arange(40.0), indexing="ij")
    picture = (torch.sin(down / 6) + torch.cos(across / 5))[None, None].expand(8, 1, 40, 40)
    draws = draws_of(8)
    turned = affine_warp((40, 40), draws, degrees=20)
    bent = elastic_warp((40, 40), draws)
    again = affine_warp((40, 40), draws_of(8, seed=1), degrees=20)
    for first, second in ((turned, bent), (turned, again), (Warp(), turned), (turned, Warp())):
        assert first.joins(second)
        one = first.then(second).pictures(picture)
        two = second.pictures(first.pictures(picture))
        inner = slice(14, -14)
        torch.testing.assert_close(
            one[..., inner, inner], two[..., inner, inner], rtol=0, atol=0.02
        )
    assert not bent.joins(turned)
    assert not turned.joins(affine_warp((40, 40), draws, fill=0.0))
    rough = torch.rand(8, 1, 40, 40)
    sharper = turned.then(bent).pictures(rough).var()
    assert sharper > 1.1 * bent.pictures(turned.pictures(rough)).var()


def test_augment_reads_once_what_can_be_read_once():
    pictures, index = torch.rand(4, 1, 16, 16), torch.arange(4)
    recipe = [{"name": "rotate-scale"}, {"name": "affine"}, {"name": "elastic"}]
    got = Augment(recipe, seed=5)(pictures, index, epoch=1)

    def draws(scope):
        return Draws(index=index, seed=5, epoch=1, scope=scope)

    from netwright.data.augment.rotate_scale import turning

    first = turning((16, 16), draws("0/rotate-scale"))
    joined = first.then(affine_warp((16, 16), draws("1/affine")))
    joined = joined.then(elastic_warp((16, 16), draws("2/elastic")))
    assert torch.equal(got, joined.pictures(pictures))


def test_bytes_are_rounded_floats():
    pictures = torch.randint(0, 256, (5, 3, 12, 12), dtype=torch.uint8)
    for augment in (affine, elastic):
        got, exact = augment(pictures, draws_of(5)), augment(pictures.float(), draws_of(5))
        assert got.dtype == torch.uint8
        assert (got.float() - exact).abs().max() <= 0.5001


@pytest.mark.parametrize("name", ["affine", "elastic", "rotate-scale", "random-resized-crop"])
def test_gradients_come_back_to_the_pictures(name):
    pictures = torch.rand(2, 1, 6, 6, dtype=torch.float64, requires_grad=True)
    augment = Augment([{"name": name}], seed=0)
    chosen = torch.rand(2, 1, 6, 6, dtype=torch.float64)
    (augment(pictures, torch.arange(2), epoch=0) * chosen).sum().backward()
    step = torch.zeros_like(pictures)
    step[1, 0, 2, 3] = 1e-3
    with torch.no_grad():
        gain = (augment(pictures + step, torch.arange(2), epoch=0)
                - augment(pictures - step, torch.arange(2), epoch=0)) * chosen  # fmt: skip
    assert gain.sum().item() / 2e-3 == pytest.approx(pictures.grad[1, 0, 2, 3].item(), abs=1e-6)


def test_upside_down():
    pictures = torch.rand(40, 2, 5, 7)
    got = flip_vertical(pictures, draws_of(40))
    turned = [torch.equal(new, old.flip(1)) for new, old in zip(got, pictures, strict=True)]
    same = [torch.equal(new, old) for new, old in zip(got, pictures, strict=True)]
    assert all(a != b for a, b in zip(turned, same, strict=True))
    assert 8 < sum(turned) < 32


def test_affine_fills_its_ranges_and_draws_them_apart():
    def ranged(**one):
        chosen = {"degrees": 0.0, "scale": 0.0, "shear": 0.0, "shift": 0.0, **one}
        return affine_warp((10, 10), draws_of(4000), **chosen).back

    turned = ranged(degrees=30.0)
    angles = torch.atan2(turned[:, 1, 0], turned[:, 0, 0]).rad2deg()
    assert (angles.min(), angles.max()) == (pytest.approx(-30, abs=0.1), pytest.approx(30, abs=0.1))
    slants = ranged(shear=20.0)[:, 0, 1].atan().rad2deg()
    assert (slants.min(), slants.max()) == (pytest.approx(-20, abs=0.1), pytest.approx(20, abs=0.1))
    moved = ranged(shift=0.2)[..., 2] / 2
    assert moved.abs().max() == pytest.approx(0.2, abs=1e-3)
    assert torch.corrcoef(moved.T)[0, 1].abs() < 0.06
    zooms = 1 / ranged(scale=0.3)[:, 0, 0]
    assert (zooms.min(), zooms.max()) == (
        pytest.approx(0.7, abs=2e-3),
        pytest.approx(1.3, abs=2e-3),
    )


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"name": "affine", "shear": 90}, "shear must be"),
        ({"name": "affine", "shift": 2}, "shift must be"),
        ({"name": "affine", "degrees": 200}, "degrees must be"),
        ({"name": "affine", "scale": 1}, "scale must be"),
        ({"name": "elastic", "amount": 0.2}, "amount must be from 0 to half of smoothness"),
        ({"name": "elastic", "smoothness": 0}, "smoothness must be"),
        ({"name": "flip-vertical", "probability": 2}, "probability must be"),
        ({"name": "saturation-hue", "hue": 0.6}, "hue must be"),
        ({"name": "saturation-hue", "saturation": 2}, "saturation must be"),
    ],
)
def test_mistakes_in_the_recipe_are_refused_at_once(entry, message):
    with pytest.raises(BadValue, match=message):
        Augment([entry], seed=0)


def test_masks_of_integers_stay_the_integers_they_are():
    masks = torch.randint(0, 100_000, (2, 9, 9))
    moved = Augment([{"name": "elastic"}], seed=0).batch(
        Batch(torch.rand(2, 1, 9, 9), masks, torch.arange(2)), epoch=0
    )
    assert set(moved.targets.unique().tolist()) <= set(masks.unique().tolist())
