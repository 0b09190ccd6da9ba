from __future__ import annotations

import math
import os
import subprocess
import threading

import numpy as np
import pytest
import torch

from netwright._errors import BadValue, DamagedRun
from netwright.runs.records import Finding
from netwright.runs.store import Recorder, RunFolder, events, list_runs


def test_names_are_numbered(tmp_path):
    root = tmp_path / "deep" / "runs"
    names = [RunFolder.create(root, "digits").name for _ in range(3)]
    assert names == ["digits-1", "digits-2", "digits-3"]
    (root / "digits-12").mkdir()
    (root / "digits-x7").mkdir()
    assert RunFolder.create(root, "digits").name == "digits-13"
    assert RunFolder.create(root, "digit").name == "digit-1"


def test_no_two_processes_get_one_folder(tmp_path):
    made = []
    start = threading.Barrier(8)

    def make():
        start.wait()
        made.extend(RunFolder.create(tmp_path, "x").path for _ in range(10))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 80


def test_an_exact_name_is_taken_once(tmp_path):
    assert RunFolder.create(tmp_path, "mine", exact=True).name == "mine"
    with pytest.raises(BadValue, match=r"name must be a name that is not taken, got name='mine'"):
        RunFolder.create(tmp_path, "mine", exact=True)


@pytest.mark.parametrize("name", ["", " ", "a/b", "..", ".hidden", "a\\b", "a\0", "a\nb"])
def test_a_name_is_a_name(tmp_path, name):
    with pytest.raises(BadValue, match="folder's name"):
        RunFolder.create(tmp_path, name)
    assert os.listdir(tmp_path) == []


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DamagedRun, match=r"file must be a place that can be created, got "):
        RunFolder.create(tmp_path / "file", "x")
    with pytest.raises(DamagedRun, match=r"File name too long'\. Choose a shorter name"):
        RunFolder.create(tmp_path, "x" * 300)


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(DamagedRun, match="which is not there"):
        RunFolder.open(tmp_path / "no")
    with pytest.raises(DamagedRun, match=r"neither events.jsonl nor recipe.yaml"):
        RunFolder.open(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(DamagedRun, match="which is a file"):
        RunFolder.open(tmp_path / "file")
    run = RunFolder.create(tmp_path, "a")
    assert RunFolder.open(str(run.path)) == run


def test_runs_are_found_by_path_name_and_beginning(tmp_path):
    first = RunFolder.create(tmp_path, "digits")
    second = RunFolder.create(tmp_path, "digits")
    wine = RunFolder.create(tmp_path, "wine")
    (tmp_path / "notes").mkdir()
    assert RunFolder.find(first.path, root="elsewhere") == first
    assert RunFolder.find("digits-2", root=tmp_path) == second
    assert RunFolder.find("wi", root=tmp_path) == wine
    assert RunFolder.named("digits-2", root=tmp_path) == second
    with pytest.raises(BadValue, match="whole name is asked for"):
        RunFolder.named("wi", root=tmp_path)
    with pytest.raises(BadValue, match="digits-1, digits-2"):
        RunFolder.find("digits", root=tmp_path)
    with pytest.raises(BadValue, match=r"Did you mean wine-1\?"):
        RunFolder.find("vine-1", root=tmp_path)
    with pytest.raises(DamagedRun, match="neither"):
        RunFolder.find(tmp_path / "notes", root=tmp_path)


def test_runs_are_listed_in_the_order_of_their_numbers(tmp_path):
    for number in (10, 9, 1):
        RunFolder.create(tmp_path, f"a-{number}", exact=True)
    (tmp_path / "notes").mkdir()
    (tmp_path / "file").touch()
    assert [run.name for run in list_runs(tmp_path)] == ["a-1", "a-9", "a-10"]
    assert list_runs(tmp_path / "none") == []


def test_json_text_and_bytes_come_back(tmp_path):
    run = RunFolder.create(tmp_path, "a")
    value = {"metrics": {"loss": math.inf}, "names": ["é", "<b>"]}
    run.write_json("evaluation/test.json", value)
    assert run.read_json("evaluation/test.json") == value
    run.write_text("recipe.yaml", "seed: 0\n")
    assert run.read_text("recipe.yaml") == "seed: 0\n"
    run.write_bytes("pictures/0.png", b"\x89PNG")
    assert run.read_bytes("pictures/0.png") == b"\x89PNG"
    assert run.has("recipe.yaml")
    assert not run.has("report.html")
    for name in ("/etc/passwd", "../x"):
        with pytest.raises(BadValue, match="inside the run"):
            run.write_text(name, "")


def test_tensors_come_back_whatever_their_layout(tmp_path):
    run = RunFolder.create(tmp_path, "a")
    shared = torch.randn(4, 6, requires_grad=True)
    tensors = {
        "weight": shared,
        "tied": shared,
        "turned": shared.t(),
        "part": shared.detach()[1:3, ::2],
        "pictures": torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last),
        "index": torch.arange(5),
        "number": torch.tensor(3.5),
        "half": torch.randn(3).bfloat16(),
        "none": torch.empty(0, 3),
    }
    run.write_tensors("model.safetensors", tensors, about={"of": "test"})
    again = run.read_tensors("model.safetensors")
    assert again.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert torch.equal(again[name], tensor), name
        assert again[name].dtype == tensor.dtype
    run.write_tensors("evaluation/test.safetensors", {"index": torch.arange(5)})
    arrays = run.read_arrays("evaluation/test.safetensors")
    np.testing.assert_array_equal(arrays["index"], np.arange(5))
    assert sorted(os.listdir(run.path)) == ["evaluation", "events.jsonl", "model.safetensors"]


