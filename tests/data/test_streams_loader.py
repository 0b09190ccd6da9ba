import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from netwright._errors import BadData
from netwright.data.batch import Batch
from netwright.data.source import Position, Resume
from netwright.data.streams.loader import LoaderSource, as_batch

X, Y = torch.arange(10.0)[:, None], torch.arange(10)


def loader_of(**options):
    return DataLoader(TensorDataset(X, Y), batch_size=4, **options)


class Stateful:
    """Counts on from where it was, as stateful loaders do."""

    def __init__(self, length=3):
        self.length, self.at, self.resumed = length, 0, False

    def __len__(self):
        return self.length

    def __iter__(self):
        if not self.resumed:
            self.at = 0
        self.resumed = False
        while self.at < self.length:
            self.at += 1
            yield torch.full((2, 1), float(self.at - 1)), torch.zeros(2)

    def state_dict(self):
        return {"at": self.at}

    def load_state_dict(self, state):
        self.at, self.resumed = state["at"], True


def test_batches_come_as_they_come_epoch_after_epoch():
    source = LoaderSource(loader_of())
    assert source.length == 3
    assert source.resume is Resume.NONE
    for epoch in range(2):
        batches = [source.next(Position(epoch, step)) for step in range(3)]
        assert torch.equal(torch.cat([batch.inputs for batch in batches]), X)
        assert torch.equal(torch.cat([batch.targets for batch in batches]), Y)
        assert torch.cat([batch.index for batch in batches]).tolist() == list(range(10))


def test_out_of_turn_it_begins_again():
    source = LoaderSource(loader_of())
    source.next(Position(0, 0))
    assert source.next(Position(4, 1)).targets.tolist() == [0, 1, 2, 3]
    assert source.next(Position(4, 2)).targets.tolist() == [4, 5, 6, 7]
    again = source.next(Position(4, 2))
    assert again.targets.tolist() == [0, 1, 2, 3]
    assert again.index.tolist() == [0, 1, 2, 3]


def test_a_sampler_is_told_the_epoch():
    from torch.utils.data.distributed import DistributedSampler

    sampler = DistributedSampler(TensorDataset(X, Y), num_replicas=1, rank=0, seed=0)
    source = LoaderSource(loader_of(sampler=sampler))
    first = [source.next(Position(epoch, step)).targets for epoch in (0, 1) for step in range(3)]
    assert not torch.equal(torch.cat(first[:3]), torch.cat(first[3:]))
    assert sampler.epoch == 1


def test_a_stream_without_length_starts_over():
    class Stream(IterableDataset):
        def __iter__(self):
            return iter(X)

    source = LoaderSource(DataLoader(Stream(), batch_size=4))
    assert source.length is None
    got = [source.next(Position(0, step)) for step in range(4)]
    assert [len(batch) for batch in got] == [4, 4, 2, 4]
    assert torch.equal(got[3].inputs, got[0].inputs)
    assert got[0].targets is None


@pytest.mark.parametrize("taken_after", [1, 2, 3])
def test_a_stateful_loader_goes_on_where_it_was(taken_after):
    straight = LoaderSource(Stateful())
    positions = [Position(epoch, step) for epoch in range(2) for step in range(3)]
    expected = [straight.next(position) for position in positions]
    source = LoaderSource(Stateful())
    assert source.resume is Resume.STATEFUL
    for position in positions[:taken_after]:
        source.next(position)
    state = source.state_dict()
    resumed = LoaderSource(Stateful())
    resumed.load_state_dict(state)
    for position, batch in zip(positions[taken_after:], expected[taken_after:], strict=True):
        got = resumed.next(position)
        assert torch.equal(got.inputs, batch.inputs)
        assert torch.equal(got.index, batch.index)


def test_state_before_the_first_batch_is_empty():
    source = LoaderSource(Stateful())
    assert source.state_dict() == {}
    source.load_state_dict({})
    assert source.next(Position(0, 0)).inputs[0].item() == 0
    assert LoaderSource(loader_of()).state_dict() == {}


def test_every_form_is_understood():
    batch = Batch(X, Y, torch.arange(50, 60))
    assert as_batch(batch) is batch
    assert as_batch([X, Y]).targets is Y
    assert as_batch(X).targets is None
    assert as_batch([X]).inputs is X
    for key in ("targets", "target", "labels", "label", "y"):
        mapped = as_batch({"pixels": X, key: Y})
        assert mapped.inputs is X
        assert mapped.targets is Y
    several = as_batch({"ids": X, "mask": X + 1, "labels": Y}, first=3)
    assert set(several.inputs) == {"ids", "mask"}
    assert several.index.tolist() == list(range(3, 13))
    arrays = as_batch((np.zeros((2, 3)), np.ones(2)))
    assert isinstance(arrays.inputs, torch.Tensor)
    assert isinstance(arrays.targets, torch.Tensor)
    pair = as_batch(((X, X), Y))
    assert len(pair) == 10
    ragged = as_batch(([torch.zeros(3, 4), torch.zeros(3, 5)], [1, 2]))
    assert len(ragged) == 2


@pytest.mark.parametrize(("item", "message"), [((X, X, Y), "3 parts"), ("words", "tensors")])
def test_other_forms_are_refused(item, message):
    with pytest.raises(BadData, match=message):
        as_batch(item)


def test_loaders_that_end_early_or_never_start_are_refused():
    class Short:
        def __len__(self):
            return 5

        def __iter__(self):
            return iter([(X, Y)] * 2)

    source = LoaderSource(Short())
    source.next(Position(0, 0))
    source.next(Position(0, 1))
    with pytest.raises(BadData, match="as long as its len says, 5 batches"):
        source.next(Position(0, 2))
    with pytest.raises(BadData, match="at least one batch"):
        LoaderSource([])
    once = LoaderSource(iter([(X, Y)]))
    once.next(Position(0, 0))
    with pytest.raises(BadData, match="each time it is iterated"):
        once.next(Position(0, 1))


def test_batches_are_moved():
    source = LoaderSource(loader_of())
    source.to(torch.device("meta"))
    batch = source.next(Position(0, 0))
    assert batch.inputs.device.type == batch.targets.device.type == "meta"
