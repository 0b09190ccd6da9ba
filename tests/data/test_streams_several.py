import pytest
import torch
from torch import nn

from netwright._errors import BadValue
from netwright.data.dataset import InMemory
from netwright.data.sampler import order
from netwright.data.source import Position, Resume, Source
from netwright.data.streams.in_memory import InMemorySource
from netwright.data.streams.loader import LoaderSource
from netwright.data.streams.several import SeveralSource


def rows(count, *, seed=0):
    return InMemorySource(
        InMemory(torch.arange(float(count))[:, None]),
        None,
        index=torch.arange(count),
        batch_size=2,
        seed=seed,
        preprocess=nn.Identity(),
    )


class Acting(Source):
    """Endless; remembers what it was asked."""

    length = None
    resume = Resume.STATEFUL

    def __init__(self):
        self.asked, self.closed, self.device, self.loaded = [], False, None, None

    def next(self, position, act=None):
        self.asked.append((position, act))
        return rows(2).next(Position(0, 0))

    def to(self, device):
        self.device = device

    def state_dict(self):
        return {"asked": len(self.asked)}

    def load_state_dict(self, state):
        self.loaded = state

    def close(self):
        self.closed = True


def test_the_longest_sets_the_epoch_and_the_shorter_count_their_own():
    source = SeveralSource({"source": rows(10), "target": rows(6, seed=1)})
    assert source.length == 5
    assert source.resume is Resume.EXACT
    long, short = [], []
    for epoch in range(3):
        for step in range(5):
            batch = source.next(Position(epoch, step))
            assert list(batch) == ["source", "target"]
            long.append(batch["source"].index)
            short.append(batch["target"].index)
    for epoch in range(3):
        whole = torch.cat(long[epoch * 5 : epoch * 5 + 5])
        assert torch.equal(whole, order(10, seed=0, epoch=epoch))
    for epoch in range(5):  # 15 steps are five passes over three batches
        whole = torch.cat(short[epoch * 3 : epoch * 3 + 3])
        assert torch.equal(whole, order(6, seed=1, epoch=epoch))


def test_positions_may_be_asked_for_in_any_order():
    source = SeveralSource({"a": rows(10), "b": rows(6)})
    later = source.next(Position(2, 3))
    source.next(Position(0, 0))
    again = source.next(Position(2, 3))
    assert all(torch.equal(later[name].index, again[name].index) for name in "ab")


def test_it_resumes_as_the_worst_of_them():
    foreign = LoaderSource([torch.zeros(2, 1)])
    assert SeveralSource({"a": rows(4), "b": foreign}).resume is Resume.NONE
    assert SeveralSource({"a": rows(4), "b": Acting()}).resume is Resume.STATEFUL
    assert SeveralSource({"a": foreign, "b": Acting()}).resume is Resume.NONE


def test_everything_is_handed_on():
    acting = Acting()
    source = SeveralSource({"a": rows(4), "b": acting})
    assert source.length == 2
    assert SeveralSource({"b": acting}).length is None

    def policy(state):
        return state

    source.next(Position(1, 1), policy)
    assert acting.asked == [(Position(1, 1), policy)]
    source.to(torch.device("cpu"))
    assert acting.device == torch.device("cpu")
    assert source.state_dict() == {"b": {"asked": 1}}
    source.load_state_dict({"b": {"asked": 7}})
    assert acting.loaded == {"asked": 7}
    source.close()
    assert acting.closed


def test_nothing_and_nested_streams_are_refused():
    with pytest.raises(BadValue, match="at least one named source"):
        SeveralSource({})
    nested = SeveralSource({"a": SeveralSource({"b": rows(4)})})
    with pytest.raises(BadValue, match="a source of single batches"):
        nested.next(Position(0, 0))
