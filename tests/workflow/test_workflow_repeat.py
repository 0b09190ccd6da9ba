"""A run again: from its recipe, after an interruption, on other data."""

from __future__ import annotations

import io
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
import torch
from torch import nn

import netwright as nw
from kill_kit import canonical
from netwright._errors import BadValue, DamagedRun, NonFinite
from netwright.runs.events import events, history
from netwright.runs.lock import writing
from netwright.runs.recipe import Recipe
from netwright.train.loop import Loop
from netwright.train.snapshot import read_snapshot, write_snapshot
from netwright.workflow import fit
from workflow_kit import TINY, blobs, judged, log_without_clock, pictures, table, weights


def repeated(run, **options):
    return nw.run_recipe(Recipe.read(run.folder.path / "recipe.yaml"), **options)


@pytest.mark.parametrize("what", ["iris", "table", "pictures"])
def test_a_recipe_repeats_its_run_bit_for_bit(what, tmp_path):
    data = {
        "iris": lambda: "iris",
        "table": lambda: table(tmp_path / "pets.csv"),
        "pictures": lambda: pictures(tmp_path / "shades"),
    }[what]()
    run = nw.fit(data, epochs=2, batch_size=8, seed=4)
    torch.manual_seed(99)  # nothing outside decides it
    again = repeated(run, root="elsewhere")
    assert weights(again) == weights(run)
    assert log_without_clock(again) == log_without_clock(run)
    for name in ("recipe.yaml", "data.json", "preprocess.json", "evaluation/test.json"):
        assert again.folder.read_bytes(name) == run.folder.read_bytes(name)


def test_the_recipe_holds_every_default():
    recipe = repeated(nw.fit("iris", epochs=1)).recipe
    assert None not in (
        recipe.preprocess, recipe.augment, recipe.model, recipe.optimizer, recipe.schedule,
        recipe.optimizer.learning_rate, recipe.training.epochs, recipe.training.batch_size,
        recipe.training.record_every, recipe.training.snapshot_every, recipe.training.workers,
        recipe.data.fingerprint,
    )  # fmt: skip
    assert recipe.training.precision == "fp32"


def test_a_recipe_finds_its_data_from_any_folder(tmp_path, monkeypatch):
    table(tmp_path / "pets.csv")
    run = nw.fit("pets.csv", changes=TINY)
    (tmp_path / "deeper").mkdir()
    monkeypatch.chdir(tmp_path / "deeper")
    recipe = Recipe.read(tmp_path / "runs" / run.name / "recipe.yaml")
    assert (
        weights(nw.run_recipe(recipe))
        == (tmp_path / "runs" / run.name / "model.safetensors").read_bytes()
    )


def test_changed_data_are_noticed_and_leave_no_folder(tmp_path):
    path = table(tmp_path / "pets.csv")
    run = nw.fit(path, changes=TINY)
    path.write_text(path.read_text().replace("cat", "cow", 1))
    with pytest.raises(BadValue, match=r"what the recipe was made with.*fingerprint"):
        repeated(run)
    assert [one.name for one in (tmp_path / "runs").iterdir()] == [run.name]


def test_a_changed_picture_is_noticed(tmp_path):
    from PIL import Image

    folder = pictures(tmp_path / "shades")
    run = nw.fit(folder, epochs=1)
    Image.new("L", (8, 8), 7).save(folder / "a" / "0.png")
    with pytest.raises(BadValue, match="fingerprint"):
        repeated(run)


# --- interruptions ------------------------------------------------------------------------------


def stop_after(monkeypatch, step):
    """Ask the loop to stop once it has done `step` steps, as a handler would."""
    one_step = Loop._step

    def counted(self):
        one_step(self)
        if self.counters.step == step - 1:
            self.request_stop()

    monkeypatch.setattr(Loop, "_step", counted)
    return lambda: monkeypatch.setattr(Loop, "_step", one_step)


@pytest.mark.parametrize("step", [2, 7, 14])
def test_a_resumed_run_ends_as_if_it_had_never_stopped(step, monkeypatch):
    changes = [*TINY, "model={name: mlp, hidden: [8], dropout: 0.3}"]
    whole = nw.fit("iris", changes=changes, name="whole")
    undo = stop_after(monkeypatch, step)
    stopped = nw.fit("iris", changes=changes, name="stopped")
    undo()
    assert events(stopped.folder.path, "ended")[-1]["reason"] == "interrupted"
    assert not stopped.folder.has("model.safetensors")
    with pytest.raises(DamagedRun, match="netwright resume stopped"):
        nw.load("stopped")
    resumed = nw.resume("stopped")
    assert weights(resumed) == weights(whole)
    assert resumed.metrics == whole.metrics
    kinds = ("step", "epoch", "validation")
    logs = [
        [{k: v for k, v in one.items() if k != "attempt"} for one in log_without_clock(run)]
        for run in (whole, resumed)
    ]
    one, other = ([line for line in log if line["kind"] in kinds] for log in logs)
    assert one == other


