"""The policy gradient against the exact gradient of the expected score, by enumeration."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from netwright._errors import BadValue
from netwright.tune.cell_space import CellSpace
from netwright.tune.controller import Controller, surrogate
from netwright.tune.policy import RecurrentPolicy

CHOICES = (3, 2, 3)
ALL = list(itertools.product(*map(range, CHOICES)))


def scores():
    draw = torch.Generator().manual_seed(5)
    return {one: float(value) for one, value in zip(ALL, torch.rand(18, generator=draw))}  # noqa: B905


def policy():
    made = RecurrentPolicy(CHOICES, hidden=4, generator=torch.Generator().manual_seed(0)).double()
    for parameter in made.parameters():
        parameter.data.mul_(12)  # away from uniform
    return made


def by_hand(made, indices):
    """The probability of choices, with the LSTM's equations written out."""
    state = made.state_dict()
    hidden = torch.zeros(4, dtype=torch.float64)
    memory, inputs, probability = hidden, state["start"][0], 1.0
    for place, index in enumerate(indices):
        gates = (
            state["cell.weight_ih"] @ inputs
            + state["cell.bias_ih"]
            + state["cell.weight_hh"] @ hidden
            + state["cell.bias_hh"]
        )
        enter, forget, new, out = gates.split(4)
        memory = forget.sigmoid() * memory + enter.sigmoid() * new.tanh()
        hidden = out.sigmoid() * memory.tanh()
        logits = state[f"heads.{place}.weight"] @ hidden + state[f"heads.{place}.bias"]
        probability *= float(logits.exp()[index] / logits.exp().sum())
        inputs = state[f"embeddings.{place}.weight"][index]
    return probability


def gradient(made, value):
    """Of a number, in the parameters, as one vector; the last embedding is never used."""
    found = torch.autograd.grad(value, list(made.parameters()), allow_unused=True)
    return torch.cat([
        torch.zeros_like(one).flatten() if grad is None else grad.flatten()
        for one, grad in zip(made.parameters(), found, strict=True)
    ])  # fmt: skip


def test_probabilities_are_those_written_out():
    made = policy()
    for indices in ALL:
        got = float(made.log_probability(indices).detach().exp())
        assert got == pytest.approx(by_hand(made, indices), rel=1e-12)
    assert sum(by_hand(made, one) for one in ALL) == pytest.approx(1)


def test_draws_follow_the_probabilities():
    from scipy import stats

    made, draw = policy(), torch.Generator().manual_seed(1)
    count = 2000
    seen = dict.fromkeys(ALL, 0)
    for _ in range(count):
        seen[made.sample(draw)] += 1
    expected = [count * by_hand(made, one) for one in ALL]
    assert stats.chisquare(list(seen.values()), expected).pvalue > 0.01


@pytest.mark.parametrize("baseline", [0.0, 0.4, -3.0])
def test_the_mean_gradient_is_that_of_the_expected_score(baseline):
    """Value and gradient, over all that can be drawn; whatever the baseline."""
    made, score = policy(), scores()
    expected = sum(made.log_probability(one).exp() * score[one] for one in ALL)
    exact = gradient(made, expected)
    mean = sum(
        by_hand(made, one)
        * gradient(made, surrogate(made.log_probability(one), score=score[one], baseline=baseline))
        for one in ALL
    )
    torch.testing.assert_close(-mean, exact)
    assert float(expected.detach()) == pytest.approx(
        sum(by_hand(made, one) * score[one] for one in ALL)
    )
    assert exact.norm() > 0.01


def test_the_gradient_of_draws_is_unbiased_and_the_baseline_lessens_its_variance():
    made, score = policy(), scores()
    expected = sum(made.log_probability(one).exp() * score[one] for one in ALL)
    exact, draw = gradient(made, expected), torch.Generator().manual_seed(2)
    value = float(expected.detach())
    each = {one: gradient(made, made.log_probability(one)) for one in ALL}
    drawn = [made.sample(draw) for _ in range(2000)]
    spread = {}
    for baseline in (0.0, value):
        found = torch.stack([(score[one] - baseline) * each[one] for one in drawn])
        error = found.std(0) / math.sqrt(len(drawn))
        off = (found.mean(0) - exact).abs() / (error + 1e-12)
        used = error > 1e-9
        assert float((off[used] < 1.96).double().mean()) > 0.85
        assert float(off[used].max()) < 5
        spread[baseline] = float(found.var(0).sum())
    assert spread[value] < 0.6 * spread[0.0]


