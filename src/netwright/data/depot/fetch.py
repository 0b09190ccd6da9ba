"""Fetching an entry: cache, then one route after another, checked, prepared, moved in one step."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

from netwright._errors import offenders
from netwright._optional import optional
from netwright.data.depot.cache import (
    UNFINISHED,
    cache_folder,
    discard,
    is_whole,
    place,
    write_manifest,
)
from netwright.data.depot.catalogue import entry
from netwright.data.depot.entry import DepotEntry, NotFetched, Progress, Route
from netwright.data.depot.verify import content_digest, differences, payload_digest

__all__ = ["get", "prepared", "remove"]

STALE_SECONDS = 24 * 3600.0


def prepared(name: str, *, cache: str | os.PathLike[str] | None = None) -> Path | None:
    """The folder of a set that was fetched and is whole; None where it is not.

    Args:
        name: a name of the depot.
        cache: folder of the cache; the user's own where None.
    """
    item = entry(name)
    folder = cache_folder(cache) / item.name
    return folder if is_whole(folder, item) else None


def remove(name: str, *, cache: str | os.PathLike[str] | None = None) -> bool:
    """Take a fetched set out of the cache; says whether anything was there."""
    folder = cache_folder(cache) / entry(name).name
    return folder.exists() and discard(folder)


def get(
    name: str,
    *,
    cache: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Path:
    """The folder of a set, fetched if it is not in the cache yet.

    Routes are tried in order. What arrives is compared with its checksums, brought into its
    canonical layout beside the cache, and moved in as a whole: nothing half-written ever stays.

    Args:
        name: a name of the depot.
        cache: folder of the cache; the user's own where None.
        progress: told what is happening.

    Raises:
        BadValue: the depot holds nothing of that name.
        MissingExtra: preparing it needs a package that is not installed.
        NotFetched: no route led there; each is listed with its reason.
    """
    item = entry(name)
    target = cache_folder(cache) / item.name
    if is_whole(target, item):
        return target
    if item.extra is not None:
        optional(item.extra[0], extra=item.extra[1])
    tell = progress or _silent
    target.parent.mkdir(parents=True, exist_ok=True)
    _sweep(target.parent)
    failures = []
    for route in item.routes:
        try:
            return _fetch(item, route, target=target, tell=tell)
        except NotFetched as error:
            failures.append(f"{route.label}: {error}")
            tell(f"{item.name}: {failures[-1]}", None)
    raise NotFetched(
        f"{item.name} must be reachable by one of its routes, got {len(failures)} failures: "
        f"{'; '.join(failures)}. Mend one of them, or put the prepared folder at {target}."
    )


def _fetch(item: DepotEntry, route: Route, *, target: Path, tell: Progress) -> Path:
    with tempfile.TemporaryDirectory(prefix=f"{UNFINISHED}{item.name}-", dir=target.parent) as work:
        payload, made = Path(work) / "payload", Path(work) / "prepared"
        for done, carrier in enumerate(route.carriers):
            tell(f"{item.name}: {carrier.label}", done / len(route.carriers))
            into = payload / carrier.into
            into.mkdir(parents=True, exist_ok=True)
            carrier.bring(into)
        tell(f"{item.name}: checking", None)
        _demand(differences(payload, route.payload, digest=payload_digest))
        tell(f"{item.name}: preparing", None)
        made.mkdir()
        route.prepare(payload, made)
        _demand(differences(made, item.contents, digest=content_digest))
        write_manifest(made, item, route=route.label)
        if not is_whole(target, item):  # another process may have been quicker
            place(made, target)
    tell(f"{item.name}: ready in {target}", 1.0)
    return target


def _demand(differing: list[str]) -> None:
    if differing:
        raise NotFetched(f"what arrived is not what was expected: {offenders(differing)}")


def _sweep(cache: Path) -> None:
    """Take away what a killed process left, unless it may still be at work."""
    for path in cache.glob(f"{UNFINISHED}*"):
        if path.is_dir() and time.time() - path.stat().st_mtime > STALE_SECONDS:
            shutil.rmtree(path, ignore_errors=True)


def _silent(what: str, done: float | None) -> None:
    """Say nothing."""
