"""Marks in the picture and in its targets stay together, for whatever moves pictures.

A picture is sent along whose channels say where each pixel came from (x, y, and 1 for "from the
picture"), with a mask that numbers the pixels, boxes and keypoints. Afterwards the numbers of the
mask have to be those of the pixels that the picture says it read.
"""

import itertools
import math

import pytest
import torch

from netwright._errors import BadData, BadValue
from netwright.data.augment.compose import Augment
from netwright.data.augment.follow import follow
from netwright.data.augment.move import Move
from netwright.data.augment.objects import clipped
from netwright.data.augment.plans import GEOMETRIES
from netwright.data.augment.warp import straight
from netwright.data.batch import Batch

HEIGHT, WIDTH, COUNT = 30, 44, 24
INDEX = torch.arange(500, 500 + COUNT)
WHOLE = [
    {"name": "flip"}, {"name": "flip-vertical"}, {"name": "shift", "fraction": 0.2, "fill": -99.0},
    {"name": "random-crop", "padding": 6, "border": -99.0},
    {"name": "random-resized-crop", "scale": [0.2, 0.9]},
    {"name": "rotate-scale", "degrees": 40, "scale": 0.3},
    {"name": "affine", "degrees": 30, "scale": 0.2, "shear": 20, "shift": 0.1, "fill": -99.0},
    {"name": "elastic", "fill": -99.0},
]  # fmt: skip
ROWS = [
    *([entry] for entry in WHOLE),
    [{"name": "shift", "fraction": 0.1}],
    [{"name": "random-crop", "padding": 5, "border": "reflect"}],
    [{"name": "random-crop", "padding": 5, "border": "edge"}, {"name": "flip"}],
    [WHOLE[0], WHOLE[3], WHOLE[1]],
    [WHOLE[6], WHOLE[7]],
    [WHOLE[7], WHOLE[6]],
    [{"name": "affine", "fill": -99.0}, WHOLE[6], WHOLE[7], WHOLE[0]],
    [WHOLE[4], WHOLE[6], {"name": "cutout", "fraction": 0.0}, WHOLE[2], WHOLE[0]],
]


def readings(recipe):
    """How often pictures are read between their pixels: warps that can be one are one."""
    names = [entry["name"] for entry in recipe]
    joined = sum(pair == ("affine", "elastic") for pair in itertools.pairwise(names))
    joined += sum(pair == ("affine", "affine") for pair in itertools.pairwise(names))
    between = ("affine", "elastic", "rotate-scale", "random-resized-crop")
    return sum(name in between for name in names) - joined


def pure_pixels(pictures):
    """Those that nothing from outside was blended into."""
    return (pictures[:, 2] - 1).abs() < 1e-3


def name_of(recipe):
    return "+".join(entry["name"] for entry in recipe)


def marked():
    """Where each pixel is, and its number."""
    down, across = torch.meshgrid(
        torch.arange(HEIGHT) + 0.5, torch.arange(WIDTH) + 0.5, indexing="ij"
    )
    marks = torch.stack([across, down, torch.ones(HEIGHT, WIDTH)])
    pictures = marks.expand(COUNT, 3, HEIGHT, WIDTH).contiguous()
    numbers = torch.arange(HEIGHT * WIDTH).view(HEIGHT, WIDTH).expand(COUNT, -1, -1).contiguous()
    return pictures, numbers


def boxes_of(generator):
    """Four boxes in the middle of each picture, which differ in count."""
    boxes = []
    for place in range(COUNT):
        first = torch.rand(place % 4, 2, generator=generator) * torch.tensor([12.0, 5.0])
        first = first + torch.tensor([12.0, 9.0])
        sides = torch.rand(place % 4, 2, generator=generator) * 8 + 3
        boxes.append(torch.cat([first, first + sides], 1))
    return boxes


def test_every_augmentation_that_moves_is_checked_here():
    from netwright.data.augment.catalogue import AUGMENTATIONS

    moving = {name for name in AUGMENTATIONS.names() if AUGMENTATIONS.load(name) in GEOMETRIES}
    assert moving == {entry["name"] for entry in WHOLE}


