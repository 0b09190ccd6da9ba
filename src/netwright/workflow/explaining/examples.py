"""What a network is asked about: pictures, folders of them, or data as `predict` takes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from netwright._errors import BadData, NetwrightError, must_be, offenders
from netwright.data.dataset import Data, InputKind, Skipped
from netwright.data.decode import EXTENSIONS, decode, fit_channels, fit_size
from netwright.workflow.asked import open_asked, open_unlabelled
from netwright.workflow.explaining.explainable import Explainable
from netwright.workflow.run import Run

__all__ = ["Example", "Examples", "read_examples"]


@dataclass(frozen=True, kw_only=True)
class Example:
    """One thing that a network is asked about.

    Attributes:
        label: file name or row.
        raw: as it was read, brought to the network's size.
        truth: place of its class where it is known.
    """

    label: str
    raw: Tensor
    truth: int | None = None


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Those that could be read.

    Attributes:
        items: in the order in which they were named.
        columns: what the numbers of a row are called; none for pictures.
        skipped: what could not be read, and why.
        left_out: how many more there are than were asked for.
    """

    items: tuple[Example, ...]
    columns: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    left_out: int = 0


def read_examples(
    of: Explainable, places: Sequence[str], *, count: int, split: str | None = None
) -> Examples:
    """Read what is named, as far as it can be read.

    Args:
        of: the network, which says what it takes.
        places: picture files and folders of them; or one table or data set of a run's kind; none
            for the run's own data.
        count: of examples at most; of more, some are taken evenly.
        split: of a data set: "train", "val", "test" or "all".

    Raises:
        BadData: nothing of it can be read, or it is not of the network's kind.
    """
    if of.input_kind == InputKind.IMAGE and places and all(map(_is_picture_place, places)):
        if split is not None:
            raise must_be("--split", "left out for pictures", split)
        if gone := [place for place in places if not Path(place).exists()]:
            raise must_be("data", "pictures that are there", offenders(gone), error=BadData)
        return _pictures(of, [Path(place) for place in places], count=count)
    if of.run is None:
        if not places:
            fix = f"For example: netwright explain {of.name} cat.jpg"
            raise must_be("data", "pictures or folders of them", None, fix, error=BadData)
        wrong = [place for place in places if not _is_picture_place(place)]
        are_there = all(Path(place).exists() for place in wrong)
        rule = f"pictures, or folders of them{'' if are_there else ', that are there'}"
        raise must_be("data", rule, offenders(wrong), error=BadData)
    if of.input_kind != InputKind.IMAGE and any(map(_is_picture, places)):
        rule = f"of the kind the run was trained on ({of.input_kind})"
        raise must_be("data", rule, offenders(places), error=BadData)
    if len(places) > 1:
        rule = "one table or data set, or pictures that are there"
        raise must_be("data", rule, offenders(places), error=BadData)
    return _of_data(of, places[0] if places else None, count=count, split=split)


def _is_picture_place(place: str) -> bool:
    return Path(place).is_dir() or _is_picture(place)


def _is_picture(place: str) -> bool:
    return Path(place).suffix.lower() in EXTENSIONS


def _pictures(of: Explainable, places: Sequence[Path], *, count: int) -> Examples:
    found = [each for place in places for each in _files(place)]
    if not found:
        raise must_be("data", "pictures", offenders(places), "There is none.", error=BadData)
    chosen = _evenly(found, count)
    items, skipped = [], []
    for path, label, folder in chosen:
        try:
            raw = decode(path, channels=of.channels)
        except BadData as reason:
            skipped.append(Skipped(label, str(reason)))
        else:
            fitted = raw if of.size is None else fit_size(raw[None], of.size)[0]
            items.append(Example(label=label, raw=fitted.contiguous(), truth=_truth(of, folder)))
    if not items:
        told = offenders(f"{one.what} ({one.why})" for one in skipped)
        raise must_be("data", "pictures that can be read", told, error=BadData)
    return Examples(items=tuple(items), skipped=tuple(skipped), left_out=len(found) - len(chosen))


def _files(place: Path) -> Iterator[tuple[Path, str, str]]:
    """Each picture with its label and the name of its folder."""
    if not place.is_dir():
        yield place, place.name, place.resolve().parent.name
        return
    for path in sorted(place.rglob("*")):
        if path.suffix.lower() in EXTENSIONS and path.is_file():
            yield path, str(path.relative_to(place)), path.resolve().parent.name


def _truth(of: Explainable, folder: str) -> int | None:
    return of.names.index(folder) if folder in of.names else None


def _of_data(of: Explainable, data: str | None, *, count: int, split: str | None) -> Examples:
    run = of.run
    if run is None:
        raise must_be("data", "given for what is no run", data)
    try:
        asked = open_asked(run, data, skip_bad=True)
    except BadData:
        if data is None:
            raise
        opened = open_unlabelled(run, data, skip_bad=True)
        return _taken(of, opened, torch.arange(len(opened)), count=count)
    index = asked.index(asked.split(split))
    wrong = _own_errors(run, within=index) if data is None else []
    return _taken(of, asked.opened, index, count=count, wrong=wrong)


def _own_errors(run: Run, *, within: Tensor) -> list[int]:
    """The most confident errors that the run has recorded, worst first."""
    try:
        rows = run.folder.read_json("pictures/errors.json")
    except (NetwrightError, OSError):
        return []
    known = set(within.tolist())
    return [row["index"] for row in rows if row["index"] in known]


def _taken(
    of: Explainable, data: Data, index: Tensor, *, count: int, wrong: Sequence[int] = ()
) -> Examples:
    """Up to half of them wrong ones, which come first; the others evenly from the rest."""
    first = list(wrong[: (count + 1) // 2])
    rest = [place for place in index.tolist() if place not in first]
    places = torch.tensor(first + _evenly(rest, count - len(first)))
    raw, values = data.samples.take(places), data.target.values
    if of.input_kind == InputKind.IMAGE and raw.shape[1] != of.channels:
        raw = fit_channels(raw, of.channels)
    is_named = values is not None and values.ndim == 1 and not values.is_floating_point()
    encoder = of.run.encoder if of.run is not None else None
    items = [
        Example(
            label=data.labels[place] if data.labels else f"example {place}",
            raw=raw[number],
            truth=int(values[place]) if is_named and values is not None else None,
        )
        for number, place in enumerate(places.tolist())
    ]
    return Examples(
        items=tuple(items),
        columns=() if encoder is None else encoder.feature_names,
        skipped=tuple(data.skipped),
        left_out=len(index) - len(places),
    )


def _evenly(found: list, count: int) -> list:  # type: ignore[type-arg]
    """At most `count` of them, spread over all."""
    if len(found) <= count:
        return found
    return [found[place * len(found) // count] for place in range(count)]
