"""Micro-batches of uneven size: the gradient of the whole batch, one graph in memory at a time."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from contract_kit import batch, loop_of, train
from netwright._errors import BadValue
from netwright.methods.base import Loss, Method, Phase, Prediction, Stage


class Marker:
    pass


class Counting(Method):
    """Masked tokens: how many count differs from micro-batch to micro-batch."""

    def __init__(self, *, tensor_counts, dtype=torch.float32):
        super().__init__()
        torch.manual_seed(1)
        self.net = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 3)).to(dtype)
        self.tensor_counts = tensor_counts
        self.sizes = []
        self.live = []
        self.watched = []

    def stages(self):
        return (Stage(steps=1),)

    def phases(self, stage):
        return (Phase(name="learn", optimizers=("main",), loss=self.loss),)

    def loss(self, batch):
        self.sizes.append(len(batch))
        self.live.append(sum(reference() is not None for reference in self.watched))
        logits = self.net(batch.inputs)
        marker = Marker()
        self.watched.append(weakref.ref(marker))
        logits.grad_fn.metadata["marker"] = marker  # lives as long as this node of the graph
        each = F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), reduction="none")
        count = batch.mask.sum() if self.tensor_counts else int(batch.mask.sum())
        return Loss(
            total=(each * batch.mask.flatten()).sum(), count=count, terms={"each": each.mean()}
        )

    def predict(self, inputs):
        return Prediction(outputs=self.net(inputs).argmax(-1))


def tokens(dtype=torch.float32):
    torch.manual_seed(2)
    share = torch.linspace(0.05, 0.95, 32).unsqueeze(1)  # late examples count for much more
    return batch(
        torch.randn(32, 7, 4, dtype=dtype),
        torch.randint(3, (32, 7)),
        mask=torch.rand(32, 7) < share,
    )


def gradient_of(method):
    return torch.cat([p.grad.flatten() for p in method.parameters()])


def by_hand(net, one):
    logits = net(one.inputs)
    loss = F.cross_entropy(logits[one.mask], one.targets[one.mask])
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(net.parameters()))])


OPTIMIZER = {"name": "sgd", "learning_rate": 0.0625}


@pytest.mark.parametrize("tensor_counts", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-14)])
def test_uneven_pieces_give_the_gradient_of_the_whole(tensor_counts, dtype, tolerance):
    one, cut = tokens(dtype), Counting(tensor_counts=tensor_counts, dtype=dtype)
    wanted = by_hand(cut.net, one)
    train(cut, [one], optimizer=OPTIMIZER, micro_batch_size=5)
    assert cut.sizes == [5, 5, 5, 5, 5, 5, 2]
    torch.testing.assert_close(gradient_of(cut), wanted, atol=tolerance, rtol=tolerance)
    # a mean of the pieces' means, as accumulation is often written, is far from it
    pieces = torch.stack([by_hand(Counting(tensor_counts=True, dtype=dtype).net, p)
                          for p in one.split(5)]).mean(0)  # fmt: skip
    assert (pieces - wanted).abs().max() > 1e3 * tolerance


@pytest.mark.parametrize("tensor_counts", [False, True])
def test_the_recorded_mean_and_the_clipping_are_those_of_the_whole(tensor_counts):
    one, heard = tokens(), {}

    class Ear:
        def __getattr__(self, moment):
            return lambda view, **what: heard.update({moment: what})

    cut = Counting(tensor_counts=tensor_counts)
    wanted = by_hand(cut.net, one)
    logits = cut.net(one.inputs)
    mean = F.cross_entropy(logits[one.mask], one.targets[one.mask])
    train(
        cut,
        [one],
        optimizer=OPTIMIZER,
        micro_batch_size=5,
        clip_norm=1e-3,
        loop={"observers": (Ear(),)},
    )
    torch.testing.assert_close(heard["phase_done"]["outcome"].mean, mean.detach())
    torch.testing.assert_close(heard["phase_done"]["outcome"].gradient_norm, wanted.norm())
    torch.testing.assert_close(gradient_of(cut).norm(), torch.tensor(1e-3), rtol=1e-3, atol=0)


def test_one_graph_at_a_time():
    cut = Counting(tensor_counts=True)
    gc.disable()  # released by reference counts alone, at once
    try:
        train(cut, [tokens()], optimizer=OPTIMIZER, micro_batch_size=5)
    finally:
        gc.enable()
    assert cut.live == [0] * 7


def peak_of_saved_bytes(micro_batch_size):
    """Bytes that graphs hold for their backward pass, at the most."""
    held = {"now": 0, "most": 0}

    class Kept:
        def __init__(self, tensor):
            self.tensor, self.size = tensor, tensor.numel() * tensor.element_size()
            held["now"] += self.size
            held["most"] = max(held["most"], held["now"])

        def __del__(self):
            held["now"] -= self.size

    with torch.autograd.graph.saved_tensors_hooks(Kept, lambda kept: kept.tensor):
        train(
            Counting(tensor_counts=False),
            [tokens()],
            optimizer=OPTIMIZER,
            micro_batch_size=micro_batch_size,
        )
    assert held["now"] == 0
    return held["most"]


def test_memory_is_that_of_one_piece():
    whole, eighth = peak_of_saved_bytes(None), peak_of_saved_bytes(4)
    weights = 2 * 4 * (4 * 32 + 32 * 3)  # saved with each graph, whatever its size
    assert eighth - weights < (whole - weights) / 8 * 1.1


class TwoStreams(Method):
    """Streams of unlike length; the second's share of the loss is fixed, so one count will do."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.features, self.classes = nn.Linear(4, 8), nn.Linear(8, 3)
        self.sizes = []

    def phases(self, stage):
        return (Phase(name="adapt", optimizers=("main",), loss=self.loss),)

    def loss(self, streams):
        source, target = streams["source"], streams["target"]
        self.sizes.append((len(source), len(target)))
        logits = self.classes(self.features(source.inputs).tanh())
        total = F.cross_entropy(logits, source.targets, reduction="sum")
        quiet = self.features(target.inputs).square().sum()
        return Loss(total=total + quiet * (32 / 20), count=len(source))

    def predict(self, inputs):
        return Prediction(outputs=self.classes(self.features(inputs).tanh()).argmax(1))


