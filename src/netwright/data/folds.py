"""Every example held out once: the folds of cross-validation, by what is known of the data."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor

from netwright._errors import BadData, must_be
from netwright._random import derive
from netwright.data.dataset import ONE_CLASS, Data
from netwright.data.partition import grouped, k_fold, nearest_changes, stratified_k_fold

__all__ = [
    "FoldOf",
    "Folds",
    "fold_of",
    "grouped_k_fold",
    "leave_one_out_count",
    "rolling_origin",
    "spaced",
    "stratified_grouped_k_fold",
]

Folds = list[tuple[Tensor, Tensor]]
"""For each fold: places that are learned from, places that are held out."""


@dataclass(frozen=True, kw_only=True)
class FoldOf:
    """One fold of a cross-validation.

    Attributes:
        number: of the fold, from 1.
        of: how many folds there are.
        repeat: from 1; each cuts the folds anew.
    """

    number: int
    of: int
    repeat: int = 1


def grouped_k_fold(groups: Int[Tensor, "n"], k: int, *, seed: int) -> Folds:
    """As `k_fold` with whole groups; k = the number of groups leaves one group out at a time.

    Raises:
        BadData: fewer groups than folds.
    """
    _check_groups(groups, k)
    parts = grouped(groups, fractions={str(fold): 1 / k for fold in range(k)}, seed=seed)
    return _held_out_in_turn(list(parts.values()), count=len(groups))


def stratified_grouped_k_fold(
    labels: Int[Tensor, "n"], groups: Int[Tensor, "n"], *, k: int, seed: int
) -> Folds:
    """Whole groups, with the classes shared out as evenly as the groups allow.

    The folds are those of scikit-learn's StratifiedGroupKFold.

    Raises:
        BadData: fewer groups than folds, or a fold would be empty.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    _check_groups(groups, k)
    splitter = StratifiedGroupKFold(
        n_splits=k, shuffle=True, random_state=derive(seed, "folds") % 2**32
    )
    with warnings.catch_warnings():  # rare classes: what can't be learned is refused by its name
        warnings.simplefilter("ignore", UserWarning)
        cut = list(splitter.split(labels.numpy(), labels.numpy(), groups.numpy()))
    folds = [(torch.from_numpy(train), torch.from_numpy(held)) for train, held in cut]
    if not all(len(held) for _, held in folds):
        raise BadData(
            f"groups must be enough to fill {k} folds, got {len(torch.unique(groups))} of uneven "
            "size. Ask for fewer folds."
        )
    return folds


def rolling_origin(times: Float[Tensor, "n"], k: int, *, gap: float = 0.0) -> Folds:
    """Forecasts from k origins: each fold learns from all that is earlier than what it holds out.

    The held-out stretches follow each other to the end and are of equal size; the first of k + 1
    such stretches is learned from only. Examples of one instant stay together, so a boundary moves
    to the nearest change of time.

    Args:
        times: of the examples, in any order.
        k: how many stretches are held out.
        gap: what is this long or less before the held-out stretch is not learned from, in units of
            the times; for targets that look ahead. Of whole days, 7 leaves out seven of them.

    Raises:
        BadData: NaN among the times, too few different ones, or nothing is left before the gap.
    """
    if bool(times.isnan().any()):
        raise must_be("times", "known for every example", float("nan"), error=BadData)
    sequence = torch.argsort(times, stable=True)
    ordered = times[sequence]
    changes = ((ordered[1:] != ordered[:-1]).nonzero()[:, 0] + 1).tolist()
    if k < 2 or len(changes) < k:
        raise must_be(
            "folds",
            f"from 2 to {len(changes)}, one less than there are different times",
            k,
            error=BadData,
        )
    held = len(times) // (k + 1)
    sizes = [len(times) - k * held, *[held] * k]
    bounds = [*nearest_changes(changes, sizes), len(times)]
    folds = []
    for start, stop in pairwise(bounds):
        learned = sequence[:start][times[sequence[:start]] < ordered[start] - gap]
        if not len(learned):
            raise must_be("gap", "short enough to leave something to learn from", gap)
        folds.append((learned, sequence[start:stop]))
    return folds


def fold_of(
    data: Data, among: Tensor, *, kind: str, fold: FoldOf, seed: int, gap: float
) -> tuple[Tensor, Tensor]:
    """What one fold learns from and what it holds out, in places of the whole set.

    Args:
        data: the set.
        among: places that are divided into folds.
        kind: "temporal", "grouped", "stratified" or "shuffled". Grouped folds share the classes out
            too where the targets are classes.
        fold: which one.
        seed: of the cut; each repeat has its own.
        gap: of a temporal one.
    """
    if not 1 <= fold.number <= fold.of:
        raise must_be("fold.number", f"from 1 to {fold.of}", fold.number)
    if kind == "temporal" and fold.repeat > 1:
        raise must_be("fold.repeat", "1 for folds in the order of time", fold.repeat)
    own = seed if fold.repeat == 1 else derive(seed, "repeat", fold.repeat)
    learned, held = _cut(data, among, kind=kind, count=fold.of, seed=own, gap=gap)[fold.number - 1]
    return among[learned], among[held]


def leave_one_out_count(data: Data, among: Tensor, *, kind: str) -> int:
    """How many folds hold out one example, or one group, at a time."""
    if kind == "temporal":
        raise must_be("folds", "a number for folds in the order of time", "leave-one-out")
    if kind == "grouped" and data.groups is not None:
        return len(torch.unique(data.groups.cpu()[among]))
    return len(among)


def spaced(splits: Mapping[str, Tensor], times: Tensor, *, gap: float) -> dict[str, Tensor]:
    """The splits, each without what is `gap` or less before the next one."""
    kept: dict[str, Tensor] = {}
    names = list(splits)
    for name, following in zip(names, [*names[1:], None], strict=True):
        index = splits[name]
        if following is not None:
            index = index[times[index] < times[splits[following]].min() - gap]
        if not len(index):
            raise must_be("split.gap", f"short enough to leave the {name} split something", gap)
        kept[name] = index
    return kept


def _cut(data: Data, among: Tensor, *, kind: str, count: int, seed: int, gap: float) -> Folds:
    values = data.target.values
    if kind in ("stratified", "shuffled") and count > len(among):
        raise must_be("folds", f"from 2 to {len(among)}, the number of examples", count)
    if kind == "temporal":
        return rolling_origin(_known(data.times, kind)[among], count, gap=gap)
    if kind == "grouped":
        groups = _known(data.groups, kind)[among]
        one_group_each = count == len(torch.unique(groups))
        if values is None or data.target.kind not in ONE_CLASS or one_group_each:
            return grouped_k_fold(groups, count, seed=seed)
        return stratified_grouped_k_fold(values[among], groups, k=count, seed=seed)
    if kind == "stratified" and count < len(among):
        return stratified_k_fold(_known(values, kind)[among], count, seed=seed)
    return k_fold(len(among), count, seed=seed)


def _known(values: Tensor | None, kind: str) -> Tensor:
    if values is None:
        raise must_be("split.kind", "one the data allow", kind, "Try auto.")
    return values.cpu()


def _held_out_in_turn(parts: list[Tensor], *, count: int) -> Folds:
    folds = []
    for held in parts:
        learned = torch.ones(count, dtype=torch.bool)
        learned[held] = False
        folds.append((learned.nonzero()[:, 0], held.sort().values))
    return folds


def _check_groups(groups: Tensor, k: int) -> None:
    there = len(torch.unique(groups))
    if not 2 <= k <= there:
        raise must_be("folds", f"from 2 to {there}, the number of groups", k, error=BadData)
