import math

import pytest
import torch
from torchvision.transforms import v2

from netwright._errors import BadValue
from netwright.data.augment.compose import Augment
from netwright.data.augment.draws import Draws
from netwright.data.augment.random_resized_crop import boxes, cut, random_resized_crop

PHOTO = torch.nn.functional.interpolate(
    torch.rand(1, 3, 40, 50, generator=torch.Generator().manual_seed(0)) * 255,
    (375, 500),
    mode="bicubic",
)[0].clamp(0, 255)


def draws_of(count, **options):
    return Draws(index=torch.arange(count), seed=0, epoch=0, **options)


def sizes_of(count, height, width):
    return torch.tensor([[height, width]]).expand(count, 2)


def test_a_box_is_cut_as_torchvision_cuts_it():
    for kind, apart in ((torch.float32, 1e-3), (torch.uint8, 0)):
        picture = PHOTO.to(kind)
        for box in ([0, 0, 375, 500], [100, 30, 60, 80], [7, 9, 301, 256], [374, 499, 1, 1]):
            expected = v2.functional.resized_crop(picture, *box, [224, 224], antialias=True)
            got = cut(picture, box, size=(224, 224))
            assert got.dtype == kind
            assert (got.float() - expected.float()).abs().max() <= apart


def test_bytes_are_resized_to_within_one_of_the_exact_value():
    exact = cut(PHOTO.round(), [20, 30, 333, 421], size=(224, 224))
    got = cut(PHOTO.round().to(torch.uint8), [20, 30, 333, 421], size=(224, 224))
    assert (got.float() - exact).abs().max() <= 1.01


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.uint8])
def test_in_batches_each_picture_is_cut_by_its_own_box(kind):
    pictures = (torch.rand(30, 3, 20, 32) * 255).to(kind)
    got = random_resized_crop(pictures, draws_of(30), scale=(0.2, 0.9))
    found = boxes(sizes_of(30, 20, 32), draws_of(30), scale=(0.2, 0.9)).tolist()
    for place, box in enumerate(found):
        expected = v2.functional.resized_crop(pictures[place], *box, [20, 32], antialias=True)
        apart = (got[place].double() - expected.double()).abs().max()
        assert apart <= (1 if kind == torch.uint8 else 1e-3)


def test_the_whole_picture_is_the_picture():
    pictures = (torch.rand(3, 3, 20, 20) * 255).to(torch.uint8)
    whole = random_resized_crop(pictures, draws_of(3), scale=(1, 1), ratio=(1, 1))
    assert torch.equal(whole, pictures)


@pytest.mark.parametrize("scale", [(0.08, 1.0), (0.5, 1.0)])
def test_boxes_are_drawn_as_torchvision_draws_them(scale):
    """Means and quartiles of area, proportions and place over 4000 boxes of each."""
    count = 4000
    ours = boxes(sizes_of(count, 375, 500), draws_of(count), scale=scale).float()
    torch.manual_seed(0)
    theirs = torch.tensor(
        [
            v2.RandomResizedCrop.get_params(torch.empty(3, 375, 500), scale, (3 / 4, 4 / 3))
            if hasattr(v2.RandomResizedCrop, "get_params")
            else _made(v2.RandomResizedCrop(224, scale=scale))
            for _ in range(count)
        ]
    ).float()
    assert (ours[:, :2] >= 0).all()
    assert (ours[:, 0] + ours[:, 2] <= 375).all()
    assert (ours[:, 1] + ours[:, 3] <= 500).all()
    for name, figure in {
        "area": lambda box: box[:, 2] * box[:, 3] / (375 * 500),
        "shape": lambda box: (box[:, 3] / box[:, 2]).log(),
        "top": lambda box: box[:, 0] / 375,
        "left": lambda box: box[:, 1] / 500,
    }.items():
        one, other = figure(ours), figure(theirs)
        assert abs(one.mean() - other.mean()) < 5 * other.std() / math.sqrt(count / 2), name
        quantiles = torch.tensor([0.25, 0.5, 0.75])
        assert (one.quantile(quantiles) - other.quantile(quantiles)).abs().max() < 0.03, name


def _made(transform):
    params = transform.make_params([torch.empty(3, 375, 500)])
    return [params[name] for name in ("top", "left", "height", "width")]


def test_where_no_attempt_fits_the_largest_allowed_box_is_in_the_middle():
    draws = draws_of(2)
    wide, tall = (
        boxes(sizes_of(2, *size), draws, scale=(1, 1), ratio=(3 / 4, 4 / 3)).tolist()
        for size in ((10, 100), (100, 10))
    )
    assert wide == [[0, 43, 10, 13]] * 2
    assert tall == [[43, 0, 13, 10]] * 2


def test_an_example_has_its_box_in_any_batch():
    whole = boxes(sizes_of(500, 375, 500), draws_of(500), scale=(0.08, 1))
    for places in ([7], [499, 3, 3, 20]):
        draws = Draws(index=torch.tensor(places), seed=0, epoch=0)
        part = boxes(sizes_of(len(places), 375, 500), draws, scale=(0.08, 1))
        assert torch.equal(part, whole[places])


@pytest.mark.parametrize(
    "options", [{"scale": (0, 1)}, {"scale": (0.5, 1.5)}, {"scale": (1,)}, {"ratio": (2, 1)}]
)
def test_impossible_ranges_are_refused(options):
    (name,) = options
    with pytest.raises(BadValue, match=f"{name} must be two numbers"):
        Augment([{"name": "random-resized-crop", **options}], seed=0)
