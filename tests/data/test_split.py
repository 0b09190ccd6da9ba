import numpy as np
import pytest
import torch

from netwright._errors import BadData, BadValue
from netwright.data.dataset import Data, InMemory, InputKind, Target, TargetKind
from netwright.data.split import (
    check_disjoint,
    divide,
    grouped,
    k_fold,
    shuffled,
    stratified,
    stratified_k_fold,
    temporal,
)

SHARES = {"train": 0.7, "val": 0.1, "test": 0.2}


def data_of(count=100, *, target=None, **known):
    target = target or Target(kind=TargetKind.NONE)
    samples = InMemory(torch.arange(float(count))[:, None])
    return Data(name="x", samples=samples, input_kind=InputKind.TABLE, target=target, **known)


def class_target(labels):
    return Target(kind=TargetKind.CLASSES, names=("a", "b"), values=labels)


def assert_partition(splits, count):
    everything = torch.cat(list(splits.values()))
    assert torch.equal(everything.sort().values, torch.arange(count))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [10, 97, 1000])
def test_stratified_is_exact(count, seed):
    random = np.random.default_rng(seed)
    weights = np.array([0.5, 0.3, 0.15, 0.05])
    labels = torch.from_numpy(random.choice(4, size=count, p=weights))
    splits = stratified(labels, fractions=SHARES, seed=seed)
    assert_partition(splits, count)
    members = labels.bincount(minlength=4)
    for name in ("val", "test"):
        assert len(splits[name]) == round(count * SHARES[name])
    test = labels[splits["test"]].bincount(minlength=4)
    singles = (members == 1).sum().item()  # they stay in train, the others make up for them
    assert ((test - members * 0.2).abs() < 1 + singles).all()
    val = labels[splits["val"]].bincount(minlength=4)
    assert ((val - members * 0.1).abs() < 2 + singles).all()


def test_stratified_proportions_are_those_of_sklearn():
    from sklearn.model_selection import StratifiedShuffleSplit

    labels = torch.from_numpy(np.random.default_rng(0).choice(7, size=503))
    ours = stratified(labels, fractions={"train": 0.8, "test": 0.2}, seed=0)["test"]
    _, theirs = next(
        StratifiedShuffleSplit(1, test_size=len(ours), random_state=0).split(labels, labels)
    )
    assert (labels[ours].bincount() - labels[theirs].bincount()).abs().max() <= 1


def test_every_example_is_as_likely_to_be_held_out():
    labels = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])
    held = torch.zeros(8)
    for seed in range(400):
        held[stratified(labels, fractions={"train": 0.75, "test": 0.25}, seed=seed)["test"]] += 1
    # 400 draws at 0.25: standard deviation 8.7
    assert (held - 100).abs().max() < 45


def test_single_example_of_a_class_stays_in_train():
    labels = torch.tensor([0] * 20 + [1])
    for seed in range(20):
        splits = stratified(labels, fractions={"train": 0.5, "test": 0.5}, seed=seed)
        assert 20 in splits["train"]


def test_classes_that_would_leave_train_are_named():
    labels = torch.tensor([0] * 50 + [1] * 2)

    def cut_often():
        for seed in range(20):
            stratified(labels, fractions={"train": 0.1, "test": 0.9}, seed=seed)

    with pytest.raises(BadData, match=r"got classes 1 wholly"):
        cut_often()


def test_rare_labels_are_shared_out_evenly():
    random = np.random.default_rng(3)
    odds = np.array([0.5, 0.3, 0.1, 0.03, 0.012])
    labels = torch.from_numpy((random.random((1000, 5)) < odds).astype(np.float32))
    splits = stratified(labels, fractions={"train": 0.8, "test": 0.2}, seed=0)
    assert_partition(splits, 1000)
    off = (labels[splits["test"]].sum(0) - labels.sum(0) * 0.2).abs()
    assert off[4] < 1  # the rarest exactly
    assert off[3] < 2
    # the common ones are far closer than chance (sd 8.9 for odds 0.5)
    assert off.max() < 5


def test_validation_share_leaves_the_test_split_alone():
    labels = torch.arange(200) % 3
    for cut in (
        lambda shares: stratified(labels, fractions=shares, seed=0),
        lambda shares: shuffled(200, fractions=shares, seed=0),
    ):
        assert torch.equal(cut(SHARES)["test"], cut({"train": 0.8, "test": 0.2})["test"])


