import math

import pytest
import torch
import torch.nn.functional as F

from netwright._errors import BadData, BadValue
from netwright.data.augment.brightness_contrast import relight
from netwright.data.augment.catalogue import AUGMENTATIONS, DEFAULT_FOR_PICTURES
from netwright.data.augment.compose import Augment
from netwright.data.augment.cutout import cutout
from netwright.data.augment.draws import Draws
from netwright.data.augment.flip import flip
from netwright.data.augment.random_crop import random_crop
from netwright.data.augment.rotate_scale import turn
from netwright.data.augment.shift import shift, translate
from netwright.data.batch import Batch

BYTES = torch.randint(
    0, 256, (40, 3, 9, 13), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
)
INDEX = torch.arange(1000, 1040)


def through(augment, pictures, index, *, epoch, first=1000):
    """What a source does: gather what is wanted, each by itself, then together."""
    among = torch.arange(first, first + len(pictures))
    wanted = augment.wanted(index, among=among, epoch=epoch)
    gathered = Batch(pictures[wanted - first], None, wanted)
    return augment.together(augment.apart(gathered, epoch=epoch), epoch=epoch).inputs


def draws_of(count, epoch=0):
    return Draws(index=torch.arange(count), seed=0, epoch=epoch)


@pytest.mark.parametrize("name", AUGMENTATIONS.names())
@pytest.mark.parametrize("kind", [torch.uint8, torch.float32, torch.float64])
def test_conformance(name, kind):
    """Every entry: type and shape kept, input untouched, own random numbers by example."""
    pictures = BYTES.to(kind)
    kept = pictures.clone()
    augment = Augment([{"name": name}], seed=3)
    state = torch.get_rng_state()
    whole = through(augment, pictures, INDEX, epoch=2)
    assert torch.equal(torch.get_rng_state(), state)
    assert whole.dtype == kind
    assert whole.shape == pictures.shape
    assert torch.equal(pictures, kept)
    assert not torch.equal(whole, pictures)
    for places in (torch.tensor([7]), torch.tensor([39, 0, 7, 7])):
        part = through(augment, pictures, INDEX[places], epoch=2)
        torch.testing.assert_close(
            part, whole[places], rtol=0, atol=1 if kind == torch.uint8 else 1e-4
        )
    assert not torch.equal(through(augment, pictures, INDEX, epoch=3), whole)
    assert not torch.equal(
        through(Augment([{"name": name}], seed=4), pictures, INDEX, epoch=2), whole
    )
    assert not torch.equal(through(augment, pictures, INDEX + 1, epoch=2, first=1001), whole)


@pytest.mark.parametrize("name", ["shift", "random-crop", "flip", "cutout"])
def test_pictures_that_are_only_moved_are_the_same_bytes_in_any_batch(name):
    augment = Augment([{"name": name}], seed=3)
    whole = augment(BYTES, INDEX, epoch=0)
    assert torch.equal(whole[5:6], augment(BYTES[5:6], INDEX[5:6], epoch=0))


@pytest.mark.parametrize("fill", [None, 0, 7])
@pytest.mark.parametrize("down", [-9, -2, 0, 3])
@pytest.mark.parametrize("right", [-4, 0, 1, 20])
def test_translate_is_padding_and_cropping(fill, down, right):
    pictures = BYTES[:2].float()
    pad = 20
    mode = {"mode": "replicate"} if fill is None else {"value": float(fill)}
    padded = F.pad(pictures, (pad, pad, pad, pad), **mode)
    expected = padded[:, :, pad - down : pad - down + 9, pad - right : pad - right + 13]
    got = translate(
        pictures, down=torch.tensor([down, 0]), right=torch.tensor([right, 0]), fill=fill
    )
    assert torch.equal(got[0], expected[0])
    assert torch.equal(got[1], pictures[1])


@pytest.mark.parametrize("kind", [torch.uint8, torch.float32])
@pytest.mark.parametrize(("border", "mode"), [(0.0, None), (7.0, None), ("edge", "replicate"),
                                              ("reflect", "reflect")])  # fmt: skip
