"""Cutting a data set into what is learned from, what is chosen by, and what is judged by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from netwright._errors import BadData, must_be, offenders, unknown
from netwright.data.dataset import ONE_CLASS, Data, TargetKind
from netwright.data.folds import FoldOf, fold_of, spaced
from netwright.data.partition import (
    Fractions,
    grouped,
    k_fold,
    shuffled,
    stratified,
    stratified_k_fold,
    temporal,
)

__all__ = [
    "check_disjoint",
    "chosen_kind",
    "divide",
    "grouped",
    "k_fold",
    "shuffled",
    "stratified",
    "stratified_k_fold",
    "temporal",
]

_STRATIFIED_TARGETS = {*ONE_CLASS, TargetKind.MULTI_LABEL}


def divide(
    data: Data,
    *,
    kind: str = "auto",
    val: float = 0.1,
    test: float = 0.2,
    calibration: float = 0.0,
    seed: int = 0,
    gap: float = 0.0,
    fold: FoldOf | None = None,
) -> dict[str, Tensor]:
    """The splits of a data set: those it came with, and those still to be cut.

    A set in one piece (no splits, or nothing but `train`) is cut into train, val and test. A set
    that came with more keeps what it came with; only a missing `val` is cut, from its train, and no
    test split is made up. Shares are of what is cut: the whole set, or the given train.

    With a fold, the test split is what that fold holds out of the set or of the given train; the
    share `test` is held back from all folds, and so is a test split that the set came with.

    Args:
        data: the set.
        kind: "auto" takes the first that applies: temporal (the set has times), grouped (it has
            groups), stratified (it has classes), shuffled.
        val: share of the validation split; 0 for none.
        test: share of the test split; 0 for none.
        calibration: share of a split that neither learning nor choosing sees; 0 for none.
        seed: of the split itself: runs with other training seeds are judged by the same test split.
        gap: of a temporal split: each part loses what is this long or less before the next one.
        fold: of a cross-validation.

    Raises:
        BadData: splits that came with the set share an example or a group, or the given train lacks
            a class of another, or there is one class only.
    """
    shares = {"val": val, "calibration": calibration, "test": test}
    if min(shares.values()) < 0 or sum(shares.values()) >= 1:
        raise must_be(
            "val + test + calibration", "shares from 0 that leave some to train on", shares
        )
    given = {name: index.long().cpu() for name, index in data.splits.items()}
    check_disjoint(given, data.groups, count=len(data))
    train = given.get("train", torch.arange(len(data)))
    if given and "train" not in given:
        raise must_be("splits", "with one named train", sorted(given), error=BadData)
    _refuse_unlearnable(data, given or {"train": train})
    cut = _Cut(data, kind=chosen_kind(data, kind), seed=seed, gap=gap)
    if fold is not None:
        divided = _with_fold(cut, given, train, shares, fold)
    else:
        if not set(given) <= {"train"}:
            shares["test"] = 0.0
        missing = {name: share for name, share in shares.items() if name not in given}
        divided = given | cut(train, missing)
    check_disjoint(divided, data.groups, count=len(data))
    return divided


@dataclass(frozen=True, kw_only=True)
class _Cut:
    """A way to cut some of a set's examples in parts."""

    data: Data = field(kw_only=False)
    kind: str
    seed: int
    gap: float

    def __post_init__(self) -> None:
        if self.gap < 0 or (self.gap > 0 and self.kind != "temporal"):
            raise must_be("split.gap", f"0 for a {self.kind} split, and never below", self.gap)

    def __call__(self, among: Tensor, shares: Mapping[str, float]) -> dict[str, Tensor]:
        """Parts by name, `train` being the rest."""
        wanted = {name: share for name, share in shares.items() if share > 0}
        if not wanted:
            return {"train": among}
        fractions = {"train": 1 - sum(wanted.values()), **wanted}
        parts = _KINDS[self.kind](self.data, among, fractions, self.seed)
        placed = {name: among[places] for name, places in parts.items()}
        if self.gap > 0:
            return spaced(placed, _known(self.data.times, "times", self.kind), gap=self.gap)
        return placed


def _with_fold(
    cut: _Cut,
    given: Mapping[str, Tensor],
    train: Tensor,
    shares: Mapping[str, float],
    fold: FoldOf,
) -> dict[str, Tensor]:
    """The fold as the test split; what chooses is cut from what is left to learn from."""
    among = train if "test" in given else cut(train, {"test": shares["test"]})["train"]
    learned, held = fold_of(cut.data, among, kind=cut.kind, fold=fold, seed=cut.seed, gap=cut.gap)
    own = {"val", "calibration"} - set(given)
    parts = cut(learned, {name: share for name, share in shares.items() if name in own})
    kept = {name: index for name, index in given.items() if name not in ("train", "test")}
    divided = parts | kept | {"test": held}
    _refuse_unlearnable(cut.data, divided)
    return divided


