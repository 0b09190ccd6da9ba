"""Runs in processes of their own that are killed for real.

A server process loads everything once and forks a child for each run, so that a child costs what
its run costs. The child tells through a pipe where it is; `Killer` kills it by its number.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

__all__ = ["Killed", "Plan", "Server", "canonical", "outcome", "serving"]

TESTS = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Plan:
    """When a run is killed; without any of these it goes on to its end.

    Attributes:
        write: within which snapshot that the process writes, counted from 0.
        byte: and after how many of its bytes.
        step: when it has done so many steps.
        seconds: so long after it began to record.
    """

    write: int | None = None
    byte: int = 0
    step: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Killed:
    """Where a process was when it died.

    Attributes:
        status: 0 where it came to its end, minus the signal's number where it was killed.
        seconds: from its first record to its end.
        step: steps done in the run.
        in_epoch: whether it stood within an epoch.
        within: the steps after which it did.
        written: bytes of each snapshot that it had finished.
        writing: whether it was writing one.
        errors: what it said on standard error.
    """

    status: int
    seconds: float
    step: int
    in_epoch: bool
    within: tuple[int, ...]
    written: tuple[int, ...]
    writing: bool
    errors: str


# --- the side of the test ------------------------------------------------------------------------


class Server:
    """Forks a process for each run.

    Args:
        process: that `main` below runs in.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, folder: Path, *, case: str, resumed: bool, plan: Plan | None = None) -> Killed:
        """Carry out a case, or take it up, in `folder`, and kill it as planned."""
        plan = plan or Plan()
        folder.mkdir(exist_ok=True)
        order = {"folder": str(folder), "case": case, "resumed": resumed, "plan": asdict(plan)}
        self._tell(order)
        number, began, killer = 0, time.monotonic(), None
        step, in_epoch, writing = 0, False, False
        within: list[int] = []
        written: tuple[int, ...] = ()
        while True:
            said = self._hear()
            what = said["what"]
            if what == "forked":
                number = said["number"]
            elif what == "began":
                began = time.monotonic()
                if plan.seconds is not None:
                    killer = threading.Timer(plan.seconds, _kill, (number,))
                    killer.start()
            elif what == "here":
                _kill(number)
            elif what == "step":
                step, in_epoch = said["step"], said["in_epoch"]
                within += [step] * in_epoch
            elif what == "writing":
                writing = True
            elif what == "written":
                written, writing = (*written, said["size"]), False
            elif what == "ended":
                if killer is not None:
                    killer.cancel()
                seconds = time.monotonic() - began
                errors = (folder / "errors.txt").read_text()
                return Killed(
                    said["status"], seconds, step, in_epoch, tuple(within), written, writing, errors
                )

    def _tell(self, order: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the server is gone"
        return json.loads(line)


def _kill(number: int) -> None:
    os.kill(number, signal.SIGKILL)  # not reaped before the server says so: the number is its own


@contextmanager
def serving() -> Iterator[Server]:
    """A server, ended with the block."""
    with subprocess.Popen(
        [sys.executable, str(TESTS / "kill_kit.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as process:
        try:
            yield Server(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(timeout=60)


def canonical(folder: Path) -> list[dict[str, Any]]:
    """The events that count, without the clock and without which attempt wrote them."""
    from netwright.runs.events import events

    return [
        {name: value for name, value in event.items() if name not in ("clock", "attempt")}
        for event in events(folder)
        if event["kind"] != "attempt"
    ]


def outcome(folder: Path) -> dict[str, str]:
    """SHA-256 of whatever a run ends with: weights, last snapshot, record, figures."""
    from netwright.train.snapshot import SnapshotFolder

    file, state, _ = SnapshotFolder(folder / "snapshots").newest()
    state.pop("observers")  # says how long the record is, which tells of interruptions
    found = {
        "weights": (folder / "model.safetensors").read_bytes(),
        "snapshot": file.name.encode() + b"".join(_bits(state)),
        "record": json.dumps(canonical(folder)).encode(),
        "preprocess": (folder / "preprocess.json").read_bytes(),
    }
    for figures in sorted((folder / "evaluation").glob("*")):
        found[figures.name] = figures.read_bytes()
    return {name: hashlib.sha256(content).hexdigest() for name, content in found.items()}


def _bits(value: Any) -> Iterator[bytes]:
    import torch

    if isinstance(value, torch.Tensor):
        yield repr((value.dtype, value.shape)).encode()
        yield value.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield repr(key).encode()
            yield from _bits(item)
    elif isinstance(value, (list, tuple)):
        yield f"{type(value).__name__} of {len(value)}".encode()
        for item in value:
            yield from _bits(item)
    else:
        yield repr(value).encode()


# --- the side of the child ------------------------------------------------------------------------


def main() -> None:
    """Read orders, fork a child for each, and say how it ended."""
    import torch
    import torchvision  # noqa: F401 - loaded once for all

    import kill_cases  # noqa: F401
    import netwright.report
    import netwright.workflow.fit  # noqa: F401

    torch.set_num_threads(1)
    for line in sys.stdin:
        order = json.loads(line)
        number = os.fork()
        if not number:
            _live(order)
        _say("forked", number=number)
        _, status = os.waitpid(number, 0)
        _say("ended", status=os.waitstatus_to_exitcode(status))


def _say(what: str, **more: Any) -> None:
    os.write(1, (json.dumps({"what": what, **more}) + "\n").encode())


def _live(order: Mapping[str, Any]) -> None:
    os.close(0)
    folder = Path(order["folder"])
    folder.mkdir(exist_ok=True)
    os.chdir(folder)
    errors = os.open(folder / "errors.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(errors, 2)
    status = 1
    try:
        _carry_out(order)
        status = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _carry_out(order: Mapping[str, Any]) -> None:
    from kill_cases import CASES
    from netwright.workflow.fit import fit, resume

    case, plan = CASES[order["case"]], Plan(**order["plan"])
    _watch(plan)
    given = case.given()
    if order["resumed"]:
        resume("run", **given)
        return
    fit(
        **given,
        name="run",
        epochs=case.epochs,
        batch_size=16,
        changes=["training.snapshot_steps=3", "training.snapshot_every=2", *case.changes],
    )


def _watch(plan: Plan) -> None:
    """Have the run tell where it is, and wait to be killed where that is planned."""
    from netwright.runs.events import Recorder
    from netwright.train import snapshot_file
    from netwright.train.loop import Loop
    from netwright.train.snapshot import SnapshotFolder
    from netwright.workflow.run import Run

    snapshot_file._PIECE = 512
    writes, passed = -1, 0

    def around(owner: Any, name: str, wrapped: Callable[..., Any]) -> None:
        inner = getattr(owner, name)
        setattr(owner, name, lambda *words, **named: wrapped(inner, *words, **named))

    def begin(inner: Any, *words: Any, **named: Any) -> None:
        inner(*words, **named)
        _say("began")

    def keep(inner: Any, loop: Any, done: int) -> None:
        inner(loop, done)
        counters = loop.counters
        _say("step", step=counters.step, in_epoch=counters.epoch_step > 0)
        if counters.step == plan.step:
            loop._snapshots.wait()
            _wait_for_death()

    def write_one(inner: Any, *words: Any) -> Any:
        nonlocal writes, passed
        writes, passed = writes + 1, 0
        _say("writing")
        file = inner(*words)
        _say("written", size=file.stat().st_size)
        return file

    def write_piece(inner: Any, descriptor: int, piece: memoryview) -> None:
        nonlocal passed
        inner(descriptor, piece)
        passed += len(piece)
        if writes == plan.write and passed >= plan.byte:
            _wait_for_death()

    def report(run: Run) -> str:  # a page takes longer than the training here
        run.folder.write_text("report.html", "<p>drawn elsewhere</p>")
        return ""

    around(Recorder, "begin", begin)
    around(Loop, "_keep", keep)
    around(SnapshotFolder, "write", write_one)
    around(snapshot_file, "_write", write_piece)
    Run.report = report  # type: ignore[method-assign]


def _wait_for_death() -> None:
    _say("here")
    while True:
        time.sleep(1)


if __name__ == "__main__":
    main()
