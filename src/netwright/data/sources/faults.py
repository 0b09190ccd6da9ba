"""What to do with examples that can't be used: refuse them all at once, or leave them out."""

from __future__ import annotations

from collections.abc import Sequence

from netwright._errors import BadData, offenders
from netwright.data.dataset import Skipped

__all__ = ["LEAVE_OUT", "refuse_unless"]

LEAVE_OUT = "pass skip_bad=True (--skip-bad) to leave them out"


def refuse_unless(
    skip_bad: bool,
    faults: Sequence[Skipped],
    *,
    name: str,
    rule: str,
    fix: str = "Mend them",
) -> None:
    """Raise one sentence that names every fault, unless faults are to be left out.

    Raises:
        BadData: there are faults and `skip_bad` is false.
    """
    if faults and not skip_bad:
        listed = offenders(f"{fault.what} ({fault.why})" for fault in faults)
        raise BadData(f"{name} must be {rule}, got {listed}. {fix}, or {LEAVE_OUT}.")
