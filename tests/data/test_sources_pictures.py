"""Image folders and domains: real files, known pixels, every bad input by name."""

import pickle
import re

import numpy as np
import pytest
import torch
from PIL import Image

from netwright._errors import BadData, BadValue
from netwright.data.dataset import InMemory, InputKind, TargetKind
from netwright.data.decode import decode, fit_channels, fit_size, read_header, verify
from netwright.data.open import open_data
from netwright.data.sources import pictures
from netwright.data.sources.pictures import PictureFiles


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def colours(seed, size=(6, 5)):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def greys(seed, size=(6, 5)):
    return np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)


def animals(root, *parts, draw=greys, each=2):
    for number, part in enumerate(parts):
        for place in range(each):
            save(root / part / f"{place}.png", draw(10 * number + place))
    return root


def stacked(data):
    return data.samples.take(torch.arange(len(data)))


def test_classes_are_sorted_and_pixels_are_exact(tmp_path):
    animals(tmp_path, "dog", "cat", "bird", draw=colours)
    data = open_data(tmp_path)
    assert data.input_kind is InputKind.IMAGE
    assert data.target.kind is TargetKind.CLASSES
    assert data.target.names == ("bird", "cat", "dog")
    assert data.target.values.tolist() == [0, 0, 1, 1, 2, 2]
    assert data.labels[2] == "cat/0.png"
    expected = np.stack([colours(s) for s in (20, 21, 10, 11, 0, 1)]).transpose(0, 3, 1, 2)
    assert stacked(data).dtype == torch.uint8
    np.testing.assert_array_equal(stacked(data).numpy(), expected)
    assert data.name == tmp_path.name


@pytest.mark.parametrize("extension", ["png", "bmp", "tif", "gif", "webp"])
def test_lossless_formats_round_trip(tmp_path, extension):
    options = {"lossless": True} if extension == "webp" else {}
    pixels = colours(0) if extension in ("bmp", "tif", "png", "webp") else greys(0)
    save(tmp_path / "a" / f"x.{extension}", pixels, **options)
    save(tmp_path / "b" / f"x.{extension.upper()}", pixels, **options)
    found = stacked(open_data(tmp_path))[0]
    expected = np.stack([pixels] * 3) if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    np.testing.assert_array_equal(found.numpy(), expected)


def test_sixteen_bit_grey_keeps_its_upper_byte(tmp_path):
    pixels = np.arange(0, 65536, 2731, dtype=np.uint16).reshape(4, 6)
    Image.fromarray(pixels).save(tmp_path / "deep.png")
    assert read_header(tmp_path / "deep.png").channels == 1
    np.testing.assert_array_equal(decode(tmp_path / "deep.png", channels=1)[0], pixels >> 8)


