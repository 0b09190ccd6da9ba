"""The record of a run as event files that TensorBoard shows."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from netwright._optional import optional
from netwright.runs.events import EVENTS, events
from netwright.runs.files import decode, saying_why

__all__ = ["EventFiles", "Mirror", "export_scalars", "has_event_files"]


class EventFiles:
    """Writes scalars and histograms for TensorBoard.

    Args:
        folder: where; made if it isn't there.

    Raises:
        MissingExtra: the package `tensorboard` is not installed.
    """

    def __init__(self, folder: Path | os.PathLike[str]) -> None:
        optional("tensorboard", extra="tensorboard")
        self._writer_of = optional("torch.utils.tensorboard", extra="tensorboard").SummaryWriter
        self._folder = Path(folder)
        self._writer: Any = None

    def begin(self, *, step: int) -> None:
        """Go on at a step: what earlier files say of it and of later ones counts no more."""
        self.close()
        self._writer = self._opened(purge_step=step)

    def scalar(self, name: str, value: float, *, step: int) -> None:
        """Write a number."""
        self._open().add_scalar(name, value, step)

    def histogram(self, name: str, counted: Mapping[str, Any], *, step: int) -> None:
        """Write a histogram with its own bins; one of numbers none of which is finite has none.

        Args:
            name: of the curve.
            counted: plain data, as `probes.Histogram.to_json` gives it.
            step: of the run.
        """
        below, counts, above = counted["below"], counted["counts"], counted["above"]
        inside = below + sum(counts) + above
        if not inside:
            return
        mean, deviation = counted["mean"], counted["deviation"]
        # a bucket is named by its right edge, the first reaching down to the smallest number
        self._open().add_histogram_raw(
            name,
            min=counted["smallest"],
            max=counted["largest"],
            num=inside,
            sum=mean * inside,
            sum_squares=(deviation**2 + mean**2) * inside,
            bucket_limits=[*counted["edges"], *([counted["largest"]] if above else [])],
            bucket_counts=[below, *counts, *([above] if above else [])],
            global_step=step,
        )

    def flush(self) -> None:
        """Let those who look on see all of it."""
        if self._writer is not None:
            self._writer.flush()

    def close(self) -> None:
        """Write what is left."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _open(self) -> Any:
        if self._writer is None:
            self._writer = self._opened(purge_step=None)
        return self._writer

    def _opened(self, *, purge_step: int | None) -> Any:
        with saying_why(self._folder, doing="written"):
            return self._writer_of(os.fspath(self._folder), purge_step=purge_step)


class Mirror:
    """Follows the record of a run while it is written.

    What is appended to the record from now on is written for TensorBoard whenever `follow` is
    called; a new attempt, resumed or rolled back, takes the place of what it does anew.

    Args:
        run: folder of the run.
        files: where to.
    """

    def __init__(self, run: Path | os.PathLike[str], files: EventFiles) -> None:
        self._path = Path(run) / EVENTS
        self._files = files
        self._read = self._path.stat().st_size if self._path.exists() else 0

    def follow(self) -> None:
        """Write what was recorded since the last time."""
        with saying_why(self._path, doing="read"), self._path.open("rb") as file:
            file.seek(self._read)
            content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            event = decode(line.decode())
            if event["kind"] == "attempt" and event["attempt"] > 1:
                self._files.begin(step=event["step"])
            for name, value in _scalars(event):
                self._files.scalar(name, value, step=event["step"])


def export_scalars(run: Path | os.PathLike[str], files: EventFiles) -> int:
    """Write the losses, metrics and learning rates of a run that was recorded; its last step.

    Args:
        run: folder of the run; of each step only the attempt that counts.
        files: where to.
    """
    last = 0
    for event in events(run):
        for name, value in _scalars(event):
            files.scalar(name, value, step=event["step"])
            last = max(last, event["step"])
    return last


def has_event_files(folder: Path) -> bool:
    """Whether TensorBoard would show something of a folder."""
    return folder.is_dir() and any(folder.glob("events.out.tfevents.*"))


def _scalars(event: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """What an event says in numbers; a run of several phases has each under its name."""
    kind = event["kind"]
    if kind == "step":
        lead = "" if event["phase"] == "main" else f"{event['phase']}/"
        yield f"{lead}step/loss", event["loss"]
        yield f"{lead}step/gradient norm", event["gradient_norm"]
        yield from ((f"{lead}terms/{name}", one) for name, one in event["terms"].items())
        yield from ((f"learning rate/{name}", one) for name, one in event["learning_rate"].items())
    elif kind == "epoch":
        yield "epoch/loss", event["loss"]
        yield "epoch/skipped updates", event["skipped_updates"]
        if "zeros" in event:
            yield "epoch/zero weights", event["zeros"]
    elif kind == "validation":
        yield from ((f"val/{name}", one) for name, one in event["metrics"].items())
