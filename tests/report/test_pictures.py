from __future__ import annotations

import base64
from io import BytesIO

import numpy as np
from PIL import Image

from netwright.report.pictures import Album, heat_map
from netwright.runs.store import RunFolder


def png(pixels):
    written = BytesIO()
    Image.fromarray(pixels).save(written, "PNG")
    return written.getvalue()


def opened(address):
    return Image.open(BytesIO(base64.b64decode(address.partition(",")[2])))


def test_a_budget_is_never_passed_and_once_spent_stays_so(tmp_path):
    run = RunFolder.create(tmp_path, "a")
    large = np.random.default_rng(0).integers(0, 256, (150, 150, 3), dtype=np.uint8)
    run.write_bytes("pictures/large.png", png(large))
    run.write_bytes("pictures/small.png", png(np.zeros((4, 4), np.uint8)))
    size = len(Album(run, budget=10**9).add("large.png")["address"])
    album = Album(run, budget=2 * size + size // 2)
    taken = [album.add("large.png") for _ in range(5)]
    assert [picture is not None for picture in taken] == [True, True, False, False, False]
    assert album.add("small.png") is None


def test_pictures_are_found_by_either_name_and_made_small(tmp_path):
    run = RunFolder.create(tmp_path, "a")
    small = np.arange(64, dtype=np.uint8).reshape(8, 8)
    run.write_bytes("pictures/small.png", png(small))
    run.write_bytes("pictures/wide.png", png(np.zeros((400, 800, 3), np.uint8)))
    album = Album(run, budget=10**6)
    for name in ("small.png", "pictures/small.png"):
        picture = album.add(name)
        assert picture["is_small"]
        np.testing.assert_array_equal(np.asarray(opened(picture["address"])), small)
    wide = album.add("wide.png")
    assert not wide["is_small"]
    assert opened(wide["address"]).size == (160, 80)
    assert album.add(None) is None
    assert album.add("../secret.png") is None


def test_a_heat_map_keeps_the_largest_of_what_it_pools():
    shares = np.zeros((100, 100))
    shares[37, 81] = 1.0
    shares[0, 0] = 0.25
    opacity = np.asarray(opened(heat_map(shares, side=10)))[..., 3]
    assert opacity.shape == (10, 10)
    assert opacity[3, 8] == 255
    assert opacity[0, 0] == 128
    assert np.count_nonzero(opacity) == 2
