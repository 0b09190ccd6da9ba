"""What a run's report shows of why: its errors, and what it finds typical."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netwright.methods.supervised import Supervised
from netwright.workflow.explaining.deadline import Deadline
from netwright.workflow.explaining.errors import explain_errors
from netwright.workflow.explaining.prototypes import write_prototypes
from netwright.workflow.explaining.report_maps import are_explained
from netwright.workflow.prepare import Prepared

if TYPE_CHECKING:
    from netwright.runs.store import RunFolder
    from netwright.train.validation import Answers
    from netwright.workflow.session import Session

__all__ = ["explain_shown"]


def explain_shown(
    session: Session, folder: RunFolder, *, split: str, answers: Answers, seconds: float
) -> None:
    """Maps for the errors, and the prototypes of the classes; of pictures with classes only.

    Both together take no longer than two seconds, or 3 % of the training where that is more.

    Args:
        session: with the trained method.
        folder: of the run, with its `pictures/errors.json`.
        split: that was judged last.
        answers: of it.
        seconds: that the training took.
    """
    prepared, method = session.prepared, session.method
    if not isinstance(prepared, Prepared) or not isinstance(method, Supervised):
        return
    if not are_explained(method, prepared.data):
        return
    deadline = Deadline(seconds)
    explain_errors(
        folder,
        method=method,
        preprocess=prepared.preprocess,
        data=prepared.data,
        answers=answers,
        deadline=deadline,
    )
    write_prototypes(
        folder,
        method=method,
        preprocess=prepared.preprocess,
        data=prepared.data,
        answers=answers,
        split=split,
        deadline=deadline,
    )
