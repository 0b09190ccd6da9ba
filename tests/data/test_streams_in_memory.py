import pytest
import torch
from torch import nn

from netwright._errors import BadValue
from netwright.data.augment.compose import Augment
from netwright.data.dataset import InMemory
from netwright.data.preprocess.catalogue import create
from netwright.data.sampler import order
from netwright.data.source import Position, Resume
from netwright.data.streams import in_memory
from netwright.data.streams.in_memory import InMemorySource

PICTURES = torch.randint(
    0, 256, (50, 2, 6, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
)
TARGETS = torch.arange(50) * 10
WEIGHT = torch.arange(50) / 100
SPLIT = torch.arange(49, 9, -2)  # 20 places, not in order, of a larger set


def source_of(*, batch_size=8, seed=0, **options):
    samples = InMemory(PICTURES.clone())
    preprocess = options.pop("preprocess", nn.Identity())
    return InMemorySource(
        samples,
        TARGETS,
        index=SPLIT,
        batch_size=batch_size,
        seed=seed,
        preprocess=preprocess,
        **options,
    )


def test_inputs_targets_weights_and_index_belong_together():
    source = source_of(weight=WEIGHT)
    assert source.resume is Resume.EXACT
    for epoch in range(2):
        seen = []
        for step in range(source.length):
            batch = source.next(Position(epoch, step))
            assert torch.equal(batch.inputs, PICTURES[batch.index])
            assert torch.equal(batch.targets, TARGETS[batch.index])
            assert torch.equal(batch.weight, WEIGHT[batch.index])
            seen.append(batch.index)
        assert sorted(torch.cat(seen).tolist()) == sorted(SPLIT.tolist())
        assert torch.equal(torch.cat(seen), SPLIT[order(20, seed=0, epoch=epoch)])


def test_a_batch_is_a_pure_function_of_its_position():
    options = {"augment": Augment([{"name": "shift", "fraction": 0.3}, {"name": "flip"}], seed=0)}
    source = source_of(**options)
    positions = [Position(epoch, step) for epoch in range(3) for step in range(source.length)]
    first = {position: source.next(position) for position in positions}
    torch.manual_seed(123)
    for other in (source, source_of(**options)):
        for position in reversed(positions):
            again = other.next(position)
            assert torch.equal(again.inputs, first[position].inputs)
            assert torch.equal(again.index, first[position].index)
    assert not torch.equal(first[Position(0, 0)].index, first[Position(1, 0)].index)


def test_augmentation_of_an_example_does_not_depend_on_its_batch():
    augment = Augment([{"name": "shift", "fraction": 0.3}], seed=0)
    by_size = []
    for batch_size in (3, 20):
        source = source_of(batch_size=batch_size, augment=augment)
        batches = [source.next(Position(4, step)) for step in range(source.length)]
        index = torch.cat([batch.index for batch in batches])
        by_size.append(torch.cat([batch.inputs for batch in batches])[index.argsort()])
    assert torch.equal(*by_size)
    assert not torch.equal(by_size[0], PICTURES[SPLIT.sort().values])


@pytest.mark.parametrize("most", [1, 2, 16])
@pytest.mark.parametrize("border", [0.0, 9.0, "edge", "reflect"])
def test_how_many_are_made_in_one_go_changes_no_bit(monkeypatch, most, border):
    crop = {"name": "random-crop", "padding": 2, "border": border}
    augment = Augment([crop, {"name": "flip"}, {"name": "cutout"}], seed=0)
    expected = source_of(augment=augment, weight=WEIGHT)
    monkeypatch.setattr(in_memory, "MOST_STEPS", most)
    other = source_of(augment=augment, weight=WEIGHT)
    monkeypatch.setattr(in_memory, "KEPT_WHOLE", 0)
    for epoch in range(2):
        for step in range(expected.length):
            a, b = (source.next(Position(epoch, step)) for source in (expected, other))
            assert torch.equal(a.inputs, augment(PICTURES[a.index], a.index, epoch=epoch))
            for part in ("inputs", "index", "targets", "weight"):
                assert torch.equal(getattr(a, part), getattr(b, part))


def test_what_was_handed_out_is_the_callers_to_change():
    source = source_of(augment=Augment([{"name": "flip"}], seed=0), weight=WEIGHT)
    first = source.next(Position(0, 1))
    kept = first.map(torch.clone)
    first.map(torch.Tensor.zero_)
    again = source.next(Position(0, 1))
    for part in ("inputs", "index", "targets", "weight"):
        assert torch.equal(getattr(again, part), getattr(kept, part))
    assert torch.equal(source.next(Position(0, 2)).inputs.flatten(1).any(1), torch.ones(6) > 0)
    assert torch.equal(source._samples.values, PICTURES)


def test_raw_is_augmented_then_preprocessed():
    samples = InMemory(PICTURES)
    preprocess = create("channel-mean-std", samples=samples, index=SPLIT)
    augment = Augment([{"name": "flip", "probability": 1}], seed=0)
    batch = source_of(preprocess=preprocess, augment=augment).next(Position(0, 0))
    assert torch.equal(batch.inputs, preprocess(PICTURES[batch.index].flip(-1)))


def test_the_seed_decides_the_order():
    one, other = (source_of(seed=seed).next(Position(0, 0)).index for seed in (0, 1))
    assert not torch.equal(one, other)


def test_without_shuffling_the_split_keeps_its_order():
    source = source_of(shuffle=False, batch_size=7)
    index = [source.next(Position(3, step)).index for step in range(source.length)]
    assert torch.equal(torch.cat(index), SPLIT)


def test_no_targets_and_no_weights():
    source = InMemorySource(
        InMemory(PICTURES), None, index=SPLIT, batch_size=4, seed=0, preprocess=nn.Identity()
    )
    batch = source.next(Position(0, 0))
    assert batch.targets is None
    assert batch.weight is None


def test_moving_takes_everything_along_and_changes_nothing():
    preprocess = create("channel-mean", samples=InMemory(PICTURES), index=SPLIT)
    source = source_of(preprocess=preprocess, weight=WEIGHT)
    before = source.next(Position(0, 1))
    source.to(torch.device("cpu"))
    after = source.next(Position(0, 1))
    assert torch.equal(before.inputs, after.inputs)
    source.to(torch.device("meta"))
    assert preprocess.mean.device.type == "meta"
    assert source._samples.values.device.type == "meta"


@pytest.mark.gpu
def test_the_device_gives_the_same_bytes():
    augment = Augment([{"name": "shift", "fraction": 0.3}, {"name": "cutout"}], seed=0)
    here, there = source_of(augment=augment), source_of(augment=augment)
    there.to(torch.device("cuda"))
    for epoch in range(2):
        a, b = here.next(Position(epoch, 1)), there.next(Position(epoch, 1))
        assert b.inputs.device.type == b.index.device.type == "cuda"
        assert torch.equal(a.inputs, b.inputs.cpu())
        assert torch.equal(a.index, b.index.cpu())


@pytest.mark.parametrize("position", [Position(0, 3), Position(0, -1), Position(-1, 0)])
def test_positions_outside_are_refused(position):
    source = source_of()
    assert source.length == 3
    with pytest.raises(BadValue, match="must be"):
        source.next(position)


def test_the_random_state_is_left_alone():
    state = torch.get_rng_state()
    source_of(augment=Augment([{"name": "rotate-scale"}], seed=0)).next(Position(0, 0))
    assert torch.equal(state, torch.get_rng_state())