def test_shuffled_has_exact_sizes_and_follows_the_seed():
    splits = shuffled(1003, fractions=SHARES, seed=0)
    assert_partition(splits, 1003)
    assert {name: len(index) for name, index in splits.items()} == {
        "train": 702,
        "val": 100,
        "test": 201,
    }
    assert not torch.equal(splits["test"], shuffled(1003, fractions=SHARES, seed=1)["test"])


@pytest.mark.parametrize("seed", range(10))
def test_groups_are_whole_and_shares_are_met_within_a_group(seed):
    groups = torch.from_numpy(np.random.default_rng(seed).integers(0, 60, 1000)) * 7 - 100
    splits = grouped(groups, fractions=SHARES, seed=seed)
    assert_partition(splits, 1000)
    check_disjoint(splits, groups)
    largest = groups.unique(return_counts=True)[1].max()
    for name, index in splits.items():
        assert abs(len(index) - 1000 * SHARES[name]) <= 2 * largest


def test_every_split_gets_a_group():
    groups = torch.tensor([0] * 10 + [1] * 10 + [2] * 10)
    splits = grouped(groups, fractions=SHARES, seed=0)
    assert all(len(index) == 10 for index in splits.values())
    with pytest.raises(BadData, match="groups must be at least 3"):
        grouped(groups[:20], fractions=SHARES, seed=0)


def test_later_is_held_out():
    times = torch.from_numpy(np.random.default_rng(0).permutation(100).astype(float))
    splits = temporal(times, fractions=SHARES)
    assert_partition(splits, 100)
    assert times[splits["train"]].max() == 69
    assert times[splits["val"]].min() == 70
    assert times[splits["test"]].min() == 80


def test_one_instant_is_not_divided():
    times = torch.tensor([1.0] * 6 + [2.0] * 7 + [3.0] * 7).double()
    splits = temporal(times, fractions={"train": 0.5, "test": 0.5})
    assert times[splits["train"]].max() < times[splits["test"]].min()
    assert len(splits["train"]) == 13 or len(splits["train"]) == 6
    with pytest.raises(BadData, match="different values"):
        temporal(torch.ones(10), fractions=SHARES)
    with pytest.raises(BadData, match="Missing at 3"):
        temporal(torch.tensor([0.0, 1, 2, float("nan")]), fractions=SHARES)


def test_boundaries_leave_each_split_an_instant():
    late = torch.tensor([0.0] * 97 + [1, 2, 3])
    assert [len(index) for index in temporal(late, fractions=SHARES).values()] == [97, 1, 2]
    early = torch.tensor([0.0] * 3 + [1] + [2] * 96)
    assert [len(index) for index in temporal(early, fractions=SHARES).values()] == [3, 1, 96]


@pytest.mark.parametrize(("count", "k"), [(10, 2), (11, 3), (7, 7)])
def test_folds_hold_each_example_out_once(count, k):
    folds = k_fold(count, k, seed=0)
    assert len(folds) == k
    assert torch.equal(torch.cat([held for _, held in folds]).sort().values, torch.arange(count))
    for learned, held in folds:
        assert_partition({"a": learned, "b": held}, count)
        assert count // k <= len(held) <= -(-count // k)


def test_stratified_folds_hold_each_class_within_one():
    labels = torch.from_numpy(np.random.default_rng(0).choice(3, size=100, p=[0.7, 0.2, 0.1]))
    for _, held in stratified_k_fold(labels, 7, seed=0):
        assert len(held) in (14, 15)
        assert ((labels[held].bincount(minlength=3) - labels.bincount() / 7).abs() < 1).all()


@pytest.mark.parametrize("k", [1, 11])
def test_impossible_folds_are_refused(k):
    with pytest.raises(BadValue, match="k must be from 2 to 10"):
        k_fold(10, k, seed=0)


def test_auto_follows_what_is_known():
    labels = torch.arange(100) % 2
    groups = torch.arange(100) // 5
    times = torch.arange(100).double()
    by_class = divide(data_of(target=class_target(labels)))
    assert labels[by_class["test"]].bincount().tolist() == [10, 10]
    by_group = divide(data_of(target=class_target(labels), groups=groups))
    check_disjoint(by_group, groups)
    by_time = divide(data_of(target=class_target(labels), times=times))
    assert by_time["test"].tolist() == list(range(80, 100))
    at_random = divide(data_of())
    assert [len(index) for index in at_random.values()] == [70, 10, 20]


