"""What the record says of how many examples there were for how many weights."""

from __future__ import annotations

from typing import Any

from netwright.evaluate.sample_size import SampleSize
from netwright.workflow.session import Session

__all__ = ["sample_size"]

_BY_ERRORS = ("binary", "classes", "ordinal")  # a share of errors, of which the bound speaks


def sample_size(session: Session) -> dict[str, Any]:
    """As `data.json` holds it; nothing where nothing is trained."""
    target, splits = session.prepared.task.kind, session.prepared.summary()["splits"]
    examples = splits.get("train", {}).get("n")
    if not examples or not any(one.requires_grad for one in session.method.parameters()):
        return {}
    size = SampleSize.of(session.method, examples=examples)
    found: dict[str, Any] = {
        "examples": size.examples,
        "parameters": size.parameters,
        "bits": size.bits,
        "examples_per_parameter": size.per_parameter,
    }
    if target in _BY_ERRORS:
        found |= {"pac_gap": size.pac_gap, "confidence": size.confidence}
    return {"sample_size": found}
