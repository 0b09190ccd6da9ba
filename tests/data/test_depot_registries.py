"""Package clients, played by small scripts, and torchvision's downloads, played by functions."""

from __future__ import annotations

import hashlib
import io
import sys
import tarfile
import urllib.error
import zipfile

import pytest

from netwright.data.depot import registries
from netwright.data.depot.entry import NotFetched
from netwright.data.depot.own_source import OwnSource, torchvision_weights
from netwright.data.depot.registries import (
    DebianPackage,
    NpmPackage,
    PythonPackage,
    SourcePackage,
)
from netwright.data.depot.unpack import unpack


def tar(path, files):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def wheel(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def client(tmp_path, monkeypatch):
    """Puts a shell script of some name first on PATH."""
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")

    def put(name, script):
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
        return programs / name

    return put


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "work" / "payload"
    path.mkdir(parents=True)
    return path


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))


def test_npm_brings_the_wanted_members(tmp_path, folder, client):
    sha = tar(tmp_path / "toy.tgz", {"package/a.txt": b"a", "package/b.bin": b"b"})
    client("npm", f'echo "$@" > {tmp_path}/asked; cp {tmp_path}/toy.tgz .')
    package = NpmPackage("@scope/toy", "1.0", sha, keep=("package/*.txt",))
    package.bring(folder)
    assert files(folder) == ["package/a.txt"]
    assert (tmp_path / "asked").read_text().split()[-1] == "@scope/toy@1.0"
    assert package.label == "npm pack @scope/toy@1.0"
    assert [path.name for path in folder.parent.iterdir()] == ["payload"]


def test_an_archive_with_another_checksum_is_not_unpacked(tmp_path, folder, client):
    tar(tmp_path / "toy.tgz", {"package/a.txt": b"a"})
    client("npm", f"cp {tmp_path}/toy.tgz .")
    with pytest.raises(NotFetched, match=r"toy.tgz has sha256 .* where 0000"):
        NpmPackage("toy", "1.0", "0" * 64).bring(folder)
    assert files(folder) == []


def test_a_failing_client_is_quoted(folder, client):
    client("npm", "echo 'npm error code E404' >&2; echo 'npm error 404 no such' >&2; exit 1")
    with pytest.raises(NotFetched, match=r"^npm error 404 no such$"):
        NpmPackage("toy", "1.0", "0" * 64).bring(folder)
    client("npm", "exit 3")
    with pytest.raises(NotFetched, match=r"^ended with status 3$"):
        NpmPackage("toy", "1.0", "0" * 64).bring(folder)
    client("npm", "true")
    with pytest.raises(NotFetched, match="0 files where one archive"):
        NpmPackage("toy", "1.0", "0" * 64).bring(folder)


def test_a_client_that_is_not_there_is_said(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotFetched, match=r"^npm is not installed$"):
        NpmPackage("toy", "1.0", "0" * 64).bring(folder)
    with pytest.raises(NotFetched, match=r"^apt-get is not installed$"):
        DebianPackage("toy").bring(folder)
    monkeypatch.setattr(registries.importlib.metadata, "distributions", lambda **_: ())
    with pytest.raises(NotFetched, match=r"^pip is not installed in this Python$"):
        PythonPackage("toy", "1.0", "0" * 64).bring(folder)


def test_a_client_that_hangs_is_given_up(folder, client, monkeypatch):
    client("npm", "exec sleep 20")
    monkeypatch.setattr(registries, "CLIENT_SECONDS", 0.2)
    with pytest.raises(NotFetched, match="gave up"):
        NpmPackage("toy", "1.0", "0" * 64).bring(folder)


@pytest.mark.parametrize("kind", [PythonPackage, SourcePackage])
def test_pip_is_told_the_checksum(tmp_path, folder, client, monkeypatch, kind):
    sha = wheel(tmp_path / "toy-1.0-py3-none-any.whl", {"toy/a.txt": b"a", "toy/b.py": b"b"})
    python = client(
        "python",
        f'echo "$@" > {tmp_path}/asked\n'
        f'while [ "$1" != -r ]; do shift; done; cp "$2" {tmp_path}/wanted\n'
        f"cp {tmp_path}/*.whl .",
    )
    monkeypatch.setattr(sys, "executable", str(python))
    package = kind("toy", "1.0", sha, keep=("toy/*.txt",))
    package.bring(folder)
    assert files(folder) == ["toy/a.txt"]
    assert (tmp_path / "wanted").read_text().strip() == f"toy==1.0 --hash=sha256:{sha}"
    asked = (tmp_path / "asked").read_text()
    assert asked.startswith("-m pip download")
    assert "--require-hashes" in asked
    assert ("--no-binary toy" in asked) is (kind is SourcePackage)
    assert package.label == "pip download toy==1.0"


def test_debian_packages_are_extracted_by_dpkg(tmp_path, folder, client):
    client("apt-get", f'echo "$@" > {tmp_path}/asked; echo x > toy_1_all.deb')
    client("dpkg-deb", 'mkdir -p "$3/usr/share"; cp "$2" "$3/usr/share/toy.dat"')
    DebianPackage("toy").bring(folder)
    assert files(folder) == ["usr/share/toy.dat"]
    assert (tmp_path / "asked").read_text().split() == ["download", "--quiet", "toy"]


def test_members_outside_the_folder_and_broken_archives_are_refused(tmp_path, folder):
    tar(tmp_path / "evil.tgz", {"../evil.txt": b"x"})
    with pytest.raises(NotFetched, match=r"evil.tgz can't be unpacked"):
        unpack(tmp_path / "evil.tgz", folder)
    assert not (folder.parent / "evil.txt").exists()
    (tmp_path / "broken.tgz").write_bytes(b"no archive at all")
    with pytest.raises(NotFetched, match=r"broken.tgz can't be unpacked"):
        unpack(tmp_path / "broken.tgz", folder)


def noisy(folder):
    sys.stdout.write("trying")
    sys.stderr.write("failing")
    raise urllib.error.URLError("no route to host")


def test_own_source_is_quiet_and_turns_network_errors_into_one(folder, capfd):
    source = OwnSource("TOY", noisy)
    with pytest.raises(NotFetched, match="no route to host"):
        source.bring(folder)
    assert capfd.readouterr() == ("", "")
    assert source.label == "torchvision's download of TOY"


def test_own_source_is_impatient_only_while_it_downloads(folder):
    import socket

    seen = []
    OwnSource("TOY", lambda path: seen.append(socket.getdefaulttimeout())).bring(folder)
    assert seen == [15.0]
    assert socket.getdefaulttimeout() is None


def test_torchvision_weights_are_asked_for_with_their_hash(folder, monkeypatch):
    import torch.hub

    asked = {}

    def download(url, target, *, hash_prefix, progress):
        asked.update(file=url.rsplit("/", 1)[-1], target=target, prefix=hash_prefix)

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    torchvision_weights("MobileNet_V2_Weights.IMAGENET1K_V1")(folder)
    assert asked == {
        "file": "mobilenet_v2-b0353104.pth",
        "target": str(folder / "mobilenet_v2-b0353104.pth"),
        "prefix": "b0353104",
    }
