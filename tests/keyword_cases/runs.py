"""Keywords of the record."""

from __future__ import annotations

from keyword_cases.case import Case
from netwright.runs import files

CASES = {
    "netwright.runs.files:encode": Case(
        lambda _, **keyword: files.encode({"a": [1, 2]}, **keyword), {"readable": True}
    ),
}
EXEMPT: dict[str, str] = {}