def check_disjoint(
    splits: Mapping[str, Tensor], groups: Tensor | None = None, *, count: int | None = None
) -> None:
    """Refuse splits that share an example or a group, or that name examples that aren't there.

    Raises:
        BadData: with every offending example or group.
    """
    for name, index in splits.items():
        if len(index) == 0:
            raise BadData(f"the {name} split must hold at least one example, got none.")
        outside = index[(index < 0) | (index >= count)] if count is not None else index[index < 0]
        if len(outside):
            raise BadData(
                f"the {name} split must name examples 0 to {'n' if count is None else count - 1}, "
                f"got {offenders(outside.tolist())}."
            )
    if not splits:
        return
    _refuse_shared("example", splits)
    if groups is not None:
        _refuse_shared(
            "group", {name: torch.unique(groups.cpu()[index]) for name, index in splits.items()}
        )


def _refuse_unlearnable(data: Data, splits: Mapping[str, Tensor]) -> None:
    """Whatever is judged by must be learned from, in one of two classes at the least."""
    target = data.target
    if target.kind not in ONE_CLASS or target.values is None:
        return
    held = {name: set(torch.unique(target.values[at]).tolist()) for name, at in splits.items()}
    train = held.pop("train")
    lost = [
        f"{target.names[code]} only in {name}"
        for name, codes in held.items()
        for code in sorted(codes - train)
    ]
    if lost:
        raise BadData(
            f"every class must have an example in the train split, got {offenders(lost)}. Move "
            "some there, or leave the class out."
        )
    if len(train) < 2:
        raise BadData(
            "target must be of at least two classes, got one class only: "
            f"{offenders(target.names[code] for code in train)}. Add examples of another class; "
            "nothing can be told apart otherwise."
        )


def _refuse_shared(what: str, splits: Mapping[str, Tensor]) -> None:
    names = torch.cat([torch.full((len(index),), at) for at, index in enumerate(splits.values())])
    members = torch.cat(list(splits.values()))
    values, place, times = torch.unique(members, return_inverse=True, return_counts=True)
    shared = (times > 1).nonzero()[:, 0]
    if len(shared) == 0:
        return
    where = list(splits)
    involved = [where[at] for at in torch.unique(names[(times > 1)[place]]).tolist()]
    raise BadData(
        f"each {what} must be in one split only, got {len(shared)} in several or twice in one "
        f"({', '.join(involved)}): {what} {offenders(values[shared].tolist())}. "
        f"What is judged must not have been learned from; leave each in one of them."
    )


def chosen_kind(data: Data, kind: str) -> str:
    """The way to cut that is meant: "auto" takes the first that the data allow."""
    if kind != "auto":
        if kind not in _KINDS:
            raise unknown("split", kind, ["auto", *_KINDS])
        return kind
    if data.times is not None:
        return "temporal"
    if data.groups is not None:
        return "grouped"
    has_classes = data.target.kind in _STRATIFIED_TARGETS and data.target.values is not None
    return "stratified" if has_classes else "shuffled"


def _known(values: Tensor | None, what: str, kind: str) -> Tensor:
    if values is None:
        raise must_be("split", f"one the data allow; {kind} needs {what}", kind, "Try auto.")
    return values.cpu()


def _divide_shuffled(data: Data, train: Tensor, shares: Fractions, seed: int) -> dict[str, Tensor]:
    return shuffled(len(train), fractions=shares, seed=seed)


def _divide_stratified(
    data: Data, train: Tensor, shares: Fractions, seed: int
) -> dict[str, Tensor]:
    labels = _known(data.target.values, "targets", "stratified")
    if data.target.kind not in _STRATIFIED_TARGETS:
        raise must_be("split", "one the data allow; stratified needs classes", data.target.kind)
    return stratified(labels[train], fractions=shares, seed=seed)


def _divide_grouped(data: Data, train: Tensor, shares: Fractions, seed: int) -> dict[str, Tensor]:
    return grouped(_known(data.groups, "groups", "grouped")[train], fractions=shares, seed=seed)


def _divide_temporal(data: Data, train: Tensor, shares: Fractions, seed: int) -> dict[str, Tensor]:
    return temporal(_known(data.times, "times", "temporal")[train], fractions=shares)


_KINDS: dict[str, Callable[[Data, Tensor, Fractions, int], dict[str, Tensor]]] = {
    "temporal": _divide_temporal,
    "grouped": _divide_grouped,
    "stratified": _divide_stratified,
    "shuffled": _divide_shuffled,
}