def test_random_crop_is_padding_and_cropping(border, mode, kind):
    pictures = BYTES.to(kind)
    draws = draws_of(40)
    got = random_crop(pictures, draws, padding=4, border=border)
    options = {"mode": "constant", "value": border} if mode is None else {"mode": mode}
    padded = F.pad(pictures.float(), (4, 4, 4, 4), **options).to(kind)
    down, right = draws.integer("down", most=4), draws.integer("right", most=4)
    assert down.unique().tolist() == right.unique().tolist() == list(range(-4, 5))
    for place in range(40):
        top, left = 4 - int(down[place]), 4 - int(right[place])
        assert torch.equal(got[place], padded[place, :, top : top + 9, left : left + 13])


def test_what_is_moved_out_may_be_nan():
    pictures = torch.full((2, 1, 4, 4), torch.nan)
    moved_out = translate(pictures, down=torch.tensor([4, 1]), right=torch.tensor([0, 0]), fill=0)
    assert (moved_out[0] == 0).all()
    assert (moved_out[1, :, 0] == 0).all()


MIRROR, CROP, EDGE = {"name": "flip"}, {"name": "random-crop", "padding": 3}, {"name": "shift"}
IN_A_ROW = [
    [MIRROR], [CROP], [MIRROR, CROP], [CROP, MIRROR], [MIRROR, CROP, MIRROR], [CROP, EDGE, MIRROR],
    [EDGE, MIRROR], [{"name": "cutout"}, CROP, MIRROR], [CROP, {"name": "cutout"}, MIRROR], [],
]  # fmt: skip


@pytest.mark.parametrize("recipe", IN_A_ROW, ids=lambda recipe: "+".join(e["name"] for e in recipe))
def test_moves_joined_are_moves_one_after_another(recipe):
    functions = {"flip": flip, "random-crop": random_crop, "shift": shift, "cutout": cutout}
    expected = BYTES
    for place, entry in enumerate(recipe):
        draws = Draws(index=INDEX, seed=3, epoch=2, scope=f"{place}/{entry['name']}")
        options = {key: value for key, value in entry.items() if key != "name"}
        expected = functions[entry["name"]](expected, draws, **options)
    assert torch.equal(Augment(recipe, seed=3)(BYTES, INDEX, epoch=2), expected)


@pytest.mark.parametrize("recipe", IN_A_ROW, ids=lambda recipe: "+".join(e["name"] for e in recipe))
def test_moved_while_gathered_is_gathered_then_moved(recipe):
    augment = Augment(recipe, seed=3)
    index = torch.tensor([39, 0, 7, 7, 12, 38, 1])
    whole = augment.whole(BYTES, at_most=2**20)
    if not recipe or recipe[0]["name"] == "cutout":
        assert whole is None
        return
    assert torch.equal(whole.rows[:40], BYTES)
    held = whole.rows.untyped_storage().nbytes()
    assert augment.whole(BYTES, at_most=held - 1000) is None
    for epoch in range(3):
        expected = augment(BYTES[index], index, epoch=epoch)
        assert torch.equal(augment.take(whole, index, epoch=epoch), expected)


def test_shift_reaches_its_share_of_each_side_and_no_further():
    pictures = torch.zeros(2000, 1, 10, 30)
    pictures[:, :, 5, 15] = 1
    moved = shift(pictures, draws_of(2000), fraction=0.1)
    rows = moved.sum((1, 3)).argmax(1)
    columns = moved.sum((1, 2)).argmax(1)
    assert set(rows.tolist()) == {4, 5, 6}
    assert set(columns.tolist()) == set(range(12, 19))
    assert torch.corrcoef(torch.stack([rows, columns]).float())[0, 1].abs() < 0.1
    assert torch.equal(shift(pictures, draws_of(2000), fraction=0), pictures)


def test_flip_mirrors_columns_of_about_half():
    flipped = flip(BYTES, draws_of(40))
    mirrored = [torch.equal(new, old.flip(2)) for new, old in zip(flipped, BYTES, strict=True)]
    same = [torch.equal(new, old) for new, old in zip(flipped, BYTES, strict=True)]
    assert all(a != b for a, b in zip(mirrored, same, strict=True))
    assert 8 < sum(mirrored) < 32
    assert torch.equal(flip(BYTES, draws_of(40), probability=1), BYTES.flip(3))
    assert torch.equal(flip(BYTES, draws_of(40), probability=0), BYTES)