def test_named_kind_overrules_and_needs_its_facts():
    times = torch.arange(100).double()
    assert divide(data_of(times=times), kind="shuffled")["test"].tolist() != list(range(80, 100))
    for kind in ("temporal", "grouped", "stratified"):
        with pytest.raises(BadValue, match="split must be one the data allow"):
            divide(data_of(), kind=kind)
    with pytest.raises(BadValue, match="stratified"):
        divide(data_of(), kind="stratify")


def test_given_splits_are_kept_and_a_missing_val_is_cut_from_train():
    labels = torch.arange(100) % 2
    given = {"train": torch.arange(20, 100), "test": torch.arange(20)}
    splits = divide(data_of(target=class_target(labels), splits=given))
    assert torch.equal(splits["test"], given["test"])
    assert len(splits["val"]) == 8
    assert labels[splits["val"]].bincount().tolist() == [4, 4]
    assert_partition(splits, 100)
    with_val = {**given, "val": torch.arange(20, 30), "train": torch.arange(30, 100)}
    kept = divide(data_of(splits=with_val))
    assert {name: kept[name].tolist() for name in kept} == {
        name: with_val[name].tolist() for name in with_val
    }


def test_no_test_split_is_made_up_where_splits_were_given():
    given = {"train": torch.arange(80), "val": torch.arange(80, 100)}
    assert set(divide(data_of(splits=given))) == {"train", "val"}


def test_nothing_but_train_is_one_piece():
    splits = divide(data_of(splits={"train": torch.arange(50)}))
    assert [len(splits[name]) for name in ("train", "val", "test")] == [35, 5, 10]
    assert max(index.max() for index in splits.values()) < 50


def test_no_share_no_split():
    assert set(divide(data_of(), val=0, test=0)) == {"train"}
    assert set(divide(data_of(), val=0)) == {"train", "test"}
    with pytest.raises(BadValue, match="val \\+ test"):
        divide(data_of(), val=0.5, test=0.5)


def test_leaks_between_given_splits_are_errors():
    with pytest.raises(BadData, match=r"train, val\): example 4, 5"):
        divide(data_of(splits={"train": torch.arange(6), "val": torch.arange(4, 9)}))
    with pytest.raises(BadData, match="group 1"):
        divide(
            data_of(
                groups=torch.arange(100) // 10,
                splits={"train": torch.arange(15), "test": torch.arange(15, 100)},
            )
        )
    with pytest.raises(BadData, match="got 100"):
        divide(data_of(splits={"train": torch.arange(101)}))
    with pytest.raises(BadData, match="one named train"):
        divide(data_of(splits={"test": torch.arange(10)}))


def test_check_disjoint_finds_repeats_negatives_and_emptiness():
    check_disjoint({"a": torch.tensor([0, 2]), "b": torch.tensor([1])})
    with pytest.raises(BadData, match="twice in one"):
        check_disjoint({"a": torch.tensor([0, 0])})
    with pytest.raises(BadData, match="got -1"):
        check_disjoint({"a": torch.tensor([-1])})
    with pytest.raises(BadData, match="at least one"):
        check_disjoint({"a": torch.tensor([], dtype=torch.int64)})


def test_too_few_examples_are_refused():
    with pytest.raises(BadData, match="at least one for each of train, val, test"):
        shuffled(2, fractions=SHARES, seed=0)


@pytest.mark.parametrize("seed", range(8))
def test_a_rare_class_is_in_every_split_that_has_room(seed):
    labels = torch.cat([torch.zeros(396), torch.ones(4)]).long()
    for count in (4, 3):
        found = stratified(labels[: 396 + count], fractions=SHARES, seed=seed)
        assert [int(labels[index].sum()) for index in found.values()] == [count - 2, 1, 1]
    crowded = torch.arange(50).repeat_interleave(4)
    sizes = {name: len(index) for name, index in
             stratified(crowded, fractions=SHARES, seed=seed).items()}  # fmt: skip
    assert sizes == {"train": 140, "val": 20, "test": 40}


def test_classes_that_were_not_learned():
    labels = torch.tensor([0, 0, 1, 1, 0, 1])
    given = {"train": torch.tensor([0, 1]), "test": torch.tensor([2, 3, 4, 5])}
    with pytest.raises(BadData, match=r"in the train split.*got b only in test"):
        divide(data_of(6, target=class_target(labels), splits=given), val=0)
    with pytest.raises(BadData, match="one class only: a"):
        divide(data_of(6, target=class_target(labels * 0)))


def test_too_few_to_stratify():
    with pytest.raises(BadData, match=r"two examples or more.*got examples=.3 of 5"):
        stratified(torch.tensor([0, 1, 2, 2, 2]), fractions={"train": 0.2, "test": 0.8}, seed=0)
