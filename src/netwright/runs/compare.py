"""What differs between runs: in what decided them, in where they ran, and in what came out."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright._errors import DamagedRun, must_be
from netwright._statistics import paired_difference
from netwright.runs.store import RunFolder

__all__ = ["Comparison", "PairedDifference", "compare"]

Array = NDArray[Any]

SPLITS = ("test", "val", "train")
JUDGED_RIGHT_OR_WRONG = ("binary", "classes", "ordinal", "multi-label")
MOMENTS = ("began", "command")  # of the environment: they always differ and say nothing


@dataclass(frozen=True, kw_only=True)
class PairedDifference:
    """Two runs judged on the very same examples.

    Attributes:
        split: the examples.
        figure: "accuracy" (the share that is right) or "squared error" (its mean).
        first: name of a run.
        second: name of another.
        difference: the first's figure minus the second's.
        low: lower end of its 95 % interval.
        high: upper end; an interval without 0 tells the two apart.
        n: how many examples.
    """

    split: str
    figure: str
    first: str
    second: str
    difference: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What differs between runs, as plain data.

    Attributes:
        runs: their names, in the order of every list below.
        recipe: dotted field → its value in each run, where they differ; None where a run lacks it.
        environment: the same of versions, hardware and so on.
        outcome: split → metric → for each run {value, low, high, n} or None.
        paired: differences on the same examples, with intervals.
    """

    runs: tuple[str, ...]
    recipe: Mapping[str, Sequence[Any]]
    environment: Mapping[str, Sequence[Any]]
    outcome: Mapping[str, Mapping[str, Sequence[Mapping[str, Any] | None]]]
    paired: tuple[PairedDifference, ...]

    def to_json(self) -> dict[str, Any]:
        """Numbers, text, lists and mappings."""
        return asdict(self)


def compare(folders: Sequence[RunFolder]) -> Comparison:
    """Set runs beside each other.

    Args:
        folders: two runs or more. What a run lacks (it was cut short) is None in its place.

    Raises:
        BadValue: fewer than two.
        DamagedRun: a file is there and can't be read.
    """
    if len(folders) < 2:
        raise must_be("folders", "two runs or more", [folder.name for folder in folders])
    evaluations = {split: [_evaluation(folder, split) for folder in folders] for split in SPLITS}
    return Comparison(
        runs=_names(folders),
        recipe=_differing([_recipe(folder) for folder in folders]),
        environment=_differing([_environment(folder) for folder in folders]),
        outcome={split: _by_metric(found) for split, found in evaluations.items() if any(found)},
        paired=tuple(_paired(folders)),
    )


def _names(folders: Sequence[RunFolder]) -> tuple[str, ...]:
    names = [folder.name for folder in folders]
    if len(set(names)) < len(names):  # runs of one name from several roots
        names = [str(folder.path) for folder in folders]
    return tuple(names)


def _recipe(folder: RunFolder) -> dict[str, Any]:
    import yaml

    if not folder.has("recipe.yaml"):
        return {}
    try:
        return _flat(yaml.safe_load(folder.read_text("recipe.yaml")) or {})
    except yaml.YAMLError as error:
        path = folder.path / "recipe.yaml"
        raise DamagedRun(
            f"{path} must be YAML, got {str(error)!r}. Bring it back from a copy."
        ) from error


def _environment(folder: RunFolder) -> dict[str, Any]:
    if not folder.has("environment.json"):
        return {}
    found = _flat(folder.read_json("environment.json"))
    return {path: value for path, value in found.items() if path.split(".")[0] not in MOMENTS}


def _evaluation(folder: RunFolder, split: str) -> dict[str, Any] | None:
    name = f"evaluation/{split}.json"
    return folder.read_json(name)["metrics"] if folder.has(name) else None


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    """Nested mappings as dotted paths; lists stay whole."""
    if not isinstance(value, Mapping):
        return {path: value}
    items = (_flat(item, f"{path}.{key}" if path else str(key)) for key, item in value.items())
    return {key: item for part in items for key, item in part.items()}


def _differing(found: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    paths = dict.fromkeys(path for one in found for path in one)
    beside = {path: [one.get(path) for one in found] for path in paths}
    return {path: values for path, values in beside.items() if _any_differs(values)}


def _any_differs(values: Sequence[Any]) -> bool:
    return any(type(v) is not type(values[0]) or v != values[0] for v in values[1:])


def _by_metric(found: Sequence[Mapping[str, Any] | None]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for metrics in found if metrics for name in metrics)
    return {name: [metrics.get(name) if metrics else None for metrics in found] for name in names}


def _paired(folders: Sequence[RunFolder]) -> Iterator[PairedDifference]:
    names = dict(zip(map(id, folders), _names(folders), strict=True))
    for split in SPLITS:
        for first, second in itertools.combinations(folders, 2):
            scores = _scores_of_both(first, second, split)
            if scores is None:
                continue
            figure, one, other = scores
            gap = paired_difference(one, other)
            yield PairedDifference(
                split=split,
                figure=figure,
                first=names[id(first)],
                second=names[id(second)],
                difference=gap.value,
                low=gap.low,
                high=gap.high,
                n=len(one),
            )


def _scores_of_both(
    first: RunFolder, second: RunFolder, split: str
) -> tuple[str, Array, Array] | None:
    """A score for each example by both runs; None where they were judged on different ones."""
    about = _same_data(first, second)
    name = f"evaluation/{split}.safetensors"
    if about is None or not (first.has(name) and second.has(name)):
        return None
    if about["target"]["kind"] == "none":
        return None  # what the numbers mean is known to the method alone
    one, other = (_in_order(folder.read_arrays(name)) for folder in (first, second))
    same = len(one["index"]) > 0 and all(
        np.array_equal(one[key], other[key]) for key in ("index", "targets")
    )
    shapes = {one["outputs"].shape, other["outputs"].shape}
    if not same or len(shapes) > 1 or one["outputs"].size != one["targets"].size:
        return None  # quantiles are several answers to one target
    if about["target"]["kind"] in JUDGED_RIGHT_OR_WRONG:
        return "accuracy", _right(one), _right(other)
    return "squared error", _squared_error(one), _squared_error(other)


def _same_data(first: RunFolder, second: RunFolder) -> dict[str, Any] | None:
    if not (first.has("data.json") and second.has("data.json")):
        return None
    one, other = first.read_json("data.json"), second.read_json("data.json")
    known = one.get("fingerprint") is not None
    return one if known and one["fingerprint"] == other.get("fingerprint") else None


def _in_order(judged: Mapping[str, Array]) -> dict[str, Array]:
    order = np.argsort(judged["index"], kind="stable")
    return {name: judged[name][order] for name in ("index", "targets", "outputs")}


def _right(judged: Mapping[str, Array]) -> Array:
    """1 for a right answer; with several labels the share of them that is right."""
    right = (judged["outputs"] == judged["targets"]).astype(np.float64)
    return np.asarray(right.reshape(len(right), -1).mean(axis=1))


def _squared_error(judged: Mapping[str, Array]) -> Array:
    targets = judged["targets"].astype(np.float64)
    gap = judged["outputs"].astype(np.float64).reshape(targets.shape) - targets
    return np.asarray(np.square(gap).reshape(len(gap), -1).mean(axis=1))
