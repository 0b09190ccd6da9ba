"""The network of cells against a computation that is written out from its weights by name."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F

from netwright._errors import BadType, BadValue
from netwright.models import create
from netwright.models.classifiers.cell_network import CellNetwork
from netwright.models.layers.cell import OPERATIONS, Cell, edges_of, live_edges, nodes_of

CELLS = [
    ["conv-3x3"],
    ["skip", "conv-1x1", "pool-3x3"],
    ["conv-3x3", "skip", "conv-1x1"],
    ["conv-3x3", "zero", "pool-3x3", "skip", "conv-1x1", "conv-3x3"],
    ["zero", "conv-1x1", "conv-3x3", "conv-3x3", "skip", "pool-3x3"],
    ["pool-3x3", "skip", "zero", "skip", "skip", "conv-3x3", "conv-1x1", "zero", "skip", "zero"],
]


def normed(x, state, name, training):
    mean, var = state[f"{name}.running_mean"], state[f"{name}.running_var"]
    if training:
        mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
    x = (x - mean[:, None, None]) / torch.sqrt(var[:, None, None] + 1e-5)
    return x * state[f"{name}.weight"][:, None, None] + state[f"{name}.bias"][:, None, None]


def mean_of_nine(x):
    """Of the pixels that are there."""
    ones = torch.ones_like(x)
    total = count = 0
    for down, right in itertools.product(range(3), repeat=2):
        height, width = x.shape[-2:]
        total = total + F.pad(x, (1, 1, 1, 1))[..., down : down + height, right : right + width]
        count = count + F.pad(ones, (1, 1, 1, 1))[..., down : down + height, right : right + width]
    return total / count


def operated(operation, x, state, name, training):
    if operation == "skip":
        return x
    if operation == "pool-3x3":
        return mean_of_nine(x)
    size = 1 if operation == "conv-1x1" else 3
    x = F.conv2d(x.clamp(min=0), state[f"{name}.1.weight"], padding=size // 2)
    return normed(x, state, f"{name}.2", training)


def cell_by_hand(operations, x, state, lead, training):
    """Node after node; None stands for a node that nothing reaches."""
    count = next(n for n in range(2, 9) if n * (n - 1) // 2 == len(operations))
    edges = [(source, target) for target in range(1, count) for source in range(target)]
    nodes = [x] + [None] * (count - 1)
    for (source, target), operation in zip(edges, operations, strict=True):
        if operation == "zero" or nodes[source] is None:
            continue
        name = f"{lead}.edges.{source}-{target}"
        parametric = operation.startswith("conv")
        if parametric and f"{name}.1.weight" not in state:
            continue  # from there nothing reaches the last node
        brought = operated(operation, nodes[source], state, name, training)
        nodes[target] = brought if nodes[target] is None else nodes[target] + brought
    return nodes[-1]


def block_by_hand(x, state, lead, training):
    branch = F.conv2d(x, state[f"{lead}.conv1.weight"], stride=2, padding=1)
    branch = normed(branch, state, f"{lead}.norm1", training).clamp(min=0)
    branch = F.conv2d(branch, state[f"{lead}.conv2.weight"], padding=1)
    branch = normed(branch, state, f"{lead}.norm2", training)
    short = F.conv2d(x, state[f"{lead}.shortcut.0.weight"], stride=2)
    return (branch + normed(short, state, f"{lead}.shortcut.1", training)).clamp(min=0)


def network_by_hand(operations, x, state, *, cells, stride, training):
    x = F.conv2d(x, state["stem.0.weight"], stride=stride, padding=1)
    x = normed(x, state, "stem.1", training)
    place = 0
    for stage in range(3):
        if stage:
            x = block_by_hand(x, state, f"body.{place}", training)
            place += 1
        for _ in range(cells):
            x = cell_by_hand(operations, x, state, f"body.{place}", training)
            place += 1
    x = normed(x, state, "norm.0", training).clamp(min=0).mean((2, 3))
    return x @ state["head.weight"].T + state["head.bias"]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("operations", CELLS, ids=" ".join)
def test_forward_and_gradient_are_those_written_out(operations, training):
    network = CellNetwork(3, in_channels=2, image_size=9, cell=operations, width=3, cells=2)
    network = network.double().train(training)
    draw = torch.Generator().manual_seed(1)
    for name, value in network.state_dict().items():
        if value.dtype.is_floating_point:
            value.copy_(torch.rand(value.shape, generator=draw, dtype=torch.float64) - 0.3)
            if name.endswith("running_var"):
                value.abs_().add_(0.5)
    inputs = torch.randn(4, 2, 9, 9, generator=draw, dtype=torch.float64, requires_grad=True)
    state = {
        name: value.detach().clone().requires_grad_(value.dtype.is_floating_point)
        for name, value in network.state_dict().items()
    }
    mine = network(inputs)
    other = network_by_hand(operations, inputs, state, cells=2, stride=1, training=training)
    torch.testing.assert_close(mine, other)
    towards = torch.randn(mine.shape, generator=draw, dtype=torch.float64)
    parameters = dict(network.named_parameters())
    got = torch.autograd.grad(mine, [inputs, *parameters.values()], towards)
    wanted = torch.autograd.grad(other, [inputs, *(state[name] for name in parameters)], towards)
    for one, two in zip(got, wanted, strict=True):
        torch.testing.assert_close(one, two)


def test_every_parameter_has_a_gradient_whatever_the_cell():
    """Edges that could not learn are not made."""
    cell = ["conv-3x3", "zero", "zero", "skip", "zero", "conv-1x1"]  # node 2: unreached
    network = CellNetwork(2, in_channels=1, image_size=8, cell=cell, width=2)
    assert live_edges(cell) == {(0, 3): "skip"}
    network(torch.randn(4, 1, 8, 8)).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.parametrize(
    ("operations", "live"),
    [
        (["conv-3x3", "zero", "skip"], {(0, 1), (1, 2)}),
        (["conv-3x3", "skip", "zero"], {(0, 2)}),
        (["zero", "zero", "skip"], set()),
        (["skip", "zero", "skip", "zero", "zero", "skip"], {(0, 1), (1, 2), (2, 3)}),
        (["skip", "zero", "skip", "zero", "skip", "zero"], {(0, 1), (1, 3)}),
    ],
)
def test_live_edges_are_those_on_a_way(operations, live):
    assert set(live_edges(operations)) == live


def test_live_edges_are_those_of_all_paths():
    """By trying out all paths."""
    for cell in itertools.product(["zero", "skip"], repeat=6):
        wired = {edge for edge, one in zip(edges_of(4), cell, strict=True) if one != "zero"}
        paths = [
            list(itertools.pairwise((0, *middle, 3)))
            for count in range(3)
            for middle in itertools.combinations((1, 2), count)
        ]
        live = {edge for path in paths if set(path) <= wired for edge in path}
        assert set(live_edges(cell)) == live


@pytest.mark.parametrize("size", [1, 2, 7, 24, (5, 30)])
def test_bears_any_size_channels_and_classes(size):
    height, width = (size, size) if isinstance(size, int) else size
    network = create("cell-network", num_classes=4, in_channels=5, image_size=size)
    assert network(torch.zeros(2, 5, height, width)).shape == (2, 4)


def test_convolutions_start_by_kaimings_law():
    network = CellNetwork(2, width=32, cell=["conv-3x3", "conv-1x1", "zero"])
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            out = module.out_channels * module.kernel_size[0] ** 2
            assert float(module.weight.detach().std()) == pytest.approx((2 / out) ** 0.5, rel=0.15)


def test_the_stem_halves_from_24_pixels_on():
    assert CellNetwork(2, image_size=24).stem[0].stride == (2, 2)
    assert CellNetwork(2, image_size=23).stem[0].stride == (1, 1)
    assert CellNetwork(2).stem[0].stride == (2, 2)
    assert CellNetwork(2, image_size=24, stem_stride=1).stem[0].stride == (1, 1)


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (["zero"] * 3, "a way from its first node to its last"),
        (["conv-3x3", "zero", "zero"], "a way from its first node to its last"),
        (["conv-3x3", "skip"], "1, 3, 6, 10"),
        ([], "1, 3, 6, 10"),
        (["conv3x3", "skip", "skip"], "Did you mean conv-3x3"),
    ],
)
def test_refuses_cells_that_are_none(cell, words):
    with pytest.raises(BadValue, match=words):
        create("cell-network", num_classes=2, cell=cell)


def test_refuses_what_is_no_list():
    with pytest.raises(BadType, match="list of operations"):
        CellNetwork(2, cell="skip")


@pytest.mark.parametrize("option", ["width", "cells", "stem_stride"])
def test_refuses_numbers_below_1(option):
    with pytest.raises(BadValue, match=option):
        CellNetwork(2, **{option: -1})


def test_nodes_and_edges():
    for nodes in range(2, 7):
        assert nodes_of(["skip"] * len(edges_of(nodes))) == nodes
        assert len(edges_of(nodes)) == nodes * (nodes - 1) // 2
    assert edges_of(4) == [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]
    with pytest.raises(BadValue, match="nodes"):
        edges_of(1)


def test_a_cell_has_only_channels_that_are_some():
    with pytest.raises(BadValue, match="channels"):
        Cell(["skip"], channels=0)


def test_parameters_at_the_papers_setting():
    """Counted layer by layer; the paper's own sum lacks the batch norms of the two shortcuts."""
    cell = ["conv-3x3", "conv-3x3", "conv-3x3", "skip", "conv-3x3", "conv-3x3"]
    network = CellNetwork(10, cell=cell, width=16, cells=5)
    convolutions = sum(one == "conv-3x3" for one in cell)
    total = 3 * 16 * 9 + 32
    for stage, channels in enumerate((16, 32, 64)):
        total += 5 * convolutions * (9 * channels * channels + 2 * channels)
        if stage:
            half = channels // 2
            total += 9 * half * channels + 9 * channels**2 + half * channels + 6 * channels
    total += 2 * 64 + 64 * 10 + 10
    assert sum(one.numel() for one in network.parameters()) == total
    assert set(cell) <= set(OPERATIONS)
