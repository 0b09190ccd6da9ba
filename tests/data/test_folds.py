from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, TimeSeriesSplit

from netwright._errors import BadData, BadValue
from netwright._random import derive
from netwright.data.dataset import Data, InMemory, InputKind, Target, TargetKind
from netwright.data.folds import (
    FoldOf,
    fold_of,
    grouped_k_fold,
    leave_one_out_count,
    rolling_origin,
    spaced,
    stratified_grouped_k_fold,
)
from netwright.data.split import divide

GROUPS = torch.arange(30).repeat_interleave(torch.arange(30) % 5 + 1)
LABELS = torch.tensor([0, 0, 1, 2, 1, 0, 0, 2, 0]).repeat(10)


def data_of(count=90, *, labels=None, **known):
    values = torch.arange(count) % 3 if labels is None else labels
    return Data(
        name="made",
        samples=InMemory(torch.zeros(count, 1)),
        input_kind=InputKind.TENSOR,
        target=Target(kind=TargetKind.CLASSES, names=("a", "b", "c"), values=values),
        **known,
    )


def all_folds(data, *, kind, of, among=None, repeat=1, gap=0.0):
    among = torch.arange(len(data)) if among is None else among
    return [
        fold_of(
            data, among, kind=kind, fold=FoldOf(number=n, of=of, repeat=repeat), seed=3, gap=gap
        )
        for n in range(1, of + 1)
    ]


def assert_each_once(folds, count):
    assert torch.cat([held for _, held in folds]).sort().values.tolist() == list(range(count))
    for learned, held in folds:
        assert torch.cat([learned, held]).sort().values.tolist() == list(range(count))


@pytest.mark.parametrize("kind", ["shuffled", "stratified", "grouped"])
@pytest.mark.parametrize("of", [2, 5, 7])
def test_every_example_is_held_out_once(kind, of):
    groups = torch.arange(90) // 4
    assert_each_once(all_folds(data_of(groups=groups, labels=LABELS), kind=kind, of=of), 90)


@pytest.mark.parametrize("of", [2, 4, 7])
def test_classes_are_within_one_of_their_share(of):
    for _, held in all_folds(data_of(labels=LABELS), kind="stratified", of=of):
        counts = torch.bincount(LABELS[held], minlength=3)
        shares = torch.bincount(LABELS) / of
        assert ((counts - shares).abs() < 1).all()


@pytest.mark.parametrize("k", [2, 5, 30])
def test_groups_stay_whole_and_folds_are_even(k):
    folds = grouped_k_fold(GROUPS, k, seed=1)
    assert_each_once(folds, len(GROUPS))
    for learned, held in folds:
        assert not set(GROUPS[learned].tolist()) & set(GROUPS[held].tolist())
    theirs = [len(t) for _, t in GroupKFold(k).split(GROUPS, groups=GROUPS)]
    ours = [len(held) for _, held in folds]
    largest = int(GROUPS.bincount().max())
    assert max(ours) - min(ours) <= max(theirs) - min(theirs) + largest


def test_grouped_classes_are_sklearns_folds():
    labels = GROUPS % 3
    ours = stratified_grouped_k_fold(labels, GROUPS, k=4, seed=7)
    splitter = StratifiedGroupKFold(4, shuffle=True, random_state=derive(7, "folds") % 2**32)
    theirs = list(splitter.split(labels.numpy(), labels.numpy(), GROUPS.numpy()))
    for (learned, held), (train, test) in zip(ours, theirs, strict=True):
        assert learned.tolist() == train.tolist()
        assert held.tolist() == test.tolist()
        assert not set(GROUPS[learned].tolist()) & set(GROUPS[held].tolist())


def test_uneven_groups_that_leave_a_fold_empty_are_refused():
    groups = torch.tensor([0] * 50 + [1, 2, 3])
    with pytest.raises(BadData, match="from 2 to 4, the number of groups"):
        grouped_k_fold(groups, 5, seed=0)


@pytest.mark.parametrize(("count", "k", "gap"), [(50, 4, 0), (53, 5, 0), (53, 5, 3), (12, 2, 1)])
def test_a_rolling_origin_is_sklearns_on_even_times(count, k, gap):
    order = torch.randperm(count)
    times = torch.empty(count)
    times[order] = torch.arange(count, dtype=torch.float32)
    theirs = TimeSeriesSplit(k, gap=gap).split(np.arange(count))
    for (learned, held), (train, test) in zip(
        rolling_origin(times, k, gap=gap), theirs, strict=True
    ):
        assert learned.tolist() == order[train].tolist()
        assert held.tolist() == order[test].tolist()


@pytest.mark.parametrize("seed", range(5))
def test_time_never_looks_ahead(seed):
    times = torch.randint(0, 40, (200,), generator=torch.Generator().manual_seed(seed)).float()
    folds = rolling_origin(times, 6, gap=2.5)
    ends = []
    for learned, held in folds:
        assert times[learned].max() < times[held].min() - 2.5
        ends += [float(times[held].min()), float(times[held].max())]
    assert ends == sorted(ends)
    assert len(set(ends[1:-1:2]) & set(ends[2::2])) == 0  # no instant is divided


