from __future__ import annotations

import getpass
import json
import os
import platform
import subprocess
import sys

import pytest
import torch

from netwright.runs.environment import changes_since, environment
from netwright.runs.files import decode, encode


def test_it_says_what_the_run_was_made_with():
    found = environment()
    assert found["versions"]["torch"] == torch.__version__.split("+")[0] or found["versions"][
        "torch"
    ].startswith(torch.__version__.split("+")[0])
    assert found["versions"]["python"] == platform.python_version()
    assert found["threads"]["within_operation"] == torch.get_num_threads()
    assert found["hardware"]["cores"] == os.cpu_count()
    assert found["hardware"]["memory_bytes"] > 2**28
    assert len(found["hardware"]["accelerators"]) == torch.cuda.device_count()
    assert decode(encode(found)) == found


def test_it_does_not_say_who_made_it(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada-lovelace")
    monkeypatch.setenv("A_SECRET", "swordfish")
    monkeypatch.setattr(
        sys, "argv", ["/home/ada-lovelace/bin/netwright", "train", "--set=x=/home/ada-lovelace/d"]
    )
    text = encode(environment())
    assert '"command":["netwright","train","--set=x=~/d"]' in text
    for word in ("ada-lovelace", "swordfish", "A_SECRET", f'"{platform.node()}"'):
        assert word not in text
    assert f'"{getpass.getuser()}"' not in text


def test_the_commit_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert environment()["git"] is None

    def git(*words):
        who = ("-c", "user.name=a", "-c", "user.email=a@b")
        run = subprocess.run(["git", *who, *words], check=True, capture_output=True, text=True)
        return run.stdout.strip()

    git("init", "-q")
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("commit", "-q", "-m", "a")
    assert environment()["git"] == {"commit": git("rev-parse", "HEAD"), "changed": False}
    (tmp_path / "a").write_text("2")
    assert environment()["git"]["changed"] is True
    monkeypatch.setenv("PATH", "")
    assert environment()["git"] is None


@pytest.mark.parametrize("damaged", [None, [], {"versions": 3}, {"threads": {}}])
def test_what_changes_bits_is_told_whatever_was_recorded(damaged):
    assert changes_since(json.loads(json.dumps(environment()))) == []
    assert f"versions.torch None → {environment()['versions']['torch']}" in changes_since(damaged)
