"""Whether everything that belongs to a run has been done."""

from __future__ import annotations

from netwright.runs.store import RunFolder, events

__all__ = ["COMPLETE", "MEMBERS", "REPORT", "SNAPSHOTS", "WEIGHTS", "is_finished"]

WEIGHTS = "model.safetensors"
REPORT = "report.html"
SNAPSHOTS = "snapshots"
MEMBERS = "members"  # runs that an ensemble was made of, each a folder of its own
COMPLETE = "complete"  # the event that is recorded when all is done


def is_finished(folder: RunFolder) -> bool:
    """Whether the run is trained, judged and reported, and all of it is still there.

    A report alone says little: it may be drawn of a run that goes on.
    """
    there = folder.has(WEIGHTS) and folder.has(REPORT)
    return there and bool(events(folder.path, COMPLETE))
