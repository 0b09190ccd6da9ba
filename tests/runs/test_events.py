from __future__ import annotations

import errno
import json
import math
import os
import time

import pytest

from netwright._errors import BadType, BadValue, DamagedRun
from netwright.runs import events as room
from netwright.runs.events import Recorder, events, history, last_attempt, read_log


def recorded(folder, attempt, *, begin, end, **fields):
    with Recorder(folder, attempt) as recorder:
        recorder.begin(step=begin)
        for step in range(begin, end):
            recorder.record("step", step=step, loss=step / 7, **fields)


def append(folder, content):
    with open(folder / "events.jsonl", "ab") as file:
        file.write(content)


def test_events_come_back_as_they_were(tmp_path):
    with Recorder(tmp_path, 1) as recorder:
        recorder.begin(step=0, snapshot="a")
        recorder.record("step", step=0, loss=0.1, terms={"a": math.nan}, clock={"seconds": 1 / 3})
        recorder.record("validation", step=0, epoch=0, metrics={"accuracy": 1.0})
    begun, step, validation = events(tmp_path)
    assert begun == {"kind": "attempt", "attempt": 1, "step": 0, "snapshot": "a"}
    assert math.isnan(step["terms"].pop("a"))
    assert step == {
        "kind": "step",
        "attempt": 1,
        "step": 0,
        "loss": 0.1,
        "terms": {},
        "clock": {"seconds": 1 / 3},
    }
    assert events(tmp_path, "validation") == [validation]
    for line in (tmp_path / "events.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=pytest.fail)


def test_equal_runs_write_equal_lines_but_for_the_clock(tmp_path):
    lines = []
    for name, seconds in (("a", 1.5), ("b", 2.5)):
        folder = tmp_path / name
        folder.mkdir()
        recorded(folder, 1, begin=0, end=5, clock={"seconds": seconds})
        lines.append([{**event, "clock": None} for event in events(folder)])
    assert lines[0] == lines[1]


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_torn_last_line_is_dropped_and_truncated_away(tmp_path, cut):
    recorded(tmp_path, 1, begin=0, end=10)
    path = tmp_path / "events.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    assert [event["step"] for event in events(tmp_path, "step")] == list(range(9))
    assert read_log(tmp_path).damaged == ()
    recorded(tmp_path, last_attempt(tmp_path) + 1, begin=9, end=12)
    assert read_log(tmp_path).damaged == ()
    assert [event["step"] for event in events(tmp_path, "step")] == list(range(12))


def test_a_torn_line_longer_than_what_is_looked_at_once(tmp_path):
    recorded(tmp_path, 1, begin=0, end=1)
    whole = (tmp_path / "events.jsonl").read_bytes()
    append(tmp_path, b'{"kind": "' + b"x" * 200_000)
    Recorder(tmp_path, 2).close()
    assert (tmp_path / "events.jsonl").read_bytes() == whole
    (tmp_path / "events.jsonl").write_bytes(b"torn from the first byte on")
    Recorder(tmp_path, 1).close()
    assert (tmp_path / "events.jsonl").read_bytes() == b""


def test_a_damaged_line_in_the_middle_is_reported_and_the_rest_is_read(tmp_path, caplog):
    recorded(tmp_path, 1, begin=0, end=2)
    append(tmp_path, b'{"kind":"st\n')
    append(tmp_path, b"[1]\n\x00\x00\n")
    append(tmp_path, b'{"kind":"step","attempt":1,"step":2,"name":"\xff"}\n')
    append(tmp_path, b'{"kind":"step","attempt":"1","step":2}\n{"attempt":1,"step":2}\n')
    append(tmp_path, '{"kind":"step","attempt":1,"step":3,"name":"é"}\n'.encode())
    log = read_log(tmp_path)
    assert [line.number for line in log.damaged] == [4, 5, 6, 7, 8, 9]
    assert [event["step"] for event in log.events] == [0, 0, 1, 3]
    assert "line 4" in caplog.text


def test_the_last_attempt_of_a_step_counts(tmp_path):
    recorded(tmp_path, 1, begin=0, end=10, by=1)
    recorded(tmp_path, 2, begin=6, end=8, by=2)
    assert [(e["step"], e["by"]) for e in events(tmp_path, "step")] == [
        *((step, 1) for step in range(6)),
        (6, 2),
        (7, 2),
    ]
    recorded(tmp_path, 3, begin=7, end=9, by=3)
    recorded(tmp_path, 4, begin=4, end=5, by=4)  # goes back behind where 2 and 3 began
    assert [(e["step"], e["by"]) for e in events(tmp_path, "step")] == [
        *((step, 1) for step in range(4)),
        (4, 4),
    ]
    assert [event["attempt"] for event in events(tmp_path, "attempt")] == [1, 4]
    assert len(history(tmp_path, "step")) == 10 + 2 + 2 + 1
    assert last_attempt(tmp_path) == 4


def test_what_an_attempt_says_of_earlier_steps_supersedes_nothing(tmp_path):
    recorded(tmp_path, 1, begin=0, end=10)
    with Recorder(tmp_path, 2) as recorder:
        recorder.begin(step=6)
        recorder.record("command", step=5)  # what led back to step 6 is told of the step before
        recorder.record("step", step=6)
    assert [event["attempt"] for event in events(tmp_path, "step")] == [1] * 6 + [2]
    assert len(events(tmp_path, "command")) == 1


def test_a_lost_attempt_event_is_told_from_the_first_step(tmp_path):
    recorded(tmp_path, 1, begin=0, end=10)
    with Recorder(tmp_path, 2) as recorder:
        recorder.record("step", step=8)
    assert [event["attempt"] for event in events(tmp_path, "step")] == [1] * 8 + [2]


def test_a_roll_back_begins_the_next_attempt(tmp_path):
    with Recorder(tmp_path, 3) as recorder:
        recorder.begin(step=0)
        recorder.record("finding", step=5)
        recorder.begin(step=2)
        assert recorder.attempt == 4
    assert [(e["attempt"], e["step"]) for e in events(tmp_path, "attempt")] == [(3, 0), (4, 2)]
    assert events(tmp_path, "finding") == []
    assert len(history(tmp_path, "finding")) == 1


def test_steps_are_gathered_and_what_is_rare_is_written_at_once(tmp_path, monkeypatch):
    recorder = Recorder(tmp_path, 1)
    recorder.record("step", step=0)
    assert events(tmp_path) == []
    recorder.record("epoch", step=0)
    assert len(events(tmp_path)) == 2
    for step in range(room.GATHERED):
        recorder.record("step", step=step)
    assert len(events(tmp_path)) == 2 + room.GATHERED
    monkeypatch.setattr(room, "PATIENCE", -1)
    recorder.record("step", step=0)
    assert len(events(tmp_path)) == 3 + room.GATHERED
    recorder.close()
    recorder.close()


def test_a_full_disk_loses_nothing(tmp_path, monkeypatch):
    recorder = Recorder(tmp_path, 1)
    recorder.begin(step=0)
    before = (tmp_path / "events.jsonl").read_bytes()
    recorder.record("step", step=0)
    recorder.record("step", step=1)
    written = []

    def nearly_full(file, content):
        if written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(real(file, bytes(content[:20])))
        return written[-1]

    real = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", nearly_full)
        with pytest.raises(
            DamagedRun,
            match=r"events.jsonl must be .* written, got 'No space left",
        ):
            recorder.flush()
    assert written == [20]
    assert (tmp_path / "events.jsonl").read_bytes() == before
    recorder.close()
    assert [event["step"] for event in events(tmp_path, "step")] == [0, 1]


def test_the_error_of_the_block_is_not_hidden_by_the_closing(tmp_path, monkeypatch):
    def full(file, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(DamagedRun), Recorder(tmp_path, 1) as recorder:
        recorder.begin(step=0)
    with pytest.raises(DamagedRun), Recorder(tmp_path, 1) as recorder:
        recorder.record("step", step=0)


def test_bad_events_are_refused_and_nothing_of_them_is_written(tmp_path):
    with Recorder(tmp_path, 1) as recorder:
        with pytest.raises(BadType, match="plain data"):
            recorder.record("step", step=0, loss=object())
        with pytest.raises(BadValue, match="attempt"):
            recorder.record("step", step=0, attempt=7)
    assert events(tmp_path) == []
    with pytest.raises(BadValue, match="at least 1"):
        Recorder(tmp_path, 0)


def test_what_a_killed_run_left_is_swept_away(tmp_path):
    (tmp_path / ".model.safetensors.17.tmp").touch()
    Recorder(tmp_path, 1).close()
    assert os.listdir(tmp_path) == ["events.jsonl"]


def test_a_run_without_events_says_so(tmp_path):
    assert last_attempt(tmp_path) == 0
    with pytest.raises(DamagedRun, match=r"events.jsonl must be .* read, got 'No such file"):
        events(tmp_path)


def test_appending_and_reading_are_quick(tmp_path):
    begun = time.process_time()
    recorded(tmp_path, 1, begin=0, end=20_000, phase="main", gradient_norm=0.5, terms={"a": 1.5})
    appended = time.process_time()
    assert len(events(tmp_path, "step")) == 20_000
    read = time.process_time()
    # 4 and 6 µs an event where it was measured; the limit is for the slowest machine
    assert appended - begun < 20_000 * 30e-6
    assert read - appended < 20_000 * 40e-6


@pytest.mark.parametrize("loss", [0.1, -1e-300, 3.0, math.nan, math.inf])
@pytest.mark.parametrize("terms", [{}, {"pull": 2.5, 'a "b" é': -math.inf}, {"data": 1 / 3}])
def test_a_step_is_the_line_that_any_event_would_be(tmp_path, loss, terms):
    rates = {"main": 1e-05, "critic": 0.1}
    with Recorder(tmp_path, attempt=3) as recorder:
        recorder.record(
            "step", step=7, phase="main", loss=loss, gradient_norm=2.0, terms=terms,
            term_weights={"data": 1.0}, learning_rate=rates, clock={"seconds": 0.25},
        )  # fmt: skip
        recorder.record_step(
            step=7, phase="main", seconds=0.25, learning_rate=rates, loss=loss,
            gradient_norm=2.0, terms=terms, term_weights={"data": 1.0},
        )  # fmt: skip
    general, particular = (tmp_path / "events.jsonl").read_text().splitlines()
    assert particular == general


def test_what_was_written_after_a_snapshot_is_superseded_whatever_its_step(tmp_path):
    with Recorder(tmp_path, 1) as recorder:
        recorder.begin(step=0)
        recorder.record("step", step=0)
        early = recorder.mark()
        recorder.record("step", step=1)
        recorder.record("snapshot", step=1)
        late = recorder.mark()
        recorder.record("note", step=0)
        recorder.record("step", step=2)
        recorder.begin(step=1)  # a roll-back, which has not happened for whoever goes on from late
        recorder.record("step", step=1, again=True)
    with Recorder(tmp_path, 3) as recorder:
        recorder.begin(step=2, kept_bytes=late)
        recorder.record("step", step=2, again=True)
    told = [(e["kind"], e["attempt"]) for e in events(tmp_path) if e["kind"] != "attempt"]
    assert told == [("step", 1), ("step", 1), ("snapshot", 1), ("step", 3)]
    with Recorder(tmp_path, 4) as recorder:  # the newest snapshot was damaged: the one before it
        recorder.begin(step=1, kept_bytes=early)
    assert [e["attempt"] for e in events(tmp_path)] == [1, 1, 4]
    with Recorder(tmp_path, 5) as recorder:
        recorder.begin(step=0)
    assert [e["attempt"] for e in events(tmp_path)] == [5]


def test_a_kept_length_that_is_none_is_a_damaged_line(tmp_path):
    append(tmp_path, b'{"kind":"attempt","attempt":1,"step":0,"kept_bytes":"all"}\n')
    log = read_log(tmp_path)
    assert log.events == []
    assert "kept_bytes must be a whole number" in log.damaged[0].reason


def test_a_link_is_not_written_through(tmp_path):
    folder, precious = tmp_path / "run", tmp_path / "precious"
    folder.mkdir()
    precious.write_text("mine, without a last newline")
    (folder / "events.jsonl").symlink_to(precious)
    with pytest.raises(DamagedRun, match=r"events\.jsonl must be .* It is a link"):
        Recorder(folder, attempt=1)
    assert precious.read_text() == "mine, without a last newline"
