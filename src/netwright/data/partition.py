"""The ways of cutting a set in parts; each returns places from 0 to n−1."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from netwright._errors import BadData, must_be, offenders
from netwright._random import derive, generator

__all__ = [
    "Fractions",
    "grouped",
    "k_fold",
    "nearest_changes",
    "shuffled",
    "stratified",
    "stratified_k_fold",
    "temporal",
]

Fractions = Mapping[str, float]
"""Name of a split → its share of the examples."""


def shuffled(count: int, *, fractions: Fractions, seed: int) -> dict[str, Tensor]:
    """Split at random, every example alike."""
    sizes = _sizes(count, fractions)
    return _deal(torch.randperm(count, generator=generator(seed, "split")), sizes)


def stratified(
    labels: Shaped[Tensor, "n *k"], *, fractions: Fractions, seed: int
) -> dict[str, Tensor]:
    """Split so that every class has the same share of every split.

    Each split takes its examples at even distances from the examples sorted by class, shuffled
    within a class. So its size is exact, each class is within one example of its share, and each
    example is as likely as any other of its class. Several labels per example are sorted by the
    rarest label first, then the next: the rarest are exact, the common ones nearly so.
    A class with a single example can't be divided: it stays in the first split. Any other is in
    every split that has room, at the cost of the classes that have more than their share there.

    Args:
        labels: (n,) class of each example, or (n, k) zeros and ones.
        fractions: the share of each split, the first being what remains.
        seed: of the choice within a class.

    Raises:
        BadData: the first split would be without a class.
    """
    if labels.is_floating_point() and bool(labels.isnan().any()):
        raise must_be("labels", "without NaN to stratify by", "NaN", error=BadData)
    sizes = _sizes(len(labels), fractions)
    first, *others = sizes
    rest = torch.arange(len(labels))
    splits: dict[str, Tensor] = {}
    # the last split is cut first: how much is kept for validation leaves the test split as it is
    for name in reversed(others):
        chosen = _evenly(labels[rest], sizes[name], seed=derive(seed, "split", name))
        splits[name], rest = rest[chosen], rest[~chosen]
    _check_all_classes(labels, rest, first)
    return {first: rest, **{name: splits[name] for name in others}}


def grouped(groups: Int[Tensor, "n"], *, fractions: Fractions, seed: int) -> dict[str, Tensor]:
    """Split whole groups (patients, speakers, sessions): none is in two splits.

    Groups are dealt in random order, each to the split that lacks most; a split misses its share by
    less than the largest groups.

    Raises:
        BadData: fewer groups than splits.
    """
    sizes = _sizes(len(groups), fractions)
    _, place, members = torch.unique(groups, return_inverse=True, return_counts=True)
    if len(members) < len(sizes):
        raise must_be(
            "groups",
            f"at least {len(sizes)}, one for each of {', '.join(sizes)}",
            len(members),
            "Ask for fewer splits, or divide without groups.",
            error=BadData,
        )
    dealing = torch.randperm(len(members), generator=generator(seed, "groups")).tolist()
    split_of_group = torch.tensor(_deal_groups(members.tolist(), dealing, list(sizes.values())))
    split_of = split_of_group[place]
    return {name: (split_of == number).nonzero()[:, 0] for number, name in enumerate(sizes)}


def temporal(times: Float[Tensor, "n"], *, fractions: Fractions) -> dict[str, Tensor]:
    """Split by time: each split is later than the one before it.

    Examples of one instant stay together, so a boundary moves to the nearest change of time.

    Raises:
        BadData: NaN among the times, or too few different times.
    """
    missing = times.isnan().nonzero()[:, 0].tolist()
    if missing:
        raise must_be("times", "known for every example", float("nan"), _at(missing), error=BadData)
    sizes = _sizes(len(times), fractions)
    sequence = torch.argsort(times, stable=True)
    ordered = times[sequence]
    changes = ((ordered[1:] != ordered[:-1]).nonzero()[:, 0] + 1).tolist()
    if len(changes) < len(sizes) - 1:
        raise must_be(
            "times",
            f"of at least {len(sizes)} different values, one for each of {', '.join(sizes)}",
            len(changes) + 1,
            "Divide by another kind, or ask for fewer splits.",
            error=BadData,
        )
    bounds = [0, *nearest_changes(changes, list(sizes.values())), len(times)]
    return {
        name: sequence[start:stop]
        for name, start, stop in zip(sizes, bounds[:-1], bounds[1:], strict=True)
    }


def k_fold(count: int, k: int, *, seed: int) -> list[tuple[Tensor, Tensor]]:
    """The k ways of holding one part out: (what is learned from, what is held out).

    k = count leaves one out at a time.
    """
    _check_folds(count, k)
    return _folds(torch.randperm(count, generator=generator(seed, "folds")), k)


def stratified_k_fold(
    labels: Shaped[Tensor, "n *k"], k: int, *, seed: int
) -> list[tuple[Tensor, Tensor]]:
    """As `k_fold`, every fold holding each class within one example of its share."""
    _check_folds(len(labels), k)
    return _folds(_by_class(labels, generator(seed, "folds")), k)


def _sizes(count: int, fractions: Fractions) -> dict[str, int]:
    """Whole numbers of examples; every split but the first is rounded and gets at least one."""
    first, *others = fractions
    if any(share <= 0 for share in fractions.values()) or abs(sum(fractions.values()) - 1) > 1e-6:
        raise must_be("fractions", "positive and 1 in sum", dict(fractions))
    sizes = {name: max(1, round(count * fractions[name])) for name in others}
    left = count - sum(sizes.values())
    if left < 1:
        raise must_be(
            "samples", f"at least one for each of {', '.join(fractions)}", count, error=BadData
        )
    return {first: left, **sizes}


def _deal(sequence: Tensor, sizes: Mapping[str, int]) -> dict[str, Tensor]:
    names = list(sizes)[::-1]  # from the last, so that a larger val leaves the test split alone
    parts = torch.split(sequence, [sizes[name] for name in names])
    dealt = dict(zip(names, parts, strict=True))
    return {name: dealt[name].sort().values for name in sizes}


def _by_class(labels: Tensor, random: torch.Generator) -> Tensor:
    """Places sorted by class, or by the rarest label and then the next; in random order within."""
    sequence = torch.randperm(len(labels), generator=random)
    columns = labels[:, None] if labels.dim() == 1 else labels[:, labels.sum(0).argsort()]
    for column in reversed(columns.unbind(1)):
        sequence = sequence[torch.argsort(column[sequence], stable=True)]
    return sequence


def _evenly(labels: Tensor, size: int, *, seed: int) -> Tensor:
    """Mask of `size` examples at even distances among those sorted by class."""
    random = generator(seed)
    sequence = _by_class(labels, random)
    sequence = sequence[~_only_ones(labels)[sequence]]
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    if size > len(sequence):
        raise must_be(
            "examples",
            f"enough to hold out {size} from classes with two examples or more",
            f"{len(sequence)} of {len(labels)}",
            "Add examples, or divide otherwise: --set split.kind=shuffled.",
            error=BadData,
        )
    start = torch.randint(len(sequence), (), generator=random)
    steps = (torch.arange(len(sequence) + 1) * size + start) // len(sequence)
    chosen[sequence[steps[1:] > steps[:-1]]] = True
    return _with_rare(chosen, labels, sequence) if labels.dim() == 1 else chosen


def _with_rare(chosen: Tensor, labels: Tensor, sequence: Tensor) -> Tensor:
    """Exchange for an example of each class that is without one."""
    _, place, members = torch.unique(labels[sequence], return_inverse=True, return_counts=True)
    there = chosen[sequence]
    share = members * (float(there.sum()) / len(sequence))
    held = place[there].bincount(minlength=len(members))
    for lacking in (held == 0).nonzero()[:, 0].tolist():
        surplus = torch.where(held > 1, held - share, -torch.inf)
        richest = int(surplus.argmax())
        if not surplus[richest] > 0:
            break
        there[((place == richest) & there).nonzero()[0, 0]] = False
        there[(place == lacking).nonzero()[0, 0]] = True
        held[richest] -= 1
        held[lacking] += 1
    chosen = torch.zeros_like(chosen)
    chosen[sequence[there]] = True
    return chosen


def _only_ones(labels: Tensor) -> Tensor:
    """Which examples are the only one of their class, or of one of their labels."""
    if labels.dim() == 1:
        _, place, members = torch.unique(labels, return_inverse=True, return_counts=True)
        return torch.eq(members[place], 1)
    return torch.any(labels[:, labels.sum(0) == 1] > 0, 1)


def _check_all_classes(labels: Tensor, rest: Tensor, first: str) -> None:
    if labels.dim() == 1:
        lost = set(torch.unique(labels).tolist()) - set(torch.unique(labels[rest]).tolist())
    else:
        lost = set(((labels.sum(0) > 0) & (labels[rest].sum(0) == 0)).nonzero()[:, 0].tolist())
    if lost:
        raise BadData(
            f"every class must have examples enough for {first} to hold one, got classes "
            f"{offenders(sorted(lost))} wholly in the other splits. Hold out a smaller share."
        )


def _deal_groups(members: list[int], dealing: list[int], sizes: list[int]) -> list[int]:
    lacking = list(sizes)
    dealt_to = [0] * len(members)
    taken: list[list[int]] = [[] for _ in sizes]
    for group in dealing:
        neediest = max(range(len(sizes)), key=lacking.__getitem__)
        taken[neediest].append(group)
        lacking[neediest] -= members[group]
    for empty in [number for number, groups in enumerate(taken) if not groups]:
        richest = max(range(len(sizes)), key=lambda number: len(taken[number]))
        smallest = min(taken[richest], key=members.__getitem__)
        taken[richest].remove(smallest)
        taken[empty].append(smallest)
    for number, groups in enumerate(taken):
        for group in groups:
            dealt_to[group] = number
    return dealt_to


def nearest_changes(changes: list[int], sizes: list[int]) -> list[int]:
    """One change of time for each boundary, increasing, each as near to its place as can be.

    Args:
        changes: places where the time changes, increasing.
        sizes: wanted of the stretches.
    """
    chosen: list[int] = []
    first = 0
    for boundary in range(len(sizes) - 1):
        wanted = sum(sizes[: boundary + 1])
        still_needed = len(sizes) - 2 - boundary
        at = min(
            range(first, len(changes) - still_needed), key=lambda at: abs(changes[at] - wanted)
        )
        chosen.append(changes[at])
        first = at + 1
    return chosen


def _folds(sequence: Tensor, k: int) -> list[tuple[Tensor, Tensor]]:
    fold_of = torch.empty_like(sequence)
    fold_of[sequence] = torch.arange(len(sequence)) % k
    return [
        ((fold_of != fold).nonzero()[:, 0], (fold_of == fold).nonzero()[:, 0]) for fold in range(k)
    ]


def _check_folds(count: int, k: int) -> None:
    if not 2 <= k <= count:
        raise must_be("k", f"from 2 to {count}, the number of examples", k)


def _at(places: list[int]) -> str:
    return f"Missing at {offenders(places)}."
