"""Space is freed, and nothing that is still needed goes."""

from __future__ import annotations

import pytest

from netwright._errors import DamagedRun
from netwright.runs.clean import Cleaned, clean
from netwright.runs.events import Recorder
from netwright.runs.finished import COMPLETE, is_finished
from netwright.runs.lock import writing
from netwright.runs.store import RunFolder, list_runs


def made(root, name, *, finished=True):
    folder = RunFolder.create(root, name, exact=True)
    folder.write_text("recipe.yaml", "data: iris\n")
    for step in (1, 2):
        folder.write_bytes(f"snapshots/step-{step}.snapshot", bytes(1000))
    folder.write_bytes("report.html", b"page")
    with Recorder(folder.path, attempt=1) as recorder:
        recorder.begin(step=0)
        if finished:
            folder.write_bytes("model.safetensors", bytes(50))
            recorder.record(COMPLETE, step=2)
    (folder.path / "snapshots" / ".step-3.snapshot.77.tmp").write_bytes(bytes(300))
    return folder


def names(folder):
    return sorted(path.name for path in folder.path.rglob("*") if path.is_file())


def test_a_finished_run_keeps_all_but_its_snapshots(tmp_path):
    folder = made(tmp_path, "done")
    assert clean([folder], dry=True) == [Cleaned("done", 2300, 3)]
    assert len(names(folder)) == 7
    assert clean([folder]) == [Cleaned("done", 2300, 3)]
    assert names(folder) == [
        ".lock", "events.jsonl", "model.safetensors", "recipe.yaml", "report.html",
    ]  # fmt: skip
    assert is_finished(folder)
    assert clean([folder]) == [Cleaned("done", 0, 0)]


def test_an_unfinished_run_can_still_go_on(tmp_path):
    folder = made(tmp_path, "killed", finished=False)
    assert clean([folder]) == [Cleaned("killed", 300, 1, "unfinished")]
    assert len(list(folder.path.glob("snapshots/*"))) == 2


@pytest.mark.parametrize("lost", ["model.safetensors", "report.html"])
def test_a_run_that_lost_what_it_ended_with_is_not_finished(tmp_path, lost):
    folder = made(tmp_path, "lost")
    (folder.path / lost).unlink()
    assert not is_finished(folder)
    assert clean([folder])[0].kept == "unfinished"


@pytest.mark.parametrize("options", [{}, {"whole": True}, {"dry": True}])
def test_a_run_that_is_written_is_left_alone(tmp_path, options):
    folder = made(tmp_path, "going-on")
    before = names(folder)
    with writing(folder.path):
        assert clean([folder], **options) == [Cleaned("going-on", 0, 0, "is being written")]
    assert names(folder) == sorted([*before, ".lock"])


def test_whole_runs_go_when_that_is_asked_for(tmp_path):
    folders = [made(tmp_path, "a"), made(tmp_path, "b", finished=False)]
    clean(folders, whole=True, dry=True)
    assert len(list_runs(tmp_path)) == 2
    freed = clean(folders[:1], whole=True)
    assert freed[0].freed > 2350
    assert [run.name for run in list_runs(tmp_path)] == ["b"]


def test_what_a_link_names_is_not_the_runs(tmp_path):
    other, folder = made(tmp_path, "other"), made(tmp_path, "linked")
    for path in (folder.path / "snapshots").iterdir():
        path.unlink()
    (folder.path / "snapshots").rmdir()
    (folder.path / "snapshots").symlink_to(other.path / "snapshots")
    assert clean([folder])[0].kept == "they lie elsewhere, where a link leads"
    assert len(list(other.path.glob("snapshots/*.snapshot"))) == 2
    clean([folder], whole=True)
    assert len(list(other.path.glob("snapshots/*.snapshot"))) == 2


def test_a_record_that_cannot_be_read(tmp_path, monkeypatch):
    folder = made(tmp_path, "odd")

    def refuse(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    assert clean([folder])[0].kept == "its record can't be read"


def test_a_disk_that_refuses(tmp_path, monkeypatch):
    folder = made(tmp_path, "done")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.unlink", refuse)
    with pytest.raises(DamagedRun, match="must be a place that can be removed"):
        clean([folder])


def test_a_recipe_alone_makes_no_run_that_could_be_removed(tmp_path):
    (tmp_path / "recipe.yaml").write_text("data: iris\n")
    (tmp_path / "work.txt").write_text("of years")
    (tmp_path / ".work.txt.1.tmp").write_text("of another program")
    for whole in (True, False):
        assert clean([RunFolder(tmp_path)], whole=whole)[0].kept == "it has no record"
    assert names(RunFolder(tmp_path)) == [".work.txt.1.tmp", "recipe.yaml", "work.txt"]


def test_hidden_files_of_other_programs_stay(tmp_path):
    folder = made(tmp_path, "done")
    folder.write_bytes(".notes.tmp", b"mine")
    clean([folder])
    assert (folder.path / ".notes.tmp").exists()
    with Recorder(folder.path, attempt=2):
        assert (folder.path / ".notes.tmp").exists()
