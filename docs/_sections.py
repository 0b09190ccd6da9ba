"""Sections of a page that a script fills, each between two marks."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

__all__ = ["with_sections"]


def with_sections(text: str, sections: Sequence[Callable[[], str]], *, page: Path) -> str:
    """The page with every section between its marks filled; a section is named by its function."""
    script = f"docs/make_{page.stem}.py"
    for make in sections:
        name = make.__name__
        start, end = f"<!-- {name}: made by {script} -->", f"<!-- {name}: end -->"
        pattern = re.compile(re.escape(start) + ".*?" + re.escape(end), flags=re.DOTALL)
        if not pattern.search(text):
            raise SystemExit(f"docs/{page.name} must have the markers of {name}")
        filled = f"{start}\n\n{make()}\n\n{end}"
        text = pattern.sub(lambda _, filled=filled: filled, text)
    return text