@pytest.mark.parametrize("degrees", [0.0, 17.0, -40.0, 90.0])
@pytest.mark.parametrize("zoom", [1.0, 1.3, 0.8])
def test_turn_is_torchvisions_affine(degrees, zoom):
    from torchvision.transforms.v2 import InterpolationMode
    from torchvision.transforms.v2.functional import affine

    picture = torch.rand(1, 2, 21, 31)
    expected = affine(
        picture,
        angle=-degrees,  # torchvision turns clockwise
        translate=[0, 0],
        scale=zoom,
        shear=[0.0, 0.0],
        interpolation=InterpolationMode.BILINEAR,
        fill=None,
    )
    got = turn(picture, radians=torch.tensor([math.radians(degrees)]), zoom=torch.tensor([zoom]))
    # the border is filled otherwise: compare where every source pixel is inside
    inside = affine(
        torch.ones(1, 1, 21, 31), angle=-degrees, translate=[0, 0], scale=zoom, shear=[0.0, 0.0],
        interpolation=InterpolationMode.BILINEAR,
    ).expand_as(got) > 0.999  # fmt: skip
    assert inside.sum() > 150
    torch.testing.assert_close(got[inside], expected[inside], rtol=0, atol=2e-4)


def test_turning_by_a_right_angle_is_exact_on_squares():
    picture = torch.rand(1, 1, 8, 8)
    got = turn(picture, radians=torch.tensor([math.pi / 2]), zoom=torch.ones(1))
    torch.testing.assert_close(got, picture.rot90(1, (2, 3)), rtol=0, atol=1e-5)


def test_each_picture_is_turned_by_its_own_angle():
    pictures = torch.rand(2, 1, 8, 8)
    got = turn(pictures, radians=torch.tensor([0.0, math.pi / 2]), zoom=torch.ones(2))
    torch.testing.assert_close(got[0], pictures[0], rtol=0, atol=1e-5)
    torch.testing.assert_close(got[1], pictures[1].rot90(1, (1, 2)), rtol=0, atol=1e-5)


def test_angles_and_zooms_fill_their_range():
    from netwright.data.augment.rotate_scale import turning

    back = turning((7, 7), draws_of(5000), degrees=30, scale=0.2).back[..., :2]
    zoom = torch.linalg.det(back).rsqrt()
    degrees = torch.atan2(back[:, 1, 0], back[:, 0, 0]).rad2deg()
    assert degrees.abs().max() <= 30.001
    assert (degrees.min(), degrees.max()) == (
        pytest.approx(-30, abs=0.1),
        pytest.approx(30, abs=0.1),
    )
    assert (zoom.min(), zoom.max()) == (pytest.approx(0.8, abs=1e-3), pytest.approx(1.2, abs=1e-3))


def test_cutout_takes_one_square_of_its_size():
    pictures = torch.full((3000, 2, 12, 20), 100, dtype=torch.uint8)
    cut = cutout(pictures, draws_of(3000), fraction=0.5, fill=0)
    hole = cut == 0
    assert torch.equal(hole[:, 0], hole[:, 1])
    heights = hole[:, 0].any(2).sum(1)
    widths = hole[:, 0].any(1).sum(1)
    assert torch.equal(hole[:, 0].sum((1, 2)), heights * widths)  # a full rectangle
    assert heights.max() == widths.max() == 6
    assert heights.min() == widths.min() == 3  # centres on the border leave half outside
    centre = hole[:, 0].float().mean(0)
    assert centre[6, 10] == pytest.approx(0.5 * 6 / 20, abs=0.04)


def test_cutout_fills_with_the_pictures_own_mean():
    pictures = torch.rand(5, 2, 8, 8)
    cut = cutout(pictures, draws_of(5), fraction=0.5)
    hole = cut != pictures
    expected = pictures.mean((2, 3), keepdim=True).expand_as(pictures)
    torch.testing.assert_close(cut[hole], expected[hole])
    assert torch.equal(cutout(pictures, draws_of(5), fraction=0.0), pictures)


