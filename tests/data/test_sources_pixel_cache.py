import multiprocessing
import os

import pytest
import torch

from netwright.data.sources import pixel_cache
from netwright.data.sources.pixel_cache import PixelCache, disk_cache, memory_cache

SIZES = [(5, 7), (1, 1), (90, 40)]
PICTURES = [
    torch.randint(
        0, 256, (3, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(at)
    )
    for at, size in enumerate(SIZES)
]


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / f"{at}.jpg" for at in range(3)]
    for path in paths:
        path.write_bytes(b"picture")
    return [str(path) for path in paths]


@pytest.fixture(params=["memory", "disk"])
def cache(request, files, tmp_path):
    if request.param == "memory":
        return memory_cache(SIZES, channels=3)
    return disk_cache(files, SIZES, channels=3, under=tmp_path / "cache")


def test_what_was_put_is_got_and_nothing_else(cache):
    assert cache.kept == 3
    assert all(cache.get(at) is None for at in range(3))
    for at in (2, 0):
        cache.put(at, PICTURES[at])
    assert torch.equal(cache.get(2), PICTURES[2])
    assert torch.equal(cache.get(0), PICTURES[0])
    assert cache.get(1) is None


def test_a_picture_of_another_size_is_not_kept(cache):
    cache.put(1, PICTURES[0])
    assert cache.get(1) is None


def _fill(cache):
    cache.put(1, PICTURES[1])
    os._exit(0)  # as abruptly as a worker ends


def test_processes_share_it(cache):
    child = multiprocessing.get_context("fork").Process(target=_fill, args=(cache,))
    child.start()
    child.join(30)
    assert torch.equal(cache.get(1), PICTURES[1])


def test_killed_between_pixels_and_their_mark_is_not_there(cache, monkeypatch):
    write = os.pwrite

    def killed(file, data, offset):
        if len(data) == 1 and offset < 3:
            raise KeyboardInterrupt
        return write(file, data, offset)

    monkeypatch.setattr(os, "pwrite", killed)
    with pytest.raises(KeyboardInterrupt):
        cache.put(0, PICTURES[0])
    assert cache.get(0) is None


def test_a_full_disk_keeps_what_is_there_and_goes_on(cache, monkeypatch):
    cache.put(0, PICTURES[0])

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    cache.put(2, PICTURES[2])
    assert cache.get(2) is None
    assert torch.equal(cache.get(0), PICTURES[0])


def test_what_is_beyond_the_budget_has_no_place():
    budget = 4096 + 5 * 7 * 3 + 3
    cache = PixelCache(SIZES, channels=3, budget=budget, open_file=pixel_cache._in_memory)
    for at in range(3):
        cache.put(at, PICTURES[at])
    assert cache.kept == 2
    assert torch.equal(cache.get(1), PICTURES[1])
    assert cache.get(2) is None


def test_on_disk_it_serves_the_next_run_on_the_same_files_only(files, tmp_path):
    folder = tmp_path / "cache"
    disk_cache(files, SIZES, channels=3, under=folder).put(0, PICTURES[0])
    assert torch.equal(disk_cache(files, SIZES, channels=3, under=folder).get(0), PICTURES[0])
    os.utime(files[1], ns=(0, 0))  # changed
    assert disk_cache(files, SIZES, channels=3, under=folder).get(0) is None
    assert disk_cache(files, SIZES, channels=1, under=folder).get(0) is None


def test_files_of_an_earlier_start_of_the_machine_are_taken_away(files, tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setattr(pixel_cache, "_boot", lambda: "earlier")
    before = disk_cache(files, SIZES, channels=3, under=folder)
    before.put(0, PICTURES[0])
    monkeypatch.setattr(pixel_cache, "_boot", lambda: "now")
    assert disk_cache(files, SIZES, channels=3, under=folder).get(0) is None
    assert len(list(folder.iterdir())) == 2  # still open here
    del before
    disk_cache(files, SIZES, channels=3, under=folder)
    (left,) = folder.iterdir()
    assert left.name.startswith("now-")


def test_the_longest_unused_make_room(files, tmp_path):
    folder = tmp_path / "cache"
    for at, path in enumerate(files):
        disk_cache([path], [SIZES[2]], channels=3, under=folder).put(0, PICTURES[2])
        (newest,) = (one for one in folder.iterdir() if one.stat().st_mtime > 10)
        os.utime(newest, (at, at))
    by_age = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime)
    held = pixel_cache._taken(by_age[0])
    pixel_cache._tidy(by_age, room=2 * held)
    assert sorted(folder.iterdir()) == sorted(by_age[1:])