def test_a_finished_run_is_not_resumed():
    run = nw.fit("iris", changes=TINY)
    with pytest.raises(DamagedRun, match="unfinished"):
        nw.resume(run.name)


def test_a_run_killed_while_it_was_judged_is_judged_by_resuming():
    run = nw.fit("iris", changes=TINY)
    for name in ("evaluation/test.json", "report.html"):
        (run.folder.path / name).unlink()
    before = weights(run)
    again = nw.resume(run.name)
    assert judged(again) == {"val": 15, "test": 30}
    assert weights(again) == before


def test_a_run_on_given_objects_is_resumed_with_them_again(monkeypatch):
    data, make = blobs(), lambda: nn.Linear(4, 3)
    torch.manual_seed(0)
    whole = nw.fit(data, model=make(), epochs=2, name="whole")
    undo = stop_after(monkeypatch, 2)
    torch.manual_seed(0)
    nw.fit(data, model=make(), epochs=2, name="stopped")
    undo()
    with pytest.raises(BadValue, match="data must be given again"):
        nw.resume("stopped")
    resumed = nw.resume("stopped", data=data, model=make())
    assert weights(resumed) == weights(whole)


def test_a_damaged_newest_snapshot_is_passed_over(monkeypatch):
    whole = nw.fit("iris", changes=TINY, name="whole")
    undo = stop_after(monkeypatch, 10)
    stopped = nw.fit("iris", changes=TINY, name="stopped")
    undo()
    newest = sorted((stopped.folder.path / "snapshots").iterdir())[-1]
    newest.write_bytes(newest.read_bytes()[:-100])
    with pytest.warns(UserWarning, match="wrong checksum"):
        resumed = nw.resume("stopped")
    assert weights(resumed) == weights(whole)


def test_what_was_passed_over_is_in_the_record(monkeypatch):
    undo = stop_after(monkeypatch, 10)
    stopped = nw.fit("iris", changes=TINY, name="stopped")
    undo()
    newest = sorted((stopped.folder.path / "snapshots").iterdir())[-1]
    newest.write_bytes(b"")
    with pytest.warns(UserWarning, match="Going on from the one before"):
        resumed = nw.resume("stopped")
    begun = history(resumed.folder.path, "attempt")[-1]
    assert begun["snapshot"] == "step-000000007.snapshot"
    assert newest.name in begun["passed_over"][0]


def changed_snapshots(monkeypatch, change):
    undo = stop_after(monkeypatch, 10)
    stopped = nw.fit("iris", changes=TINY, name="stopped")
    undo()
    for file in (stopped.folder.path / "snapshots").iterdir():
        state = read_snapshot(file)
        change(state)
        write_snapshot(file, state)


@pytest.mark.parametrize("lost", ["counters", "trainable", "method", "clip_norm", "observers"])
def test_a_snapshot_of_another_version_is_refused_in_one_sentence(monkeypatch, lost):
    changed_snapshots(monkeypatch, lambda state: state.pop(lost))
    with pytest.raises(DamagedRun, match=f"this version of netwright .* KeyError: '{lost}'"):
        nw.resume("stopped")


def test_a_record_that_lost_its_end_is_told(monkeypatch):
    undo = stop_after(monkeypatch, 10)
    stopped = nw.fit("iris", changes=TINY, name="stopped")
    undo()
    log = stopped.folder.path / "events.jsonl"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:4]))
    with pytest.warns(UserWarning, match="it has a gap"):
        nw.resume("stopped")


def said():
    from rich.console import Console

    return Console(file=io.StringIO(), width=500)


def test_a_run_that_goes_on_elsewhere_is_told_so(monkeypatch):
    undo = stop_after(monkeypatch, 10)
    folder = nw.fit("iris", changes=TINY, name="stopped").folder
    undo()
    shutil.copytree(folder.path, "runs/here")
    console = said()
    nw.resume("here", console=console)
    assert "elsewhere" not in console.file.getvalue()
    there = folder.read_json("environment.json")
    there["versions"]["torch"], there["threads"]["within_operation"] = "1.0", 99
    folder.write_json("environment.json", there)
    nw.resume("stopped", console=console)
    told = console.file.getvalue()
    assert re.search(r"elsewhere \(versions\.torch 1\.0 → \S+, threads\.within_operation 99", told)
    assert "may not end with the same bits" in told