@pytest.mark.parametrize("name", ["a.json", "a.safetensors"])
def test_damaged_files_are_named(tmp_path, name):
    run = RunFolder.create(tmp_path, "a")
    ways = [run.read_json] if name.endswith("json") else [run.read_tensors, run.read_arrays]
    for read in ways:
        (run.path / name).unlink(missing_ok=True)
        with pytest.raises(DamagedRun, match=rf"{name} must be .* read, got 'No such file"):
            read(name)
        for content in (b"\xff{half", b'{"half": '):
            run.write_bytes(name, content)
            with pytest.raises(DamagedRun, match=rf"{name} must be a whole file"):
                read(name)


@pytest.fixture
def tiny_disk(tmp_path):
    """A disk of 256 KiB, where the system lets us have one."""
    place = tmp_path / "disk"
    place.mkdir()
    try:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)],
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no leave to mount a small disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_told_and_leaves_the_run_whole(tiny_disk):
    run = RunFolder.create(tiny_disk, "a")
    run.write_tensors("model.safetensors", {"w": torch.ones(1000)})
    for write in (
        lambda: run.write_bytes("model.safetensors", bytes(500_000)),
        lambda: run.write_tensors("model.safetensors", {"w": torch.zeros(200_000)}),
        lambda: run.write_json("model.safetensors", "x" * 500_000),
    ):
        with pytest.raises(
            DamagedRun,
            match=r"model.safetensors must be .* written, got 'No space left",
        ):
            write()
        assert sorted(os.listdir(run.path)) == ["events.jsonl", "model.safetensors"]
        assert torch.equal(run.read_tensors("model.safetensors")["w"], torch.ones(1000))
    recorder = Recorder(run, 1)
    step = -1

    def fill():
        nonlocal step
        for step in range(100_000):
            recorder.record("epoch", step=step, filler="x" * 500)

    with pytest.raises(DamagedRun, match=r"events.jsonl must be .* got 'No space left"):
        fill()
    (run.path / "model.safetensors").unlink()
    recorder.close()
    assert [event["step"] for event in events(run)] == list(range(step + 1))


def test_records_travel_through_events(tmp_path):
    run = RunFolder.create(tmp_path, "a")
    finding = Finding(symptom="dead-units", severity="error", where="net.1", step=4)
    with Recorder(run, 1) as recorder:
        recorder.begin(step=0)
        recorder.record("finding", **finding.to_json())
    assert [Finding.from_json(event) for event in events(run, "finding")] == [finding]