SPACE = CellSpace(nodes=3, operations=["zero", "skip", "conv-1x1", "conv-3x3"])


def toy(cell):
    """The best is conv-3x3, skip, conv-1x1, and each edge counts by itself."""
    best = ("conv-3x3", "skip", "conv-1x1")
    return sum(one == two for one, two in zip(cell, best, strict=True)) / 3


def test_finds_the_best_of_a_toy_and_keeps_to_it():
    for seed in range(2):
        search = Controller(SPACE, seed=seed)
        asked = []
        for _ in range(250):
            asked.append(search.ask())
            search.tell(asked[-1], toy(asked[-1]))
        assert sum(map(toy, asked[-40:])) / 40 > 0.95
        assert sum(map(toy, asked[:15])) / 15 < 0.6


def test_a_step_goes_towards_what_is_better_than_before():
    """Towards what scored above the mean of the scores before, away from what scored below."""
    cell = ("skip", "conv-1x1", "skip")
    for second, sign in ((0.9, 1.0), (0.1, -1.0)):
        search = Controller(SPACE, seed=0, baseline_decay=0.5)
        search.tell(("skip",) * 3, 0.5)  # the first: it is its own baseline
        before = float(search.policy.log_probability(SPACE.encode(cell)).detach())
        search.tell(cell, second)
        after = float(search.policy.log_probability(SPACE.encode(cell)).detach())
        assert sign * (after - before) > 0.05
        assert search.state_dict()["baseline"] == pytest.approx(0.5 * 0.5 + 0.5 * second)


def test_the_baseline_is_the_moving_mean_of_the_scores_before(monkeypatch):
    """A score is no part of what it is compared with."""
    seen = []

    def watched(log_probability, *, score, baseline):
        seen.append((score, baseline))
        return surrogate(log_probability, score=score, baseline=baseline)

    monkeypatch.setattr("netwright.tune.controller.surrogate", watched)
    search = Controller(SPACE, baseline_decay=0.75)
    for score in (0.4, 0.8, 0.0):
        search.tell(("skip",) * 3, score)
    assert seen == [(0.4, 0.4), (0.8, pytest.approx(0.4)), (0.0, pytest.approx(0.5))]


def test_what_broke_counts_as_the_lowest_so_far():
    search = Controller(SPACE, baseline_decay=0.0)
    search.tell(("skip",) * 3, -math.inf)  # nothing to compare it with
    assert search.state_dict()["baseline"] is None
    for score in (0.7, 0.2, 0.6, -math.inf):
        search.tell(("skip",) * 3, score)
    assert search.state_dict()["baseline"] == pytest.approx(0.2)


def test_only_asks_for_what_passes_a_signal_and_learns_to():
    search = Controller(CellSpace(nodes=3, operations=["zero", "skip"]), seed=0)
    asked = []
    for _ in range(60):
        asked.append(search.ask())
        search.tell(asked[-1], 1.0 if asked[-1][1] == "zero" else 0.0)
    assert all(cell[1] != "zero" or (cell[0], cell[2]) == ("skip", "skip") for cell in asked)


def test_gives_up_where_nothing_can_be_tried():
    class Nothing(CellSpace):
        def allows(self, cell):
            return False

    with pytest.raises(BadValue, match="space"):
        Controller(Nothing(nodes=2)).ask()


@pytest.mark.parametrize(
    "options",
    [{"learning_rate": 0.0}, {"baseline_decay": 1.0}, {"baseline_decay": -0.1}, {"hidden": 0}],
)
def test_refuses_options_out_of_range(options):
    with pytest.raises(BadValue, match=next(iter(options))):
        Controller(SPACE, **options)
