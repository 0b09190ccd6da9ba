import io
import pickle
from itertools import product

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision.transforms import v2

from netwright._errors import BadData
from netwright.data import jpeg
from netwright.data.augment.draws import Draws
from netwright.data.augment.random_resized_crop import boxes
from netwright.data.decode import decode
from netwright.data.jpeg import is_plain
from netwright.data.source import Position
from netwright.data.sources import pixel_cache
from netwright.data.sources.pictures import PictureFiles
from netwright.data.streams.cropped import cropped
from netwright.data.streams.streamed import StreamedSource

COUNT = 12
RECIPE = [{"name": "random-resized-crop", "scale": (0.3, 1.0)}, {"name": "flip"}]


def photograph(at, size):
    coarse = np.random.default_rng(at).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photographs")
    sizes = [(100 + 5 * at, 80 + 3 * at) for at in range(COUNT)]  # (width, height)
    paths = [str(folder / f"{at:02}.jpg") for at in range(COUNT)]
    for at, path in enumerate(paths):
        photograph(at, sizes[at]).save(path, quality=90)
    return PictureFiles(
        paths, channels=3, size=(32, 40), sizes=[(height, width) for width, height in sizes]
    )


def source_of(pictures, *, batch_size=5, workers=0, recipe=RECIPE):
    reading, rest = cropped(pictures, recipe, seed=3)
    assert rest == []
    return StreamedSource(
        reading, torch.arange(COUNT) * 10, index=torch.arange(COUNT), batch_size=batch_size, seed=3,
        preprocess=nn.Identity(), workers=workers,
    )  # fmt: skip


def epochs_of(source, epochs=2):
    """Inputs by (epoch, place), targets checked."""
    seen = {}
    for epoch, step in product(range(epochs), range(source.length)):
        batch = source.next(Position(epoch, step))
        assert torch.equal(batch.targets, batch.index * 10)
        for place, picture in zip(batch.index.tolist(), batch.inputs, strict=True):
            seen[epoch, place] = picture
    source.close()
    return seen


def assert_same(one, other):
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_a_picture_is_the_box_of_the_whole_file_as_torchvision_cuts_it(pictures):
    seen = epochs_of(source_of(pictures))
    mirrored = 0
    for (epoch, place), picture in seen.items():
        draws = Draws(
            index=torch.tensor([place]), seed=3, epoch=epoch, scope="0/random-resized-crop"
        )
        ((top, left, height, width),) = boxes(
            torch.tensor([pictures.sizes[place]]), draws, scale=(0.3, 1.0)
        ).tolist()
        with Image.open(pictures.paths[place]) as image:
            whole = v2.functional.pil_to_tensor(image)
        expected = v2.functional.resized_crop(
            whole, top, left, height, width, [32, 40], antialias=True
        )
        turned = not torch.equal(picture, expected)
        assert torch.equal(picture, expected.flip(-1) if turned else expected)
        mirrored += turned
    assert 4 <= mirrored <= 20
    assert len({tuple(picture.flatten().tolist()) for picture in seen.values()}) == 2 * COUNT


def test_neither_workers_nor_batch_size_nor_cache_change_a_byte(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(pixel_cache, "cache_folder", lambda: tmp_path)
    expected = epochs_of(source_of(pictures))
    assert_same(expected, epochs_of(source_of(pictures, workers=2)))
    assert_same(expected, epochs_of(source_of(pictures, batch_size=3)))
    for kind in ("memory", "disk"):
        cached = pictures.with_cache(kind)
        assert_same(expected, epochs_of(source_of(cached, workers=2)))
        assert all(torch.equal(cached.item(at), pictures.item(at)) for at in range(COUNT))
        monkeypatch.setattr("netwright.data.sources.pictures.decode", None)  # all are kept by now
        assert_same(expected, epochs_of(source_of(cached, workers=0)))
        monkeypatch.undo()
        monkeypatch.setattr(pixel_cache, "cache_folder", lambda: tmp_path)
    assert len(list((tmp_path / ".decoded").iterdir())) == 1


def test_taken_up_in_the_middle_it_goes_on_with_the_same_bytes(pictures):
    straight = source_of(pictures)
    batches = [straight.next(Position(0, step)).inputs for step in range(straight.length)]
    assert torch.equal(source_of(pictures).next(Position(0, 2)).inputs, batches[2])


def test_only_a_leading_crop_is_done_while_reading(pictures):
    crop, flip, shift = RECIPE[0], RECIPE[1], {"name": "shift"}
    assert cropped(pictures, [flip, crop], seed=0) == (None, [flip, crop])
    assert cropped(pictures, [], seed=0) == (None, [])
    assert cropped(pictures, [crop, shift, flip], seed=0)[1] == [shift, flip]
    assert cropped(pictures, [crop, flip, shift], seed=0)[1] == [shift]


def test_a_process_that_shares_nothing_decodes_for_itself(pictures):
    sent = pickle.loads(pickle.dumps(pictures.with_cache("memory")))
    assert torch.equal(sent.item(3), pictures.item(3))


def encoded(picture, **options):
    file = io.BytesIO()
    picture.save(file, "JPEG", **options)
    return file.getvalue()


EXIF = Image.Exif()
EXIF[0x0112] = 6
JPEGS = {
    "4:2:0": encoded(photograph(0, (81, 67)), quality=90),
    "4:4:4": encoded(photograph(1, (81, 67)), quality=75, subsampling=0),
    "4:2:2": encoded(photograph(2, (80, 64)), quality=60, subsampling=1),
    "progressive": encoded(photograph(3, (81, 67)), progressive=True),
    "commented": encoded(photograph(7, (81, 67)), comment=b"seen", restart_marker_rows=2),
    "turned": encoded(photograph(4, (81, 67)), exif=EXIF),
    "grey": encoded(photograph(5, (81, 67)).convert("L")),
    "cmyk": encoded(photograph(6, (81, 67)).convert("CMYK")),
}


@pytest.mark.parametrize("name", JPEGS)
@pytest.mark.parametrize("channels", [1, 3])
def test_both_decoders_give_the_same_bytes(name, channels, tmp_path, monkeypatch):
    path = tmp_path / "picture.jpg"
    path.write_bytes(JPEGS[name])
    got = decode(path, channels=channels)
    plain = name in ("4:2:0", "4:4:4", "4:2:2", "progressive", "commented")
    assert is_plain(JPEGS[name]) == plain
    monkeypatch.setattr(jpeg, "_decoder", lambda: None)
    assert torch.equal(got, decode(path, channels=channels))


@pytest.mark.parametrize("kept", [0, 1, 3, 20, 300])
def test_a_beginning_that_tells_nothing_is_not_plain(kept):
    assert not is_plain(JPEGS["4:2:0"][:kept])


def test_colours_by_adobe_are_left_to_pillow():
    plain = JPEGS["4:4:4"]
    adobe = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"
    assert is_plain(plain)
    assert not is_plain(plain[:20] + adobe + plain[20:])
    assert not is_plain(plain[:2] + plain[20:])  # without JFIF the components' names decide


def test_a_torn_file_is_refused_with_pillows_reason(tmp_path):
    path = tmp_path / "picture.jpg"
    path.write_bytes(JPEGS["4:2:0"][:-400])
    with pytest.raises(BadData, match="truncated"):
        decode(path, channels=3)
