"""Keywords of the record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from keyword_cases.case import Case
from netwright.runs import files
from netwright.runs.clean import clean
from netwright.runs.events import Recorder, events, history
from netwright.runs.store import RunFolder, list_runs


def recorded(read: Any) -> Any:
    def call(folder: Path, **keyword: Any) -> Any:
        with Recorder(folder, attempt=1) as recorder:
            recorder.begin(step=0)
            recorder.record("step", step=0, loss=1.0)
            recorder.record("epoch", step=0, loss=1.0)
        return read(folder, **keyword)

    return call


def listed(folder: Path, **keyword: Any) -> list[str]:
    RunFolder.create(folder / "runs", "digits")
    RunFolder.create(folder / "elsewhere", "iris")
    return [run.name for run in list_runs(**keyword)]


def cleaned(folder: Path, **keyword: Any) -> Any:
    run = RunFolder.create(folder, "killed", exact=True)
    run.write_bytes(".report.html.77.tmp", b"half")
    freed = clean([run], **keyword)
    return freed, sorted(path.name for path in folder.rglob("*"))


CASES = {
    "netwright.runs.clean:clean": Case(cleaned, {"dry": True, "whole": True}),
    "netwright.runs.events:events": Case(recorded(events), {"kind": "epoch"}),
    "netwright.runs.events:history": Case(recorded(history), {"kind": "epoch"}),
    "netwright.runs.files:encode": Case(
        lambda _, **keyword: files.encode({"a": [1, 2]}, **keyword), {"readable": True}
    ),
    "netwright.runs.store:list_runs": Case(listed, {"root": "elsewhere"}),
}
EXEMPT: dict[str, str] = {}