def test_two_streams_are_cut_side_by_side():
    torch.manual_seed(2)
    source = batch(torch.randn(32, 4), torch.randint(3, (32,)))
    target = batch(torch.randn(20, 4))
    method = TwoStreams()
    logits = method.classes(method.features(source.inputs).tanh())
    loss = F.cross_entropy(logits, source.targets)
    loss = loss + method.features(target.inputs).square().sum() / 20
    wanted = torch.autograd.grad(loss, list(method.parameters()))
    train(
        method,
        [{"source": source, "target": target}],
        optimizer=OPTIMIZER,
        micro_batch_size=5,
    )
    assert len(method.sizes) == 7
    assert max(map(max, method.sizes)) <= 5
    assert tuple(map(sum, zip(*method.sizes, strict=True))) == (32, 20)
    for parameter, gradient in zip(method.parameters(), wanted, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, atol=1e-6, rtol=1e-6)


def test_a_count_is_a_number_and_takes_no_gradient():
    class Weighted(Counting):
        def loss(self, batch):
            loss = super().loss(batch)
            return Loss(total=loss.total, count=loss.count * self.net[0].bias.exp().mean())

    whole, cut = Weighted(tensor_counts=True), Weighted(tensor_counts=True)
    train(whole, [tokens()], optimizer=OPTIMIZER)
    train(cut, [tokens()], optimizer=OPTIMIZER, micro_batch_size=5)
    torch.testing.assert_close(gradient_of(cut), gradient_of(whole), atol=1e-6, rtol=1e-6)


def test_a_loss_over_the_whole_batch_is_not_cut():
    class Whole(Counting):
        def phases(self, stage):
            return (Phase(name="rank", optimizers=("main",), loss=self.loss, accumulates=False),)

    loop = loop_of(Whole(tensor_counts=False), [tokens()], optimizer=OPTIMIZER, micro_batch_size=5)
    with pytest.raises(BadValue, match=r"whole batch in phase rank.*got micro_batch_size=5"):
        loop.run()
    train(Whole(tensor_counts=False), [tokens()], optimizer=OPTIMIZER, micro_batch_size=32)
