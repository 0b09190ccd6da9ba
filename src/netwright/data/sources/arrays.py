"""Arrays and tensors that are in memory already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from netwright._errors import BadData, BadType, must_be, offenders
from netwright.data.dataset import Data, InMemory, InputKind, Skipped, Target, TargetKind
from netwright.data.sources.faults import refuse_unless
from netwright.data.sources.several import several_targets, without_any
from netwright.data.sources.targets import infer_target, tidy

__all__ = ["Part", "arrays_data", "channels_first", "join_targets", "part_of", "split_index"]


@dataclass(frozen=True, kw_only=True)
class Part:
    """The arrays of one split: inputs, targets if there are any, and what to call them.

    Targets of several tasks are a mapping of the task's name to them.
    """

    x: Any
    y: Any = None
    what: str = "x"


def part_of(value: Any, *, what: str = "x") -> Part:
    """Inputs alone, or (inputs, targets).

    Raises:
        BadType: neither.
    """
    pair = isinstance(value, (tuple, list))
    if not pair and isinstance(value, (np.ndarray, Tensor)):
        return Part(x=value, what=what)
    if pair and 1 <= len(value) <= 2 and isinstance(value[0], (np.ndarray, Tensor)):
        return Part(x=value[0], y=value[1] if len(value) == 2 else None, what=what)
    shown = f"{type(value).__name__} of {len(value)}" if pair else type(value).__name__
    raise BadType(
        f"{what} must be an array or a pair (inputs, targets) of arrays or tensors, got {shown}. "
        "Make numpy arrays or torch tensors of them."
    )


def arrays_data(
    parts: Mapping[str, Part],
    *,
    kind: TargetKind | None = None,
    kinds: Mapping[str, TargetKind] | None = None,
    group: Sequence[Any] | None = None,
    time: Sequence[float] | None = None,
    skip_bad: bool = False,
) -> Data:
    """Take arrays as they are.

    Bytes and fractions of three dimensions are grey pictures (n, h, w), of four are pictures, whose
    channels are last where the last dimension is 1, 3 or 4 and the second is not. All else is
    turned into float32 rows or tensors of a fixed shape. Examples are called x[0], x[1] ...
    Targets that are a mapping are those of several tasks; an example may lack some of them (NaN or
    None), not all.

    Args:
        parts: the arrays of each split by name; of the one named "" when there are no splits.
        kind: overrides what follows from the targets (see `infer_target`).
        kinds: of the tasks whose values should not decide.
        group: (n,) examples of equal values must not be divided between splits; without splits.
        time: (n,) when each was; without splits.
        skip_bad: leave out examples with NaN or infinities and those without target.

    Raises:
        BadData: no examples, unlike lengths or shapes, NaN or infinite numbers, missing targets.
    """
    inputs = [_inputs(part) for part in parts.values()]
    shapes = {tuple(x.shape[1:]) for x, _ in inputs}
    if len(shapes) > 1:
        raise BadData(
            f"inputs must have one shape in every split, got {offenders(sorted(shapes))}. Bring "
            "them to one shape."
        )
    values = [x for x, _ in inputs]
    x = values[0] if len(values) == 1 else torch.cat(values)
    labels = [f"{part.what}[{row}]" for part in parts.values() for row in range(len(part.x))]
    y = None if kind is TargetKind.NONE else _targets(parts)
    missing = {} if y is None else _gaps(y)
    faults = _faults(x, without_any(missing) if missing else None, labels=labels)
    refuse_unless(
        skip_bad,
        list(faults.values()),
        name="examples",
        rule="finite numbers, each with its target",
    )
    kept = np.array([row for row in range(len(x)) if row not in faults], dtype=np.int64)
    if not len(kept):
        raise BadData(f"data must be at least one usable example, got none of {len(x)}.")
    lengths = [len(value) for value in values]
    return Data(
        name="arrays",
        samples=InMemory(x if not faults else x[torch.from_numpy(kept)]),
        input_kind=inputs[0][1],
        target=Target(kind=TargetKind.NONE)
        if y is None
        else _target(y, missing, kept=kept, kind=kind, kinds=kinds),
        splits=split_index(list(parts), lengths, kept=kept),
        groups=_groups(group, len(x), kept=kept),
        times=_times(time, len(x), kept=kept),
        labels=tuple(labels[row] for row in kept),
        skipped=tuple(faults.values()),
        origin="arrays in memory",
    )


def split_index(
    names: Sequence[str], lengths: Sequence[int], *, kept: np.ndarray
) -> dict[str, Tensor]:
    """Where the examples of each split are among those kept, for splits that lie one by one."""
    if list(names) == [""]:
        return {}
    of = np.repeat(np.arange(len(names)), lengths)[kept]
    return {name: torch.from_numpy(np.flatnonzero(of == at)) for at, name in enumerate(names)}


def channels_first(values: Tensor) -> Tensor:
    """Pictures (..., h, w, c) as (..., c, h, w) where the sizes tell that channels are last."""
    last = values.shape[-1] in (1, 3, 4) and values.shape[-3] not in (1, 3, 4)
    return values.movedim(-1, -3).contiguous() if last else values


def join_targets(values: Sequence[Any]) -> np.ndarray:
    """Targets of several parts end to end, as truth values, numbers, or an object array of words.

    Raises:
        BadData: neither one value nor one row of values for each example.
    """
    arrays = [_array(value) for value in values]
    odd = [array.shape for array in arrays if array.ndim not in (1, 2)]
    if odd:
        raise BadData(
            f"targets must be one value or one row of values for each example, got shape {odd[0]}. "
            "Bring them to (n,) or (n, t)."
        )
    if any(array.dtype.kind in "OUS" for array in arrays):
        arrays = [array.astype(object) for array in arrays]
    return np.concatenate(arrays)


def _array(values: Any) -> np.ndarray:
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        return np.asarray(values.float() if values.dtype is torch.bfloat16 else values)
    try:
        if isinstance(values, np.ndarray):
            return values
        mixed = any(value is None or isinstance(value, str) for value in values)
        return np.array(values, dtype=object) if mixed else np.asarray(values)
    except ValueError as error:
        raise BadData(f"targets must be of one shape, got: {error}.") from error


def _inputs(part: Part) -> tuple[Tensor, InputKind]:
    if isinstance(part.x, np.ndarray):
        if part.x.dtype.kind not in "buif":
            raise BadType(
                f"{part.what} must be numbers, got an array of {part.x.dtype}. Encode it first, or "
                "give a table."
            )
        array = part.x.astype(part.x.dtype.newbyteorder("="), copy=False)
        if array.dtype.kind == "u" and array.dtype.itemsize > 1:
            array = array.astype(np.int64)
        if not array.flags.writeable:  # torch has no read-only tensors
            array = array.copy()
        x = torch.from_numpy(np.ascontiguousarray(array))
    else:
        x = part.x.detach().cpu()
    if not x.ndim or not x.numel():
        raise BadData(
            f"{part.what} must hold at least one example of at least one number, got shape "
            f"{tuple(x.shape)}."
        )
    if not x.is_floating_point() and x.dtype != torch.uint8:
        x = _bytes_or_floats(x)
    picture = x.ndim in (3, 4)
    x = x if x.dtype == torch.uint8 and picture else x.to(torch.float32)
    if picture:
        return channels_first(x) if x.ndim == 4 else x[:, None], InputKind.IMAGE
    return x[:, None] if x.ndim == 1 else x, InputKind.TENSOR


def _bytes_or_floats(x: Tensor) -> Tensor:
    """Whole numbers 0..255 in the shape of pictures are pictures in a wider type than needed."""
    if x.ndim in (3, 4) and x.dtype != torch.bool and int(x.min()) >= 0 and int(x.max()) <= 255:
        return x.to(torch.uint8)
    return x.to(torch.float32)


_Targets: TypeAlias = np.ndarray | dict[str, np.ndarray]
"""Those of one task, or of each of several."""


def _targets(parts: Mapping[str, Part]) -> _Targets | None:
    without = [part.what for part in parts.values() if part.y is None]
    if len(without) == len(parts):
        return None
    if without:
        raise BadData(
            f"targets must be given for every split or for none, got none for {offenders(without)}."
        )
    if not any(isinstance(part.y, Mapping) for part in parts.values()):
        return _one_after_another({part.what: (part.x, part.y) for part in parts.values()})
    tasks = {tuple(part.y) if isinstance(part.y, Mapping) else () for part in parts.values()}
    if len(tasks) > 1 or () in tasks:
        raise BadData(
            "targets must be of the same tasks, in one order, in every split, got "
            f"{offenders(sorted(map(str, tasks)))}. Give NaN where an example lacks one."
        )
    return {
        str(task): _one_after_another(
            {f"{part.what} ({task})": (part.x, part.y[task]) for part in parts.values()}
        )
        for task in tasks.pop()
    }


def _one_after_another(pairs: Mapping[str, tuple[Any, Any]]) -> np.ndarray:
    """The targets of all splits, once it is sure that each has as many as inputs."""
    for what, (x, y) in pairs.items():
        if len(y) != len(x):
            raise BadData(
                f"targets must be as many as the inputs (wrong length), got {len(y)} targets "
                f"for the {len(x)} of {what}. Check that both were read in one order."
            )
    return join_targets([y for _, y in pairs.values()])


def _gaps(y: _Targets) -> dict[str, np.ndarray]:
    """Where examples lack a target, by task."""
    by_task = y if isinstance(y, dict) else {"target": y}
    return {task: missing_targets(values) for task, values in by_task.items()}


def _target(
    y: _Targets,
    missing: Mapping[str, np.ndarray],
    *,
    kept: np.ndarray,
    kind: TargetKind | None,
    kinds: Mapping[str, TargetKind] | None,
) -> Target:
    if isinstance(y, dict):
        if kind not in (None, TargetKind.SEVERAL):
            raise must_be("kind", "several, or given by task, for several tasks", str(kind))
        return several_targets(
            {task: values[kept] for task, values in y.items()},
            missing={task: gaps[kept] for task, gaps in missing.items()},
            kinds=kinds,
        )
    if kinds:
        raise must_be("kind", "one word for targets that are no mapping of tasks", dict(kinds))
    return infer_target(tidy(y[kept]), names=_names(y), kind=kind)


def _faults(x: Tensor, missing: np.ndarray | None, *, labels: Sequence[str]) -> dict[int, Skipped]:
    faults: dict[int, Skipped] = {}
    if x.is_floating_point():
        finite = x.isfinite().flatten(1).all(1)
        for row in (~finite).nonzero().flatten().tolist():
            faults[row] = Skipped(labels[row], "NaN or infinite input")
    for row in [] if missing is None else np.flatnonzero(missing).tolist():
        faults.setdefault(row, Skipped(labels[row], "missing or infinite target"))
    return dict(sorted(faults.items()))


def missing_targets(y: np.ndarray) -> np.ndarray:
    """(n,) where a target, or one of its row, is None, NaN or infinite."""
    if y.dtype.kind == "f":
        bad = ~np.isfinite(y)
    elif y.dtype.kind == "O":
        bad = np.array([_is_missing(value) for value in y.reshape(-1)]).reshape(y.shape)
    else:
        return np.zeros(len(y), dtype=bool)
    return bad if bad.ndim == 1 else np.asarray(bad.any(1))


def _is_missing(value: Any) -> bool:
    if isinstance(value, (float, np.floating)):
        return not bool(np.isfinite(value))
    return value is None


def _names(y: np.ndarray) -> list[str]:
    return (
        ["target"] if y.ndim == 1 or y.shape[1] == 1 else [f"target {t}" for t in range(y.shape[1])]
    )


def _groups(group: Sequence[Any] | None, count: int, *, kept: np.ndarray) -> Tensor | None:
    if group is None:
        return None
    _refuse_length("group", len(group), count)
    _, codes = np.unique(np.asarray(group), return_inverse=True)
    return torch.from_numpy(codes.reshape(-1).astype(np.int64)[kept])


def _times(time: Sequence[float] | None, count: int, *, kept: np.ndarray) -> Tensor | None:
    if time is None:
        return None
    _refuse_length("time", len(time), count)
    return torch.from_numpy(np.asarray(time, dtype=np.float64)[kept])


def _refuse_length(what: str, there: int, count: int) -> None:
    if there != count:
        raise BadData(
            f"{what} must be one value for each example, got {there} values for {count} examples."
        )