def test_a_run_killed_before_its_first_snapshot_begins_again_and_says_so(monkeypatch):
    whole = nw.fit("iris", changes=TINY, name="whole")
    undo = stop_after(monkeypatch, 3)
    stopped = nw.fit("iris", changes=TINY, name="stopped")
    undo()
    for file in (stopped.folder.path / "snapshots").iterdir():
        file.unlink()
    (stopped.folder.path / "preprocess.json").unlink()  # killed while the folder was made
    console = said()
    resumed = nw.resume("stopped", console=console)
    assert (
        "No snapshot of the run is there: it begins again from the start" in console.file.getvalue()
    )
    assert weights(resumed) == weights(whole)
    assert canonical(resumed.folder.path) == canonical(whole.folder.path)
    assert resumed.folder.has("preprocess.json")
    (stopped.folder.path / "report.html").unlink()
    (stopped.folder.path / "recipe.yaml").unlink()
    with pytest.raises(DamagedRun, match="stopped before it began"):
        nw.resume("stopped")


def test_a_given_module_begins_again_from_the_weights_it_had_or_not_at_all(monkeypatch):
    def module(seed):
        torch.manual_seed(seed)
        return torch.nn.Linear(4, 3)

    whole = nw.fit("iris", model=module(1), epochs=3, name="whole")
    undo = stop_after(monkeypatch, 3)
    stopped = nw.fit("iris", model=module(1), epochs=3, name="stopped")
    undo()
    for file in (stopped.folder.path / "snapshots").iterdir():
        file.unlink()
    with pytest.raises(DamagedRun, match="module must have the weights that stopped began with"):
        nw.resume("stopped", model=module(2))
    assert weights(nw.resume("stopped", model=module(1))) == weights(whole)


def test_a_report_drawn_on_the_way_makes_no_run_finished():
    run = nw.fit("iris", changes=TINY, name="run")
    before = canonical(run.folder.path)
    log = run.folder.path / "events.jsonl"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:-1]))  # killed just before
    assert nw.resume("run").metrics == run.metrics
    assert canonical(run.folder.path) == before
    with pytest.raises(DamagedRun, match="unfinished"):
        nw.resume("run")


@pytest.mark.parametrize("doctor", [True, False])
def test_a_stream_that_cannot_be_gone_on_with_says_so_at_the_start(doctor):
    x, y = (torch.as_tensor(one) for one in blobs())
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=16)
    console = said()
    run = nw.fit(loader, model=nn.Linear(4, 3), epochs=1, doctor=doctor, console=console)
    assert "resumed run begins its epoch again" in console.file.getvalue()
    assert "resumes-by-epoch" in [one.symptom for one in run.findings]


def test_findings_are_neither_lost_nor_doubled(monkeypatch):
    """A run that learns nothing, some of whose updates are not finite: told at the end of each."""
    changes = [*TINY, "training.epochs=4", "optimizer.learning_rate=1e-9", "preprocess.name=none"]
    whole = nw.fit("iris", changes=changes, name="whole")
    assert "not-learning" in [one.symptom for one in whole.findings]
    undo = stop_after(monkeypatch, 17)
    nw.fit("iris", changes=changes, name="stopped")
    undo()
    resumed = nw.resume("stopped")
    assert resumed.findings == whole.findings


def test_one_process_at_a_time(monkeypatch):
    undo = stop_after(monkeypatch, 3)
    stopped = nw.fit("iris", changes=TINY, name="stopped")
    undo()
    with writing(stopped.folder.path), pytest.raises(DamagedRun, match="one process at a time"):
        nw.resume("stopped")
    assert nw.resume("stopped").folder.has("model.safetensors")


def test_a_run_that_another_process_has_taken_up_is_not_taken_away(tmp_path, monkeypatch):
    """The other was quicker: the folder was made, and the lock not yet taken."""

    @contextmanager
    def refused(folder):
        raise DamagedRun(f"run must be written by one process at a time, got {folder.name}")
        yield

    monkeypatch.setattr("netwright.workflow.fit.writing", refused)
    with pytest.raises(DamagedRun, match="one process"):
        nw.fit("iris", changes=TINY, name="run")
    assert (tmp_path / "runs" / "run" / "recipe.yaml").exists()


def test_a_run_that_ended_while_its_data_were_read_is_not_taken_up(monkeypatch):
    run = nw.fit("iris", changes=TINY, name="run")
    before = history(run.folder.path)
    answers = iter([False])
    is_finished = fit.is_finished
    monkeypatch.setattr(fit, "is_finished", lambda folder: next(answers, is_finished(folder)))
    with pytest.raises(DamagedRun, match="unfinished"):
        nw.resume("run")
    assert history(run.folder.path) == before


SLOW = """
import time
from torch import nn

class Slow(nn.Module):
    def __init__(self, num_classes, in_channels, image_size=None, seconds=0.02):
        super().__init__()
        self.inner = nn.Sequential(nn.Dropout(0.2), nn.Linear(in_channels, num_classes))
        self.seconds = seconds

    def forward(self, x):
        time.sleep(self.seconds)
        return self.inner(x)
"""


