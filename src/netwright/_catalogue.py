"""Names and what stands behind them, without importing it.

A catalogue is a static table: reading it loads nothing, so `netwright find` and `--help` are quick.
Third parties add entries through the entry-point group `netwright.<kind>s`, or give a file and a
name (`my_file.py:MyClass`) wherever a name is asked for.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from netwright._errors import must_be, unknown

__all__ = ["Catalogue", "Entry", "holds", "is_file_target", "load_target", "only_installed"]

_files_are_run = ContextVar("files_are_run", default=True)


@contextmanager
def only_installed(*, unless: bool) -> Iterator[None]:
    """Within the block, refuse to run a Python file that is named and not loaded already.

    What is read from a run's folder may name files, and a folder may come from anywhere.

    Args:
        unless: whoever asks for it trusts the folder: nothing is refused.
    """
    token = _files_are_run.set(unless)
    try:
        yield
    finally:
        _files_are_run.reset(token)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One named thing.

    Attributes:
        name: the field's standard term, in the spelling of the command line.
        target: where it is, as "package.module:attribute".
        summary: one line.
        paper: title, year and link; empty where there is none.
        facts: what a reader or a program may want to know without loading it.
    """

    name: str
    target: str
    summary: str
    paper: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    def load(self) -> Any:
        """Import what the entry names."""
        return load_target(self.target)


class Catalogue:
    """A table of entries of one kind, looked up by name."""

    def __init__(self, kind: str, entries: tuple[Entry, ...]) -> None:
        self.kind = kind
        self._entries = {entry.name: entry for entry in entries}
        if len(self._entries) != len(entries):
            raise must_be(
                "entries", f"of different names in the {kind} catalogue", [e.name for e in entries]
            )

    def __iter__(self) -> Iterator[Entry]:
        return iter((self._entries | self._third_party()).values())

    def __contains__(self, name: str) -> bool:
        return name in self._entries or name in self._third_party()

    def names(self) -> list[str]:
        """All names, in the order of the table."""
        return [entry.name for entry in self]

    def entry(self, name: str) -> Entry:
        """The entry of that name, or of `file.py:Name`.

        Raises:
            BadValue: nothing of that name; the nearest names are listed.
        """
        if is_file_target(name):
            return Entry(name=name, target=name, summary=f"brought by {name}")
        found = self._entries.get(name) or self._third_party().get(name)
        if found is None:
            raise unknown(
                self.kind, name, self.names(), hint=f"Your own: {self.kind}=file.py:Name."
            )
        return found

    def load(self, name: str) -> Any:
        """Import what stands behind `name`."""
        return self.entry(name).load()

    def search(self, word: str) -> list[Entry]:
        """Entries whose name, summary or paper holds `word`, in the order of the table."""
        return [
            entry for entry in self if holds(f"{entry.name} {entry.summary} {entry.paper}", word)
        ]

    def _third_party(self) -> dict[str, Entry]:
        return {
            point.name: Entry(
                name=point.name, target=point.value, summary=f"from {point.value.split('.')[0]}"
            )
            for point in entry_points(group=f"netwright.{self.kind.replace(' ', '_')}s")
        }


def holds(text: str, word: str) -> bool:
    """Whether `text` holds `word`; case, hyphens, underscores and blanks make no difference."""
    return _plain(word) in _plain(text)


def is_file_target(name: str) -> bool:
    """Whether `name` has the form path/to/file.py:Name."""
    path, _, attribute = name.rpartition(":")
    return path.endswith(".py") and attribute.isidentifier()


def load_target(target: str) -> Any:
    """Import "package.module:attribute" or "path/to/file.py:attribute".

    Raises:
        BadValue: the file or the attribute is not there.
    """
    location, _, attribute = target.rpartition(":")
    module = _load_file(Path(location)) if location.endswith(".py") else _import(location)
    try:
        return getattr(module, attribute)
    except AttributeError:
        public = [name for name in vars(module) if not name.startswith("_")]
        raise unknown(f"name in {location}", attribute, public) from None


def _import(location: str) -> Any:
    return importlib.import_module(location)


def _load_file(path: Path) -> Any:
    resolved = path.resolve()
    if not resolved.is_file():
        raise must_be("file", "an existing Python file", str(path), f"Looked for {resolved}.")
    name = f"netwright_user_{resolved.stem}"
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__file__", None) == str(resolved):
        return loaded
    if not _files_are_run.get():
        raise must_be(
            "file",
            "one that you trust, as loading it runs it",
            str(path),
            f"The run names it ({resolved}). Look at it, then say trust=True, or --trust on the "
            "command line.",
        )
    spec = importlib.util.spec_from_file_location(name, resolved)
    if spec is None or spec.loader is None:
        raise must_be("file", "a Python file that can be imported", str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickling look their module up by name
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]  # half of it would be taken for the whole the next time
        raise
    return module


def _plain(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter not in "-_ ")