def test_exif_orientation_is_applied_to_header_and_pixels(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees clockwise
    pixels = greys(0, (4, 7))
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    header = read_header(tmp_path / "turned.png")
    assert (header.height, header.width) == (7, 4)
    np.testing.assert_array_equal(
        decode(tmp_path / "turned.png", channels=1)[0], np.rot90(pixels, -1)
    )


@pytest.mark.parametrize("names", [("train", "val", "test"), ("training", "validation", "testing")])
def test_splits(tmp_path, names):
    train, val, test = names
    animals(tmp_path, f"{train}/cat", f"{train}/dog", f"{val}/cat", f"{test}/dog", "masks/images")
    data = open_data(tmp_path)
    assert data.target.names == ("cat", "dog")
    assert {split: len(index) for split, index in data.splits.items()} == {
        "train": 4,
        "val": 2,
        "test": 2,
    }
    where = {
        data.labels[i].split("/")[0]: split
        for split, ix in data.splits.items()
        for i in ix.tolist()
    }
    assert where == {train: "train", val: "val", test: "test"}
    assert data.target.values[data.splits["test"]].tolist() == [1, 1]


def test_domains(tmp_path):
    animals(tmp_path, "photo/cat", "photo/dog", "sketch/cat", "sketch/dog")
    data = open_data(tmp_path)
    assert data.domain_names == ("photo", "sketch")
    assert data.domains.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert data.target.values.tolist() == [0, 0, 1, 1, 0, 0, 1, 1]
    np.testing.assert_array_equal(stacked(data)[4, 0].numpy(), greys(20))


def test_pictures_deeper_in_a_class_folder_belong_to_it(tmp_path):
    animals(tmp_path, "cat", "cat/old", "dog")
    data = open_data(tmp_path)
    assert not data.domain_names
    assert data.target.values.tolist() == [0, 0, 0, 0, 1, 1]


def test_without_targets_every_picture_is_read(tmp_path):
    animals(tmp_path, "", "deep/er")
    data = open_data(tmp_path, kind="none")
    assert data.target.kind is TargetKind.NONE
    assert data.target.values is None
    assert data.labels == ("0.png", "1.png", "deep/er/0.png", "deep/er/1.png")


def test_common_size_up_to_256_and_the_median_up_to_224_otherwise(tmp_path):
    save(tmp_path / "same" / "a" / "x.png", greys(0, (20, 30)))
    save(tmp_path / "same" / "b" / "x.png", greys(0, (20, 30)))
    save(tmp_path / "unlike" / "a" / "x.png", greys(0, (20, 30)))
    save(tmp_path / "unlike" / "b" / "x.png", greys(0, (30, 20)))
    save(tmp_path / "large" / "a" / "x.png", greys(0, (240, 257)))
    save(tmp_path / "large" / "b" / "x.png", greys(0, (240, 257)))
    shapes = {
        name: tuple(stacked(open_data(tmp_path / name)).shape[1:])
        for name in ("same", "unlike", "large")
    }
    assert shapes == {"same": (1, 20, 30), "unlike": (1, 20, 20), "large": (1, 224, 224)}
    wanted = open_data(tmp_path / "unlike", image_size=(10, 12), channels=3)
    assert tuple(stacked(wanted).shape[1:]) == (3, 10, 12)


@pytest.mark.parametrize(
    ("source", "size"),
    [((40, 60), (20, 20)), ((60, 40), (20, 20)), ((37, 91), (16, 24)), ((9, 9), (18, 18))],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_resizing_equals_torchvision(source, size, channels):
    functional = pytest.importorskip("torchvision.transforms.v2.functional")
    picture = torch.randint(0, 256, (2, channels, *source), dtype=torch.uint8)
    scale = max(size[0] / source[0], size[1] / source[1])
    inner = [max(s, round(d * scale)) for s, d in zip(size, source, strict=True)]
    expected = functional.center_crop(functional.resize(picture, inner, antialias=True), size)
    found = fit_size(picture, size)
    assert found.shape == expected.shape
    # an odd margin may be cut one pixel further on either side
    margins = [i - s for i, s in zip(inner, size, strict=True)]
    if all(margin % 2 == 0 for margin in margins):
        torch.testing.assert_close(found, expected, atol=1, rtol=0)


def test_grey_equals_pillow(tmp_path):
    pixels = colours(3, (40, 40))
    tensor = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    expected = np.asarray(Image.fromarray(pixels).convert("L"))
    np.testing.assert_array_equal(fit_channels(tensor, 1)[0, 0].numpy(), expected)
    assert torch.equal(fit_channels(tensor[:, :1], 3), tensor[:, :1].repeat(1, 3, 1, 1))
    floats = fit_channels(tensor.float(), 1)
    np.testing.assert_allclose(floats[0, 0].numpy(), expected, atol=1)


def test_large_sets_stay_files_with_the_same_pixels(tmp_path, monkeypatch):
    animals(tmp_path, "cat", "dog", draw=colours)
    kept = open_data(tmp_path, image_size=(4, 3))
    monkeypatch.setattr(pictures, "FITS_IN_MEMORY", 100)
    files = open_data(tmp_path, image_size=(4, 3))
    assert isinstance(kept.samples, InMemory)
    assert isinstance(files.samples, PictureFiles)
    again = pickle.loads(pickle.dumps(files.samples))
    torch.testing.assert_close(again.take(torch.tensor([3, 0])), kept.samples.values[[3, 0]])
    assert again.item(1).shape == (3, 4, 3)


@pytest.mark.parametrize("limit", [2**30, 10])
def test_unreadable_files_are_all_named_or_left_out(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(pictures, "FITS_IN_MEMORY", limit)
    animals(tmp_path, "cat", "dog", each=4)
    (tmp_path / "cat" / "1.png").write_bytes(b"no picture at all")
    whole = (tmp_path / "dog" / "2.png").read_bytes()
    (tmp_path / "dog" / "2.png").write_bytes(whole[: len(whole) - 30])
    with pytest.raises(BadData, match="images must be readable pictures") as caught:
        open_data(tmp_path)
    assert re.search(r"cat/1\.png.*dog/2\.png.*skip-bad", str(caught.value))
    data = open_data(tmp_path, skip_bad=True)
    assert len(data) == 6
    assert data.target.values.tolist() == [0] * 3 + [1] * 3
    assert {fault.what for fault in data.skipped} == {"cat/1.png", "dog/2.png"}
    np.testing.assert_array_equal(stacked(data)[1, 0].numpy(), greys(2))


def test_a_torn_jpeg_is_found_without_decoding_the_whole_ones(tmp_path):
    save(tmp_path / "whole.jpg", greys(0, (64, 64)), quality=95)
    content = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "torn.jpg").write_bytes(content[: len(content) // 2])
    verify(tmp_path / "whole.jpg")
    with pytest.raises(BadData):
        verify(tmp_path / "torn.jpg")


def test_mixed_channels(tmp_path):
    animals(tmp_path, "cat", "dog", draw=colours, each=3)
    save(tmp_path / "dog" / "grey.png", greys(0))
    with pytest.raises(BadData, match=r"mixed channels.*dog/grey\.png.*channels=3"):
        open_data(tmp_path)
    assert stacked(open_data(tmp_path, channels=3)).shape[1] == 3
    assert stacked(open_data(tmp_path, channels=1)).shape[1] == 1
    data = open_data(tmp_path, skip_bad=True)
    assert [fault.what for fault in data.skipped] == ["dog/grey.png"]
    assert len(data) == 6


def test_empty_class_folder(tmp_path):
    animals(tmp_path, "cat", "dog", "emu")
    (tmp_path / "fox").mkdir()
    (tmp_path / "gnu").mkdir()
    with pytest.raises(BadData, match=r"at least one picture each.*fox.*gnu"):
        open_data(tmp_path)
    data = open_data(tmp_path, skip_bad=True)
    assert data.target.names == ("cat", "dog", "emu")
    assert [fault.what for fault in data.skipped] == ["fox", "gnu"]


def test_a_class_that_train_lacks(tmp_path):
    animals(tmp_path, "train/cat", "train/dog", "test/cat", "test/emu")
    with pytest.raises(BadData, match="train/emu"):
        open_data(tmp_path)
    data = open_data(tmp_path, skip_bad=True)
    assert data.target.names == ("cat", "dog")
    assert {fault.what for fault in data.skipped} == {
        "train/emu",
        "test/emu/0.png",
        "test/emu/1.png",
    }
    assert len(data) == 6
    assert len(data.splits["test"]) == 2


def test_a_class_missing_from_a_domain(tmp_path):
    animals(tmp_path, "photo/cat", "photo/dog", "sketch/cat", "sketch/emu")
    with pytest.raises(BadData, match=r"photo/emu.*sketch/dog"):
        open_data(tmp_path)
    data = open_data(tmp_path, skip_bad=True)
    assert data.target.names == ("cat", "dog", "emu")
    assert len(data) == 8


@pytest.mark.parametrize("skip_bad", [False, True])
def test_one_class_only_is_always_refused(tmp_path, skip_bad):
    animals(tmp_path, "cat")
    with pytest.raises(BadData, match="one class only: cat"):
        open_data(tmp_path, skip_bad=skip_bad)


def test_folders_without_pictures_or_with_loose_ones(tmp_path):
    (tmp_path / "none" / "cat").mkdir(parents=True)
    (tmp_path / "none" / "cat" / "notes.txt").write_text("hm")
    with pytest.raises(BadData, match="no pictures"):
        open_data(tmp_path / "none")
    animals(tmp_path / "loose", "cat", "dog", "")
    with pytest.raises(BadData, match=r"outside class folders: 0\.png, 1\.png.*netwright predict"):
        open_data(tmp_path / "loose")
    animals(tmp_path / "both", "train/cat", "train/dog", "elsewhere")
    with pytest.raises(BadData, match="beside elsewhere"):
        open_data(tmp_path / "both")
    animals(tmp_path / "twice", "train/cat", "train/dog", "val/cat", "valid/dog")
    with pytest.raises(BadData, match="once each"):
        open_data(tmp_path / "twice")


def test_every_file_unreadable(tmp_path):
    for part in ("cat", "dog"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "x.png").write_bytes(b"")
    with pytest.raises(BadData, match="none that can be read"):
        open_data(tmp_path, skip_bad=True)


def test_folder_names_that_are_numbers_can_be_ordinal_or_real(tmp_path):
    animals(tmp_path, "1", "10", "2")
    ordinal = open_data(tmp_path, kind="ordinal")
    assert ordinal.target.names == ("1", "2", "10")
    assert ordinal.target.values.tolist() == [0, 0, 2, 2, 1, 1]
    assert open_data(tmp_path, kind="real").target.values.tolist() == [1, 1, 10, 10, 2, 2]
    animals(tmp_path / "words", "cat", "dog")
    with pytest.raises(BadData, match=r"numbers for kind='ordinal', got cat, dog"):
        open_data(tmp_path / "words", kind="ordinal")


def test_groups_and_times_are_functions_of_the_file_name(tmp_path):
    animals(tmp_path, "cat", "dog")
    data = open_data(tmp_path, group=lambda label: label[-5], time=lambda label: 7 - int(label[-5]))
    assert data.groups.tolist() == [0, 1, 0, 1]
    assert data.times.tolist() == [7, 6, 7, 6]
    with pytest.raises(BadValue, match="group must be a function"):
        open_data(tmp_path, group="patient")


def test_pictures_in_a_format_that_is_not_read_are_no_strangers(tmp_path):
    animals(tmp_path, "cat", "dog")
    (tmp_path / "cat" / "phone.HEIC").write_bytes(b"ftypheic")
    with pytest.raises(BadData, match=r"cat/phone.HEIC \(not a picture"):
        open_data(tmp_path)