def test_relight_is_torchvisions_contrast_then_brightness():
    from torchvision.transforms.v2.functional import adjust_brightness, adjust_contrast

    pictures = torch.rand(6, 1, 8, 9) * 0.4 + 0.3  # so that nothing is cut off
    brightness, contrast = torch.rand(6) * 0.4 + 0.8, torch.rand(6) * 0.4 + 0.8
    got = relight(pictures, brightness=brightness, contrast=contrast)
    for place in range(6):
        expected = adjust_brightness(
            adjust_contrast(pictures[place], contrast[place].item()), brightness[place].item()
        )
        torch.testing.assert_close(got[place], expected)
    bytes_ = (pictures * 255).round().to(torch.uint8)
    rounded = relight(bytes_, brightness=brightness, contrast=contrast).float()
    exact = relight(bytes_.float(), brightness=brightness, contrast=contrast)
    assert (rounded - exact).abs().max() <= 0.5 + 1e-4


def test_bytes_stay_in_range():
    bright = torch.full((1, 1, 2, 2), 250, dtype=torch.uint8)
    twice = relight(bright, brightness=torch.tensor([2.0]), contrast=torch.ones(1))
    assert twice.unique().tolist() == [255]


def test_several_in_a_row_have_numbers_of_their_own():
    twice = Augment([{"name": "shift", "fraction": 0.2}] * 2, seed=0)
    once = Augment([{"name": "shift", "fraction": 0.2}], seed=0)
    point = torch.zeros(3000, 1, 31, 31)
    point[:, :, 15, 15] = 1

    def moved_down(augment):
        return augment(point, torch.arange(3000), epoch=0).sum((1, 3)).argmax(1) - 15

    first = moved_down(once)
    second = moved_down(twice) - first
    assert not torch.equal(first, second)
    assert torch.corrcoef(torch.stack([first, second]).float())[0, 1].abs() < 0.08


def test_the_default_only_shifts():
    assert [entry["name"] for entry in DEFAULT_FOR_PICTURES] == ["shift"]
    assert Augment(DEFAULT_FOR_PICTURES, seed=0).recipe == ({"name": "shift", "fraction": 0.08},)


def test_no_augmentation_is_the_picture():
    assert Augment([], seed=0)(BYTES, INDEX, epoch=0) is BYTES


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ([{"name": "shfit"}], "shift"),
        ([{"name": "shift", "fractoin": 0.1}], "fraction"),
        ([{"fraction": 0.1}], "a mapping with a name"),
        ([{"name": "shift", "fraction": 1.5}], "fraction must be from 0 to 1"),
        ([{"name": "random-crop", "padding": -1}], "padding must be at least 0"),
        ([{"name": "random-crop", "border": "mirror"}], "border"),
        ([{"name": "random-crop", "border": "reflect", "padding": 32}], "padding must be smaller"),
        ([{"name": "flip", "probability": -1}], "probability must be"),
        ([{"name": "rotate-scale", "degrees": 181}], "degrees must be"),
        ([{"name": "rotate-scale", "scale": 1.0}], "scale must be"),
        ([{"name": "cutout", "fraction": 2}], "fraction must be"),
        ([{"name": "brightness-contrast", "contrast": 2}], "contrast must be"),
    ],
)
def test_mistakes_in_the_recipe_are_refused_at_once(recipe, message):
    with pytest.raises(BadValue, match=message):
        Augment(recipe, seed=0)


def test_tables_are_refused():
    with pytest.raises(BadData, match="pictures"):
        Augment([{"name": "flip"}], seed=0)(torch.zeros(2, 3), torch.arange(2), epoch=0)


def test_ones_own_function_by_file(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("def brighter(pictures, draws, *, by=1.0):\n    return pictures + by\n")
    augment = Augment([{"name": f"{file}:brighter", "by": 2.0}], seed=0)
    assert torch.equal(
        augment(torch.zeros(1, 1, 2, 2), torch.arange(1), epoch=0), torch.full((1, 1, 2, 2), 2.0)
    )
