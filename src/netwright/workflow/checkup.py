"""The doctor of a run, told what only the workflow knows: data, splits, and what is trivial."""

from __future__ import annotations

from collections.abc import Callable

from netwright.data.dataset import InMemory
from netwright.data.quality.leakage import find_leaks
from netwright.data.source import Position, Resume, Source
from netwright.data.sources.table import Table
from netwright.diagnose import Doctor
from netwright.methods.supervised import Supervised
from netwright.runs.records import Cause, Finding, Severity
from netwright.runs.store import RunFolder
from netwright.workflow.judging import write_picture
from netwright.workflow.prepare import Prepared
from netwright.workflow.session import Session

__all__ = ["doctor_for"]

# With 30 examples one right answer more or less is three points of accuracy.
ENOUGH_TO_CHOOSE_BY = 30
_NAMED = 20  # doubles that a finding names; it counts them all


def doctor_for(
    session: Session,
    *,
    source: Source,
    report: Callable[[Finding], None],
    folder: RunFolder | None = None,
) -> Doctor:
    """The doctor of a session.

    Args:
        session: what is going to run.
        source: its training stream. One that can't be rewound is not looked into beforehand, as
            that would change what the run sees.
        report: told of each finding.
        folder: of the run, for pictures of what is found; None for none.
    """
    rewinds = source.resume is Resume.EXACT
    return Doctor(
        first_batch=(lambda: source.next(Position(0, 0))) if rewinds else None,
        floor=_floor(session),
        beforehand=[
            *_not_judged(session),
            *_small_validation(session),
            *_doubles(session, folder),
        ],
        report=report,
    )


def _floor(session: Session) -> float | None:
    """What the best constant answer costs on the training split."""
    method, targets = session.method, session.prepared.task.targets
    if not isinstance(method, Supervised) or targets is None:
        return None
    return method.floor(targets)


def _not_judged(session: Session) -> list[Finding]:
    """Say that a run will end without a figure, and why."""
    if not {"val", "test"} & set(session.prepared.splits):
        why = 'no held-out data were given. With loaders: fit({"train": ..., "val": ...}).'
    elif not session.method.judged_by():
        why = "the method names no metrics."
    else:
        return []
    return [
        Finding(
            symptom="not-judged",
            severity=Severity.NOTE,
            where="data",
            step=0,
            message=f"The run will not be judged: {why}",
        )
    ]


def _small_validation(session: Session) -> list[Finding]:
    """Say that a choice by so few examples is mostly luck."""
    prepared = session.prepared
    if not isinstance(prepared, Prepared) or "val" not in prepared.splits:
        return []
    count = len(prepared.splits["val"])
    if count >= ENOUGH_TO_CHOOSE_BY:
        return []
    return [
        Finding(
            symptom="small-validation",
            severity=Severity.NOTE,
            where="data",
            step=0,
            measurements={"examples": count},
            message=f"The validation split has {count} examples: which epoch is best by them, and "
            "figures over them, are mostly luck.",
        )
    ]


def _doubles(session: Session, folder: RunFolder | None) -> list[Finding]:
    """Examples that stand in two splits with the same content."""
    prepared = session.prepared
    if not (isinstance(prepared, Prepared) and isinstance(prepared.samples, InMemory)):
        return []
    leaks = find_leaks(prepared.data.samples, prepared.splits)
    if not leaks:
        return []
    coarse = isinstance(prepared.data.samples, Table)  # few columns of few values repeat naturally
    shown = None
    if folder is not None:
        shown = write_picture(folder, prepared.data, place=leaks[0].index_a, name="double.png")
    pairs = [f"{a}[{i}] = {b}[{j}]" for a, i, b, j in leaks[:_NAMED]]
    judged = {leak.index_b for leak in leaks}
    return [
        Finding(
            symptom="duplicates-across-splits",
            severity=Severity.NOTE if coarse else Severity.WARNING,
            where="data",
            step=0,
            measurements={"pairs": len(leaks), "examples": pairs},
            causes=(
                Cause(
                    name="duplicate-examples",
                    probability=1.0,
                    reason="the raw inputs are equal",
                ),
            ),
            repairs=("drop-duplicates",),
            message=f"{len(judged)} held-out examples also stand, just the same, in another split; "
            "figures over them are too good.",
            picture=shown,
        )
    ]
