"""Options of a network, refused by name where it doesn't know them."""

from __future__ import annotations

from collections.abc import Iterable

from netwright._errors import must_be, offenders

__all__ = ["check_options"]


def check_options(model: str, options: Iterable[str], *, known: Iterable[str]) -> None:
    """Refuse options that `model` doesn't know.

    Raises:
        BadValue: names all unknown options and all known ones.
    """
    known = sorted(known)
    strangers = [name for name in options if name not in known]
    if strangers:
        takes = f"It takes {', '.join(known)}." if known else "It takes none."
        raise must_be("model.options", f"options of {model}", offenders(strangers), takes)