@pytest.mark.parametrize("recipe", ROWS, ids=name_of)
def test_a_mask_shows_the_pixels_that_the_picture_shows(recipe):
    pictures, numbers = marked()
    augment = Augment(recipe, seed=1, mask_fill=-1)
    moved = augment.batch(Batch(pictures, numbers, INDEX), epoch=3)
    assert moved.targets.dtype == torch.int64
    pure = pure_pixels(moved.inputs) & (moved.targets >= 0)
    assert pure.float().mean() > 0.4
    came_from = torch.stack([moved.targets % WIDTH, moved.targets // WIDTH], 1) + 0.5
    apart = (moved.inputs[:, :2] - came_from).abs().amax(1)[pure]
    if readings(recipe) == 0:
        assert (apart == 0).all()
    elif readings(recipe) == 1:
        assert (apart <= 0.5 + 1e-3).all()
    else:  # a mask is rounded at every reading
        assert (apart <= 0.5).float().mean() > 0.4
        assert (apart <= 1.5).float().mean() > 0.999


@pytest.mark.parametrize("recipe", ROWS, ids=name_of)
def test_a_keypoint_is_where_the_picture_shows_it(recipe):
    pictures, _ = marked()
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(COUNT, 2, 5, 2, generator=generator) * torch.tensor([18.0, 10.0]) + 13
    points[..., 1] -= 3
    targets = [{"keypoints": torch.cat([one, torch.ones(2, 5, 1)], -1)} for one in points]
    moved = Augment(recipe, seed=1).batch(Batch(pictures, targets, INDEX), epoch=3)
    found = 0
    for place in range(COUNT):
        after = moved.targets[place]["keypoints"]
        across, down, seen = after.unbind(-1)
        lies = (across >= -0.5) & (across < WIDTH - 0.5) & (down >= -0.5) & (down < HEIGHT - 0.5)
        assert not ((seen > 0) & ~lies).any()
        if len(recipe) == 1:  # else it may have been out and in again, and stays lost
            assert torch.equal(seen > 0, lies)
        grid = torch.stack([(2 * across + 1) / WIDTH - 1, (2 * down + 1) / HEIGHT - 1], -1)[None]
        read = torch.nn.functional.grid_sample(
            moved.inputs[place : place + 1], grid, align_corners=False, padding_mode="border"
        )[0].permute(1, 2, 0)
        well = (across > 2) & (across < WIDTH - 3) & (down > 2) & (down < HEIGHT - 3)
        well &= (read[..., 2] - 1).abs() < 1e-3
        apart = (read[..., :2] - points[place] - 0.5).abs().amax(-1)
        found += int(well.sum())
        assert (apart[well] < 0.12).all()
    assert found > 60


@pytest.mark.parametrize("recipe", ROWS, ids=name_of)
def test_a_box_holds_its_pixels_and_touches_them(recipe):
    pictures, _ = marked()
    boxes = boxes_of(torch.Generator().manual_seed(0))
    labels = [torch.arange(len(one)) + 100 * place for place, one in enumerate(boxes)]
    targets = [
        {"boxes": box, "labels": label, "image_id": place}
        for place, (box, label) in enumerate(zip(boxes, labels, strict=True))
    ]
    moved = Augment(recipe, seed=1).batch(Batch(pictures, targets, INDEX), epoch=3)
    bends = any(entry["name"] == "elastic" for entry in recipe)
    turns = any(entry["name"] in ("affine", "rotate-scale") for entry in recipe)
    kept = 0
    for place in range(COUNT):
        after = moved.targets[place]
        assert after["image_id"] == place
        assert len(after["boxes"]) == len(after["labels"])
        kept += len(after["boxes"])
        for box, label in zip(after["boxes"], after["labels"], strict=True):
            old = boxes[place][int(label) % 100]
            came_from = moved.inputs[place]
            inside = (
                (came_from[0] > old[0]) & (came_from[0] < old[2])
                & (came_from[1] > old[1]) & (came_from[1] < old[3])
                & pure_pixels(came_from[None])[0]
            )  # fmt: skip
            rows, columns = inside.nonzero().unbind(1)
            held = torch.stack([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
            assert (box[:2] <= held[:2] + 0.55).all()
            assert (box[2:] >= held[2:] - 0.55).all()
            slack = 0.6 if not turns and not bends else 1.6 if not turns else 2.5
            if len(recipe) == 1 and not (box <= 0).any() and box[2] < WIDTH and box[3] < HEIGHT:
                assert (held - box).abs().max() <= slack
    assert kept > 0.6 * sum(map(len, boxes))


@pytest.mark.parametrize("name", ["brightness-contrast", "saturation-hue", "cutout"])
def test_what_changes_pixels_in_place_leaves_the_targets(name):
    _, numbers = marked()
    pictures = torch.rand(COUNT, 3, HEIGHT, WIDTH)
    targets = [{"boxes": box, "masks": torch.ones(len(box), HEIGHT, WIDTH)} for box in
               boxes_of(torch.Generator())]  # fmt: skip
    augment = Augment([{"name": name}], seed=0)
    assert torch.equal(augment.batch(Batch(pictures, numbers, INDEX), epoch=0).targets, numbers)
    assert augment.batch(Batch(pictures, targets, INDEX), epoch=0).targets is targets


def test_what_leaves_the_picture_is_dropped_with_all_of_its_object():
    boxes = torch.tensor([[0.0, 0, 10, 10], [20, 0, 30, 10], [31.5, 2, 40, 10], [5, 5, 5.5, 20]])
    masks = torch.zeros(4, 20, 40, dtype=torch.uint8)
    masks[1, 0:10, 20:30] = 1
    target = {
        "boxes": boxes, "labels": torch.tensor([1, 2, 3, 4]), "area": torch.full((4,), 100.0),
        "iscrowd": torch.zeros(4, dtype=torch.int64), "image_id": torch.tensor([7]),
    }  # fmt: skip
    from netwright.data.augment.follow import follow
    from netwright.data.augment.move import Move

    right = Move(down=torch.tensor([0]), right=torch.tensor([8]), reach=(0, 8))
    (moved,) = follow([target], right, size=(20, 40))
    # the third has 0.5 of 8.5 columns left, under a tenth; the fourth is half a pixel wide
    assert moved["labels"].tolist() == [1, 2]
    assert moved["boxes"].tolist() == [[8, 0, 18, 10], [28, 0, 38, 10]]
    assert moved["area"].tolist() == [100, 100]
    assert moved["image_id"].tolist() == [7]
    half = Move(down=torch.tensor([0]), right=torch.tensor([15]), reach=(0, 15))
    (moved,) = follow([target], half, size=(20, 40))
    assert moved["labels"].tolist() == [1, 2]
    assert moved["boxes"][1].tolist() == [35, 0, 40, 10]
    assert moved["area"].tolist() == [100, 50]
    (moved,) = follow([{"labels": target["labels"], "masks": masks}], half, size=(20, 40))
    assert moved["labels"].tolist() == [2]  # no other mask had a pixel
    assert moved["masks"][0, :10, 35:].all()
    assert moved["masks"].sum() == 50


def test_a_picture_may_have_no_object():
    nothing = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}
    batch = Batch(torch.zeros(2, 1, 8, 8), [nothing, nothing], torch.arange(2))
    for name in (entry["name"] for entry in WHOLE):
        moved = Augment([{"name": name}], seed=0).batch(batch, epoch=0)
        assert [one["boxes"].shape for one in moved.targets] == [(0, 4), (0, 4)]


def test_targets_of_other_forms_go_along():
    pictures, numbers = marked()
    augment = Augment([{"name": "flip", "probability": 1.0}], seed=0)
    classes, depth = torch.arange(COUNT), torch.rand(COUNT, 1, HEIGHT, WIDTH)
    moved = augment.batch(
        Batch(pictures, {"label": classes, "mask": numbers, "depth": depth}, INDEX), epoch=0
    ).targets
    assert torch.equal(moved["label"], classes)
    assert torch.equal(moved["mask"], numbers.flip(-1))
    assert torch.equal(moved["depth"], depth.flip(-1))
    pair = augment.batch(Batch(pictures, (classes, numbers > 9), INDEX), epoch=0).targets
    assert torch.equal(pair[0], classes)
    assert torch.equal(pair[1], (numbers > 9).flip(-1))


@pytest.mark.parametrize("recipe", ROWS, ids=name_of)
def test_the_targets_of_an_example_do_not_depend_on_its_batch(recipe):
    pictures, numbers = marked()
    augment = Augment(recipe, seed=1)
    whole = augment.batch(Batch(pictures, numbers, INDEX), epoch=3).targets
    some = torch.tensor([17, 2, 2])
    part = augment.batch(Batch(pictures[some], numbers[some], INDEX[some]), epoch=3).targets
    assert (part != whole[some]).float().mean() < 1e-3  # a place just between two pixels


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (torch.zeros(COUNT, 5, 5, dtype=torch.int64), "pictures' size"),
        ({"boxes": torch.zeros(COUNT, 1, 4)}, "list of one mapping a picture"),
        ([{"boxes": torch.zeros(1, 4)}] * 23 + [{"labels": torch.zeros(1)}], "mappings of boxes"),
        ([{"boxes": torch.zeros(1, 4), "labels": torch.zeros(2)}] * 24, "as many labels as boxes"),
    ],
)
def test_targets_that_can_not_follow_are_refused(targets, message):
    with pytest.raises(BadData, match=message):
        Augment([WHOLE[0]], seed=0).batch(Batch(marked()[0], targets, INDEX), epoch=0)


def test_ones_own_function_is_refused_where_targets_have_to_follow(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("def brighter(pictures, draws, *, by=1.0):\n    return pictures + by\n")
    augment = Augment([{"name": f"{file}:brighter"}], seed=0)
    pictures, numbers = marked()
    with pytest.raises(BadValue, match="of our own where masks"):
        augment.batch(Batch(pictures, numbers, INDEX), epoch=0)


@pytest.mark.parametrize("recipe", ROWS, ids=name_of)
def test_pictures_without_objects_stay_without(recipe):
    pictures, _ = marked()
    nothing = {
        "boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64),
        "masks": torch.zeros(0, HEIGHT, WIDTH, dtype=torch.uint8),
        "keypoints": torch.zeros(0, 5, 3),
    }  # fmt: skip
    targets = [dict(nothing) for _ in range(COUNT)]
    moved = Augment(recipe, seed=1).batch(Batch(pictures, targets, INDEX), epoch=3)
    for after in moved.targets:
        assert {name: value.shape for name, value in after.items()} == {
            name: value.shape for name, value in nothing.items()
        }


@pytest.mark.parametrize("seed", range(12))
def test_pictures_and_boxes_go_where_torchvision_takes_them(seed):
    """Any straight map of pictures of any proportions, mirrored first; keypoints of the mirror."""
    from torchvision import tv_tensors
    from torchvision.transforms.v2 import InterpolationMode
    from torchvision.transforms.v2 import functional as theirs

    generator = torch.Generator().manual_seed(seed)
    height, width = torch.randint(9, 40, (2,), generator=generator).tolist()
    turned, zoomed, slanted, right, down = (torch.rand(5, generator=generator) * 2 - 1).tolist()
    right, down = round(4 * right), round(3 * down)
    warp = straight(
        (height, width),
        radians=torch.tensor([math.radians(60 * turned)]),
        zoom=torch.tensor([1 + 0.4 * zoomed]),
        slant=torch.tensor([math.tan(math.radians(20 * slanted))]),
        move=torch.tensor([[right / width, down / height]]),
        fill=0.0,
    )
    asked = {
        "angle": -60 * turned,  # torchvision turns clockwise
        "translate": [right, down],
        "scale": 1 + 0.4 * zoomed,
        "shear": [20 * slanted, 0.0],
    }
    mirror = Move(mirrored=torch.tensor([True]))
    corners = torch.rand(4, 2, 2, generator=generator).sort(1).values
    boxes = (corners * torch.tensor([width, height])).flatten(1)
    pictures = torch.rand(1, 2, height, width, generator=generator)
    expected = theirs.affine(
        theirs.horizontal_flip(pictures), interpolation=InterpolationMode.BILINEAR, **asked
    )
    torch.testing.assert_close(
        warp.pictures(mirror.pictures(pictures)), expected, rtol=0, atol=1e-4
    )
    middles = (corners * torch.tensor([width - 1, height - 1])).round()
    mirrored = follow([{"keypoints": middles}], mirror, size=(height, width))[0]["keypoints"]
    flipped = theirs.horizontal_flip(tv_tensors.KeyPoints(middles, canvas_size=(height, width)))
    torch.testing.assert_close(mirrored, flipped.as_subclass(torch.Tensor))
    wanted = theirs.affine(
        theirs.horizontal_flip(
            tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=(height, width))
        ),
        **asked,
    ).as_subclass(torch.Tensor)
    whole = warp.select(torch.zeros(4, dtype=torch.int64)).boxes(
        mirror.select(torch.zeros(4, dtype=torch.int64)).boxes(boxes, size=(height, width)),
        size=(height, width),
    )
    torch.testing.assert_close(clipped(whole, size=(height, width)), wanted, rtol=0, atol=1e-3)
