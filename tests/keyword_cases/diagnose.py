"""Keywords of the doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from keyword_cases.case import Case
from keyword_cases.train import trained
from netwright.diagnose.doctor import Doctor
from netwright.runs.records import Finding, Severity

DOUBLE = Finding(symptom="duplicates", severity=Severity.WARNING, where="data", step=0)


def told(folder: Path, **keyword: Any) -> list[str]:
    """What the doctor reports of a short run."""
    findings: list[Finding] = []
    doctor = Doctor(first_batch=None, floor=None, report=findings.append, **keyword)
    trained(folder, observers=(doctor,))
    return [finding.symptom for finding in findings]


CASES = {"netwright.diagnose.doctor:Doctor": Case(told, {"beforehand": (DOUBLE,)})}
EXEMPT: dict[str, str] = {}