@pytest.mark.parametrize(("k", "gap"), [(40, 0.0), (1, 0.0)])
def test_impossible_origins_are_refused(k, gap):
    with pytest.raises(BadData, match="folds must be from 2 to 9"):
        rolling_origin(torch.arange(10.0), k, gap=gap)
    with pytest.raises(BadValue, match="gap must be short enough"):
        rolling_origin(torch.arange(10.0), 3, gap=20.0)
    with pytest.raises(BadData, match="times must be known"):
        rolling_origin(torch.tensor([1.0, float("nan"), 2.0]), 2)


def test_repeats_cut_anew_and_time_has_none():
    first, second = (all_folds(data_of(), kind="stratified", of=3, repeat=r) for r in (1, 2))
    assert first[0][1].tolist() != second[0][1].tolist()
    with pytest.raises(BadValue, match=r"fold.repeat must be 1"):
        all_folds(data_of(times=torch.arange(90.0)), kind="temporal", of=3, repeat=2)


def test_leaving_one_out_leaves_one_example_or_group():
    data, everything = data_of(groups=torch.arange(90) // 9), torch.arange(90)
    assert leave_one_out_count(data, everything, kind="stratified") == 90
    assert leave_one_out_count(data, everything, kind="grouped") == 10
    with pytest.raises(BadValue, match="folds must be a number"):
        leave_one_out_count(data, everything, kind="temporal")
    for _, held in all_folds(data, kind="grouped", of=10):
        assert len(set((held // 9).tolist())) == 1
    for _, held in all_folds(data, kind="stratified", of=90):
        assert len(held) == 1


def test_a_fold_is_the_test_split_and_val_is_cut_from_the_rest():
    data = data_of()
    held = []
    for number in range(1, 4):
        splits = divide(data, val=0.2, test=0.0, fold=FoldOf(number=number, of=3))
        assert {name: len(index) for name, index in splits.items()} == {
            "train": 48,
            "val": 12,
            "test": 30,
        }
        held.append(splits["test"])
    assert torch.cat(held).sort().values.tolist() == list(range(90))


def test_what_is_held_back_is_in_no_fold():
    data = data_of()
    kept = set(divide(data, test=0.2)["test"].tolist())
    seen = set()
    for number in range(1, 4):
        splits = divide(data, test=0.2, fold=FoldOf(number=number, of=3))
        seen |= {place for index in splits.values() for place in index.tolist()}
    assert len(kept) == 18
    assert seen == set(range(90)) - kept


def test_a_given_test_split_is_left_alone():
    given = {"train": torch.arange(60), "test": torch.arange(60, 90)}
    splits = divide(data_of(splits=given), test=0.0, fold=FoldOf(number=1, of=3))
    assert len(splits["test"]) == 20
    assert max(int(index.max()) for index in splits.values()) < 60


@pytest.mark.parametrize("fold", [None, FoldOf(number=2, of=3)])
def test_a_gap_keeps_the_parts_apart(fold):
    times = torch.randperm(90).double()
    data = data_of(times=times)
    splits = divide(data, val=0.1, test=0.0 if fold else 0.2, calibration=0.1, gap=2.0, fold=fold)
    assert list(splits) == ["train", "val", "calibration", "test"]
    ordered = [times[index] for index in splits.values()]
    for before, after in pairwise(ordered):
        assert before.max() < after.min() - 2
    with pytest.raises(BadValue, match=r"split.gap must be 0 for a stratified"):
        divide(data, kind="stratified", gap=4.0)


def test_a_gap_that_swallows_a_part_is_refused():
    splits = {"train": torch.arange(5), "test": torch.arange(5, 10)}
    with pytest.raises(BadValue, match="leave the train split something"):
        spaced(splits, torch.arange(10.0), gap=7)


def test_calibration_leaves_the_test_split_alone():
    data = data_of()
    plain, cut = divide(data), divide(data, calibration=0.2)
    assert cut["test"].tolist() == plain["test"].tolist()
    assert len(cut["calibration"]) == 18


def test_a_class_that_only_the_fold_holds_is_named():
    labels = torch.tensor([2] + [0, 1] * 10)
    data = data_of(21, labels=labels)
    refused = []
    for number in range(1, 22):
        try:
            divide(data, val=0.0, test=0.0, fold=FoldOf(number=number, of=21))
        except BadData as error:
            refused.append(str(error))
    assert len(refused) == 1
    assert "c only in test" in refused[0]


@pytest.mark.parametrize("number", [0, 4])
def test_a_fold_that_is_not_there_is_refused(number):
    with pytest.raises(BadValue, match=r"fold.number must be from 1 to 3"):
        divide(data_of(), fold=FoldOf(number=number, of=3))
