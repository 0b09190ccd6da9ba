"""Metrics as a recipe names them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any

from netwright._catalogue import Entry
from netwright._errors import BadValue, must_be, offenders, unknown
from netwright.metrics.base import Metric
from netwright.metrics.catalogue import CATALOGUE

__all__ = ["chosen", "create", "selecting"]

_TOP = re.compile(r"top_(\d+)_(accuracy|error)")


def chosen(
    asked: Sequence[tuple[str, Mapping[str, Any]]],
    own: Mapping[str, Metric],
    *,
    kind: str,
    names: Sequence[str],
) -> dict[str, Metric]:
    """Fresh metrics, in the order in which they are asked for.

    Args:
        asked: name and options of each.
        own: fresh ones of the method: what it has under a name is taken as it has it.
        kind: of the targets.
        names: of classes, labels or target columns.

    Raises:
        BadValue: no such metric, one that does not judge such targets, or the same one twice.
    """
    made: dict[str, Metric] = {}
    for name, options in asked:
        key = _key(name, options)
        if key in made:
            raise must_be("metrics", "named once each", key)
        plain = key if key in own else name.replace("-", "_")
        if not options and plain in own:
            made[plain] = own[plain]
        else:
            made[key] = create(name, kind=kind, names=names, known=own, **options)
    return made


def create(
    name: str,
    *,
    kind: str,
    names: Sequence[str],
    known: Mapping[str, Metric] | None = None,
    **options: Any,
) -> Metric:
    """One metric of the catalogue, fit for a target.

    What a metric must be told and the target decides (how many classes) is filled in; a class may
    be given by its name.

    Args:
        name: of the catalogue, `top_3_error` for any number, or `file.py:Name`; hyphens will do.
        kind: of the targets.
        names: of classes, labels or target columns.
        known: further names, for the hint where there is no such metric.
        **options: of the metric.

    Raises:
        BadValue: no such metric, or one that does not judge such targets.

    Example:
        >>> create("top-3-error", kind="classes", names=("a", "b", "c", "d")).n
        3
    """
    plain, options = _spelt_out(name, options)
    entry = _entry(plain, known=known or {})
    _refuse_misfit(entry, kind=kind)
    metric = entry.load()
    parameters = inspect.signature(metric).parameters
    if "num_classes" in parameters:
        options.setdefault("num_classes", len(names))
    if isinstance(options.get("of_class"), str):
        options["of_class"] = _place(options["of_class"], names)
    strange = [one for one in options if one not in parameters]
    if strange:
        raise unknown(
            f"option of {plain}", strange[0], [n for n in parameters if n != "num_classes"]
        )
    missing = [
        one
        for one, about in parameters.items()
        if about.default is about.empty and one not in options
    ]
    if missing:
        raise must_be(
            plain, f"given {offenders(missing)}", options, f"{{name: {plain}, {missing[0]}: …}}"
        )
    made: Metric = metric(**options)
    return made


def selecting(metrics: Mapping[str, Metric], name: str) -> dict[str, Metric]:
    """The metrics with `name` first: the one that a run is selected by.

    Raises:
        BadValue: it is not among them.
    """
    key = name if name in metrics else name.replace("-", "_")
    if key not in metrics:
        raise must_be(
            "select_by",
            f"one of the run's metrics ({offenders(metrics, shown=12)})",
            name,
            "Another has to stand in metrics, too.",
        )
    return {key: metrics[key], **metrics}


def _key(name: str, options: Mapping[str, Any]) -> str:
    """What a figure is called in the record."""
    plain = name.rpartition(":")[2] if ".py:" in name else name.replace("-", "_")
    if not options:
        return plain
    if plain in ("top_accuracy", "top_error") and set(options) == {"n"}:
        return plain.replace("top_", f"top_{options['n']}_")
    told = ", ".join(f"{key}={value}" for key, value in options.items())
    return f"{plain} ({told})"


def _spelt_out(name: str, options: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    if ".py:" in name:
        return name, dict(options)
    plain = name.replace("-", "_")
    top = _TOP.fullmatch(plain)
    if top is None:
        return plain, dict(options)
    return f"top_{top[2]}", {"n": int(top[1]), **options}


def _entry(name: str, *, known: Mapping[str, Metric]) -> Entry:
    if name not in CATALOGUE and ".py:" not in name:
        raise unknown("metric", name, {*CATALOGUE.names(), *known}, hint="Your own: file.py:Name.")
    return CATALOGUE.entry(name)


def _refuse_misfit(entry: Entry, *, kind: str) -> None:
    judged = entry.facts.get("judges")
    if judged is None or kind in judged:
        return
    fit = [one.name for one in CATALOGUE if kind in one.facts.get("judges", ())]
    raise BadValue(
        f"metrics must be ones that judge {kind} targets, got {entry.name}, which judges "
        f"{offenders(judged)}. There are {offenders(fit, shown=8)}."
    )


def _place(name: str, names: Sequence[str]) -> int:
    if name not in names:
        raise unknown("class", name, names)
    return list(names).index(name)