def interrupted(tmp_path, *, times, seconds=0.02, once="epoch"):
    """A run in a process of its own, interrupted by real signals once its log holds an event."""
    (tmp_path / "slow.py").write_text(SLOW)
    script = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from netwright.cli import main; main()"
    )
    changes = [f"model={{name: 'slow.py:Slow', seconds: {seconds}}}", "training.record_every=1"]
    words = [
        sys.executable,
        "-c",
        script,
        "train",
        "iris",
        "--epochs",
        "30",
        "--name",
        "stopped",
        "--no-doctor",
    ]
    words += [word for change in changes for word in ("--set", change)]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        log = tmp_path / "runs" / "stopped" / "events.jsonl"
        deadline = time.monotonic() + 100
        while time.monotonic() < deadline and process.poll() is None:
            if log.exists() and f'"{once}"' in log.read_text():
                break
            time.sleep(0.05)
        for _ in range(times):
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            time.sleep(0.1)
        begin = time.monotonic()
        out, errors = process.communicate(timeout=100)
    return process.returncode, out, errors, time.monotonic() - begin


def test_an_interrupt_saves_says_how_to_go_on_and_costs_nothing(tmp_path):
    code, out, errors, _ = interrupted(tmp_path, times=1)
    assert code == 130
    assert "stopped; go on with: netwright resume" in out
    assert "Traceback" not in errors
    assert events(tmp_path / "runs" / "stopped", "ended")[-1]["reason"] == "interrupted"
    (tmp_path / "slow.py").write_text(SLOW.replace("time.sleep(self.seconds)", "pass"))
    with pytest.raises(BadValue, match="one that you trust, as loading it runs it"):
        nw.resume("stopped")
    resumed = nw.resume("stopped", trust=True)
    whole = repeated(resumed)
    assert weights(resumed) == weights(whole)


def test_a_second_interrupt_ends_at_once(tmp_path):
    code, out, errors, seconds = interrupted(tmp_path, times=2, seconds=8, once="stage")
    assert code == 130
    assert seconds < 7  # the step it was in takes longer
    assert errors.strip().endswith("interrupted")
    assert "Traceback" not in errors
    assert "go on with" not in out
    assert list((tmp_path / "runs").iterdir()) == []  # nothing was learned


# --- runs that fail -----------------------------------------------------------------------------


def test_a_run_that_blows_up_says_so_and_keeps_its_record(real_report, tmp_path):
    changes = ["optimizer={name: sgd, learning_rate: 1e10}", "schedule.name=constant"]
    with pytest.raises(NonFinite, match="Lower the learning rate"):
        nw.fit("iris", epochs=50, changes=[*changes, "preprocess.name=none", "model.name=mlp"])
    (folder,) = (tmp_path / "runs").iterdir()
    assert events(folder, "ended")[-1]["reason"] == "non-finite"
    found = events(folder, "finding")
    assert "non-finite-update" in [one["symptom"] for one in found]
    page = (folder / "report.html").read_text()
    assert "NaN or infinite gradients" in page
    assert len(history(folder, "step")) >= 19


def test_what_was_held_is_written_when_a_model_breaks_down(tmp_path):
    class Breaks(nn.Linear):
        calls = 0

        def forward(self, x):
            self.calls += self.training
            if self.calls > 5:
                raise RuntimeError("the model broke down")
            return super().forward(x)

    with pytest.raises(RuntimeError, match="broke down"):
        nw.fit("iris", model=Breaks(4, 3), epochs=3, doctor=False)
    (folder,) = (tmp_path / "runs").iterdir()
    assert [event["step"] for event in history(folder, "step")] == [0, 1, 2, 3, 4]


# --- nothing in a folder is executed ------------------------------------------------------------


class Evil:
    def __reduce__(self):
        return (os.system, ("touch executed",))


def test_loading_and_resuming_execute_nothing(tmp_path, monkeypatch):
    undo = stop_after(monkeypatch, 3)
    run = nw.fit("iris", changes=TINY, name="stopped")
    undo()
    newest = sorted((run.folder.path / "snapshots").iterdir())[-1]
    newest.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(DamagedRun):
        nw.resume("stopped")
    torch.save(Evil(), newest)
    with pytest.raises(DamagedRun):
        nw.resume("stopped")
    done = nw.fit("iris", changes=TINY, name="done")
    (done.folder.path / "model.safetensors").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(DamagedRun):
        nw.load("done")
    recipe = done.folder.path / "recipe.yaml"
    recipe.write_text('data: !!python/object/apply:os.system ["touch executed"]\n')
    with pytest.raises(BadValue, match="valid YAML"):
        nw.load("done")
    assert not (tmp_path / "executed").exists()
