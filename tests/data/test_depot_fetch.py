"""The fetching itself, by carriers that bring files from memory."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from netwright._errors import BadValue, MissingExtra
from netwright.data import depot
from netwright.data.depot import catalogue
from netwright.data.depot.entry import Carrier, DepotEntry, Kind, NotFetched, Route
from netwright.data.depot.verify import file_digest, folder_digest


@dataclass
class Memory(Carrier):
    """Brings files from memory, or fails."""

    files: dict[str, bytes] = field(default_factory=dict)
    failure: BaseException | None = None
    name: str = "memory"
    into: str = ""
    calls: int = 0

    @property
    def label(self):
        return self.name

    def bring(self, folder):
        self.calls += 1
        for path, content in self.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        if self.failure is not None:
            raise self.failure


def copy_upper(payload, made):
    (made / "deep").mkdir()
    (made / "deep" / "text").write_bytes((payload / "text").read_bytes().upper())


HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"  # of "hello"
UPPER = "3733cd977ff8eb18b987357e22ced99f46097f31ecb239e878ae63760e83e4d5"  # of "HELLO"


def toy(*carriers, payload=None, contents=None, prepare=copy_upper, **facts):
    payload = {"text": HELLO} if payload is None else payload
    routes = tuple(
        Route(carriers=(carrier,), payload=payload, prepare=prepare) for carrier in carriers
    )
    return DepotEntry(
        name="toy",
        kind=Kind.DATA,
        summary="a toy",
        licence="CC0",
        origin="nowhere",
        megabytes=0.1,
        routes=routes,
        contents={"deep/text": UPPER} if contents is None else contents,
        **facts,
    )


@pytest.fixture
def offer(monkeypatch):
    def put(item):
        monkeypatch.setitem(catalogue._TABLE, item.name, item)

    return put


def left(cache):
    return sorted(path.name for path in Path(cache).iterdir())


def test_get_prepares_and_writes_a_manifest(tmp_path, offer):
    offer(toy(Memory({"text": b"hello"})))
    folder = depot.get("toy", cache=tmp_path)
    assert folder == tmp_path / "toy"
    assert (folder / "deep" / "text").read_bytes() == b"HELLO"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["files"] == {"deep/text": {"bytes": 5, "sha256": UPPER}}
    assert manifest["route"] == "memory"
    assert manifest["licence"] == "CC0"
    assert manifest["origin"] == "nowhere"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", manifest["date"])
    assert left(tmp_path) == ["toy"]
    assert depot.changed_files(folder) == []


def test_second_get_uses_the_cache(tmp_path, offer):
    carrier = Memory({"text": b"hello"})
    offer(toy(carrier))
    first = depot.get("toy", cache=tmp_path)
    assert depot.get("toy", cache=tmp_path) == first == depot.prepared("toy", cache=tmp_path)
    assert carrier.calls == 1


@pytest.mark.parametrize("damage", ["missing", "short", "no manifest", "bad manifest"])
def test_a_damaged_copy_is_fetched_again(tmp_path, offer, damage):
    carrier = Memory({"text": b"hello"})
    offer(toy(carrier))
    folder = depot.get("toy", cache=tmp_path)
    file, manifest = folder / "deep" / "text", folder / "manifest.json"
    {
        "missing": file.unlink,
        "short": lambda: file.write_bytes(b"HELL"),
        "no manifest": manifest.unlink,
        "bad manifest": lambda: manifest.write_text("{"),
    }[damage]()
    assert depot.prepared("toy", cache=tmp_path) is None
    assert depot.get("toy", cache=tmp_path) == folder
    assert file.read_bytes() == b"HELLO"
    assert carrier.calls == 2
    assert left(tmp_path) == ["toy"]


def test_changed_content_of_the_same_size_is_told(tmp_path, offer):
    offer(toy(Memory({"text": b"hello"})))
    folder = depot.get("toy", cache=tmp_path)
    (folder / "deep" / "text").write_bytes(b"HELLA")
    assert depot.changed_files(folder) == ["deep/text"]


def test_a_new_revision_is_fetched_again(tmp_path, offer):
    carrier = Memory({"text": b"hello"})
    offer(toy(carrier))
    depot.get("toy", cache=tmp_path)
    offer(toy(carrier, revision=2))
    assert depot.prepared("toy", cache=tmp_path) is None
    depot.get("toy", cache=tmp_path)
    assert carrier.calls == 2


def test_wrong_payload_is_refused_and_nothing_stays(tmp_path, offer):
    offer(toy(Memory({"text": b"hellO"})))
    with pytest.raises(NotFetched, match=r"text has sha256 .* where 2cf24dba5fb0… was expected"):
        depot.get("toy", cache=tmp_path)
    assert left(tmp_path) == []


def test_wrong_prepared_content_is_refused_and_nothing_stays(tmp_path, offer):
    offer(toy(Memory({"text": b"hello"}), contents={"deep/text": HELLO, "other": HELLO}))
    with pytest.raises(NotFetched, match=r"deep/text has sha256 3733.*other is not there"):
        depot.get("toy", cache=tmp_path)
    assert left(tmp_path) == []


def test_all_failed_routes_are_listed(tmp_path, offer):
    offer(
        toy(
            Memory(name="first", failure=NotFetched("no network")),
            Memory({"text": b"x"}, name="second"),
            Memory(name="third", failure=NotFetched("npm is not installed")),
        )
    )
    with pytest.raises(NotFetched) as caught:
        depot.get("toy", cache=tmp_path)
    message = str(caught.value)
    assert "3 failures" in message
    assert "first: no network;" in message
    assert "second: what arrived is not what was expected: text has sha256" in message
    assert "third: npm is not installed" in message
    assert str(tmp_path / "toy") in message
    assert left(tmp_path) == []


def test_a_later_route_takes_over_and_is_recorded(tmp_path, offer):
    told = []
    good = Memory({"text": b"hello"}, name="good")
    never = Memory(name="never")
    offer(toy(Memory(name="bad", failure=NotFetched("no network")), good, never))
    folder = depot.get("toy", cache=tmp_path, progress=lambda what, done: told.append((what, done)))
    assert json.loads((folder / "manifest.json").read_text())["route"] == "good"
    assert never.calls == 0
    assert ("toy: bad: no network", None) in told
    assert told[-1] == (f"toy: ready in {folder}", 1.0)


def interrupted(payload, made):
    (made / "half").write_text("half")
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    "item",
    [
        toy(Memory({"text": b"hello"}, failure=KeyboardInterrupt())),
        toy(Memory({"text": b"hello"}), prepare=interrupted),
    ],
    ids=["while downloading", "while preparing"],
)
def test_interruption_leaves_nothing(tmp_path, offer, item):
    offer(item)
    with pytest.raises(KeyboardInterrupt):
        depot.get("toy", cache=tmp_path)
    assert left(tmp_path) == []


def test_what_a_killed_process_left_is_swept_only_when_old(tmp_path, offer):
    offer(toy(Memory({"text": b"hello"})))
    names = (".netwright-toy-old", ".netwright-toy-new", ".foreign-old")
    for name in names:
        (tmp_path / name).mkdir()
    for name in (names[0], names[2]):
        os.utime(tmp_path / name, (time.time() - 2 * 86400,) * 2)
    depot.get("toy", cache=tmp_path)
    assert left(tmp_path) == [".foreign-old", ".netwright-toy-new", "toy"]


def test_several_carriers_unpack_side_by_side(tmp_path, offer):
    def join(payload, made):
        both = (payload / "a" / "text").read_bytes() + (payload / "b" / "text").read_bytes()
        (made / "text").write_bytes(both)

    carriers = (Memory({"text": b"hel"}, into="a"), Memory({"text": b"lo"}, into="b"))
    item = replace(
        toy(),
        routes=(Route(carriers=carriers, payload={}, prepare=join),),
        contents={"text": HELLO},
    )
    offer(item)
    assert (depot.get("toy", cache=tmp_path) / "text").read_bytes() == b"hello"


def test_missing_extra_is_said_before_anything_is_downloaded(tmp_path, offer):
    carrier = Memory({"text": b"hello"})
    offer(toy(carrier, extra=("no_such_module", "emoji")))
    with pytest.raises(MissingExtra, match=r"netwright\[emoji\]"):
        depot.get("toy", cache=tmp_path)
    assert carrier.calls == 0


def test_remove(tmp_path, offer):
    offer(toy(Memory({"text": b"hello"})))
    depot.get("toy", cache=tmp_path)
    assert depot.remove("toy", cache=tmp_path) is True
    assert left(tmp_path) == []
    assert depot.remove("toy", cache=tmp_path) is False


def test_cache_folder_follows_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert depot.cache_folder() == tmp_path / "netwright"
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert depot.cache_folder() == tmp_path / "home" / ".cache" / "netwright"
    assert depot.cache_folder(tmp_path / "own") == tmp_path / "own"


def test_folder_digest_sees_names_and_content(tmp_path):
    def digest(name, files):
        for path, content in files.items():
            (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / path).write_bytes(content)
        return folder_digest(tmp_path / name)

    first = digest("first", {"a": b"1", "b/c": b"2"})
    assert digest("same", {"b/c": b"2", "a": b"1"}) == first
    assert digest("moved", {"a": b"2", "b/c": b"1"}) != first
    assert digest("renamed", {"a": b"1", "b/d": b"2"}) != first
    assert file_digest(tmp_path / "first" / "a") != file_digest(tmp_path / "first" / "b" / "c")


def test_listing_says_what_is_fetched(tmp_path, offer):
    offer(toy(Memory({"text": b"hello"})))
    assert {line.name: line.fetched for line in depot.listing(cache=tmp_path)}["toy"] is False
    depot.get("toy", cache=tmp_path)
    lines = {line.name: line for line in depot.listing(cache=tmp_path)}
    assert lines["toy"].fetched is True
    assert [line.name for line in lines.values() if line.fetched] == ["toy"]
    assert list(lines) == depot.names()


def test_unknown_names_list_the_nearest():
    with pytest.raises(BadValue, match="fashion-mnist"):
        depot.entry("fashion_mnist")


def test_the_catalogue_is_filled_in():
    hexadecimal = re.compile(r"[0-9a-f]{64}")
    for name in depot.names():
        item = depot.entry(name)
        assert item.licence, name
        assert item.origin, name
        assert item.megabytes > 0, name
        digests = list(item.contents.values())
        for route in item.routes:
            digests += route.payload.values()
            assert route.payload or item.contents, f"{name} would be taken unseen"
            digests += [
                sha for carrier in route.carriers if (sha := getattr(carrier, "sha256", ""))
            ]
        assert digests, name
        assert all(hexadecimal.fullmatch(digest) for digest in digests), name


def test_importing_the_depot_loads_no_library():
    code = (
        "import sys, netwright.data.depot\n"
        "print([n for n in ('torch', 'torchvision', 'numpy', 'PIL') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
