"""A search that is carried out: budget, repeats, what breaks, and going on after a kill."""

from __future__ import annotations

import math

import pytest

from netwright._errors import BadValue, DamagedRun
from netwright.tune import study
from netwright.tune.budget import Budget
from netwright.tune.catalogue import CATALOGUE, create
from netwright.tune.cell_space import CellSpace
from netwright.tune.study import conduct, spent
from netwright.tune.trials import Outcome, Trial, best_of, read_trials

SPACE = CellSpace()
SEARCHES = CATALOGUE.names()


class Killed(BaseException):
    """As a signal has it: nothing catches it."""


def outcome(cell):
    """One cell in some breaks."""
    if cell[0] == "zero":
        return Outcome(score=-math.inf, seconds=2.0, broken="NonFinite: it broke")
    return Outcome(score=cell.count("conv-3x3") + cell.count("skip") / 10, seconds=2.0)


def searched(name, folder, *, trials=15, evaluate=outcome, **more):
    search = create(name, SPACE, seed=3)
    return conduct(
        search, SPACE, evaluate=evaluate, budget=Budget(trials=trials), folder=folder, **more
    )


@pytest.mark.parametrize("name", SEARCHES)
def test_the_same_seed_is_the_same_search(name, tmp_path):
    first = searched(name, tmp_path / "first")
    assert searched(name, tmp_path / "again") == first == read_trials(tmp_path / "first")
    assert spent(first) == {"trials": 15, "seconds": 30.0}
    other = conduct(
        create(name, SPACE, seed=4), SPACE, evaluate=outcome, budget=Budget(trials=15),
        folder=tmp_path / "other",
    )  # fmt: skip
    assert [one.candidate for one in other] != [one.candidate for one in first]


@pytest.mark.parametrize("moment", ["training", "telling", "keeping"])
@pytest.mark.parametrize("name", SEARCHES)
def test_a_killed_search_goes_on_as_if_nothing_had_been(name, moment, tmp_path, monkeypatch):
    """Killed at every seventh call of one of three."""
    whole = searched(name, tmp_path / "whole", trials=12)
    calls = 0

    def dying(real):
        def call(*arguments, **keywords):
            nonlocal calls
            calls += 1
            if calls % 7 == 0:
                raise Killed
            return real(*arguments, **keywords)

        return call

    evaluate = dying(outcome) if moment == "training" else outcome
    if moment == "telling":  # of what is recorded
        kind = CATALOGUE.load(name)
        monkeypatch.setattr(kind, "tell", dying(kind.tell))
    if moment == "keeping":  # the state after it was told
        monkeypatch.setattr(study, "_keep", dying(study._keep))
    deaths = 0
    while True:
        try:
            found = searched(name, tmp_path / "killed", trials=12, evaluate=evaluate)
        except Killed:
            deaths += 1
            assert deaths < 20
            continue
        break
    assert deaths >= 1
    assert found == whole == read_trials(tmp_path / "killed")


def test_a_torn_line_is_no_trial(tmp_path):
    whole = searched("evolution", tmp_path / "whole")
    searched("evolution", tmp_path / "torn", trials=8)
    record = tmp_path / "torn" / "events.jsonl"
    record.write_bytes(record.read_bytes()[:-9])
    assert searched("evolution", tmp_path / "torn") == whole


def test_a_lost_state_is_made_again(tmp_path):
    whole = searched("controller", tmp_path / "whole")
    searched("controller", tmp_path / "lost", trials=8)
    (tmp_path / "lost" / study.STATE).unlink()
    assert searched("controller", tmp_path / "lost") == whole


def test_another_searchs_record_is_refused(tmp_path):
    searched("random", tmp_path, trials=4)
    (tmp_path / study.STATE).unlink()
    with pytest.raises(DamagedRun, match="another's"):
        conduct(
            create("random", SPACE, seed=9), SPACE, evaluate=outcome, budget=Budget(trials=9),
            folder=tmp_path,
        )  # fmt: skip


def test_what_was_tried_is_not_trained_again_and_costs_nothing(tmp_path):
    trained, space = [], CellSpace(nodes=3)

    def evaluate(cell):
        trained.append(space.key(cell))
        return outcome(cell)

    trials = conduct(
        create("random", space, seed=0), space, evaluate=evaluate, budget=Budget(trials=20),
        folder=tmp_path,
    )  # fmt: skip
    assert len(trained) == len(set(trained)) == 20
    repeats = [one for one in trials if one.repeats is not None]
    assert repeats
    for one in repeats:
        before = trials[one.repeats - 1]
        assert before.repeats is None
        assert space.key(one.candidate) == space.key(before.candidate)
        assert one.outcome == before.outcome


def test_what_is_known_from_elsewhere_counts_as_if_it_were_trained(tmp_path):
    first = searched("random", tmp_path / "first", trials=6)
    known = {SPACE.key(one.candidate): one.outcome for one in first}

    def never(cell):
        raise AssertionError(cell)

    again = searched("random", tmp_path / "again", trials=6, evaluate=never, known=known)
    assert again == first


def test_it_ends_where_nothing_new_is_left(tmp_path):
    small = CellSpace(nodes=2)  # four cells
    trials = conduct(
        create("random", small, seed=0),
        small,
        evaluate=lambda cell: Outcome(score=len(cell[0]), seconds=1.0),
        budget=Budget(trials=9),
        folder=tmp_path,
    )
    assert spent(trials)["trials"] == 4
    assert len(trials) <= 4 + study.IDLE + 50


def test_seconds_end_it_too(tmp_path):
    trials = conduct(
        create("random", SPACE, seed=0),
        SPACE,
        evaluate=outcome,
        budget=Budget(trials=9, seconds=5.0),
        folder=tmp_path,
    )
    assert spent(trials) == {"trials": 3, "seconds": 6.0}


def test_the_best_is_the_first_of_the_highest_and_never_a_broken_one():
    trials = [
        Trial(number=place, candidate=(), outcome=Outcome(score=score, seconds=0.0))
        for place, score in enumerate([-math.inf, 1.0, 3.0, 3.0], start=1)
    ]
    assert best_of(trials).number == 3
    assert best_of(trials[:1]) is None


@pytest.mark.parametrize("options", [{}, {"trials": 0}, {"seconds": 0.0}, {"seconds": math.nan}])
def test_a_budget_is_something(options):
    with pytest.raises(BadValue, match=r"budget|seconds"):
        Budget(**options)


@pytest.mark.parametrize("name", SEARCHES)
def test_options_it_does_not_know_are_refused(name):
    with pytest.raises(BadValue, match="mutants"):
        create(name, SPACE, seed=0, mutants=3)


def test_a_name_it_does_not_know_is_refused():
    with pytest.raises(BadValue, match="evolution"):
        create("evolutoin", SPACE, seed=0)
