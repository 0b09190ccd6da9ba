"""The space of cells: law of the draws, neighbours, and which cells are the same function."""

from __future__ import annotations

import itertools
import random
from collections import Counter

import pytest
import torch
from scipy import stats
from torch import nn

from netwright._errors import BadType, BadValue
from netwright.models.layers.cell import Cell
from netwright.tune.cell_space import CellSpace

SMALL = CellSpace(nodes=3, operations=["zero", "skip", "conv-3x3"])
FOUR = CellSpace()


def test_the_space_of_the_paper():
    assert FOUR.count == 15625
    assert FOUR.choices == (5,) * 6


def test_draws_are_uniform_over_the_cells_that_pass_a_signal():
    cells = list(SMALL)
    assert len(cells) == 22
    draw = random.Random(3)
    seen = Counter(SMALL.sample(draw) for _ in range(22 * 200))
    assert set(seen) == set(cells)
    assert stats.chisquare([seen[cell] for cell in cells]).pvalue > 0.01


def test_mutants_are_uniform_over_the_neighbours():
    space = CellSpace(nodes=3, operations=["zero", "skip", "conv-3x3", "pool-3x3"])
    cell = ("skip", "zero", "conv-3x3")
    neighbours = [
        other
        for other in space
        if sum(one != two for one, two in zip(cell, other, strict=True)) == 1
    ]
    assert sorted(space.neighbours(cell)) == sorted(neighbours)
    draw = random.Random(0)
    seen = Counter(space.mutate(cell, draw) for _ in range(200 * len(neighbours)))
    assert set(seen) == set(neighbours)
    assert stats.chisquare([seen[one] for one in neighbours]).pvalue > 0.01


def test_a_cell_without_neighbours_is_its_own_mutant():
    space = CellSpace(nodes=2, operations=["zero", "skip"])
    assert space.mutate(("skip",), random.Random(0)) == ("skip",)


def test_encoding_and_back():
    for cell in SMALL:
        assert SMALL.decode(SMALL.encode(cell)) == cell


@pytest.mark.parametrize(
    "cell",
    [("skip",) * 2, ("pool-3x3", "skip", "skip"), ("zero",) * 3, ("skip", "zero", "zero")],
)
def test_strangers_are_refused(cell):
    with pytest.raises(BadValue, match="cell"):
        SMALL.checked(cell)


@pytest.mark.parametrize(
    ("operations", "error"),
    [
        (["skip"], BadValue),
        (["skip", "skip"], BadValue),
        (["skip", "conv"], BadValue),
        ("skip", BadType),
    ],
)
def test_operations_are_checked(operations, error):
    with pytest.raises(error, match="operation"):
        CellSpace(operations=operations)


def test_8_functions_of_three_nodes():
    """None, x or C on the way of one edge, beside none, x, C or CC on the way of two."""
    ways = [(one, two) for one in ("", "x", "C") for two in ("", "x", "C", "CC")]
    by_hand = {tuple(sorted(filter(None, way))) for way in ways} - {()}
    assert len({SMALL.key(cell) for cell in SMALL}) == len(by_hand) == 8


SAME = [
    ("skip zero zero conv-3x3 zero zero", "zero zero zero conv-3x3 zero zero"),
    ("skip zero zero conv-3x3 zero zero", "skip zero zero zero conv-3x3 zero"),
    ("conv-3x3 zero skip zero zero skip", "zero conv-3x3 zero zero zero skip"),
    ("conv-3x3 pool-3x3 zero zero skip skip", "pool-3x3 conv-3x3 zero zero skip skip"),
    ("conv-3x3 conv-1x1 zero zero pool-3x3 skip", "conv-1x1 conv-3x3 zero zero skip pool-3x3"),
    # a pooling has no weights: done once and added twice, or done twice
    ("pool-3x3 pool-3x3 zero zero skip skip", "pool-3x3 zero skip zero skip skip"),
]  # fmt: skip
APART = [
    ("skip zero zero conv-3x3 zero zero", "skip zero zero conv-1x1 zero zero"),
    ("skip zero zero skip zero zero", "skip zero zero skip skip zero"),
    # one convolution used twice, and two convolutions of the same
    ("conv-3x3 zero skip zero conv-1x1 conv-1x1", "conv-3x3 conv-3x3 zero zero conv-1x1 conv-1x1"),
    ("conv-3x3 zero skip zero skip skip", "conv-3x3 conv-3x3 zero zero skip skip"),
    ("conv-3x3 zero conv-1x1 zero zero skip", "conv-1x1 zero conv-3x3 zero zero skip"),
]


@pytest.mark.parametrize(("one", "two"), SAME)
def test_equal_cells_are_known_as_equal(one, two):
    assert FOUR.key(one.split()) == FOUR.key(two.split())


@pytest.mark.parametrize(("one", "two"), APART)
def test_different_cells_are_told_apart(one, two):
    assert FOUR.key(one.split()) != FOUR.key(two.split())


def answers(cell, inputs):
    """Of the cell for all ways to hand out the same few kernels to its convolutions.

    Equal functions have the same set of answers, whatever their edges are called.
    """
    layer = Cell(cell, channels=2).double().eval()
    convolutions = [one for one in layer.modules() if isinstance(one, nn.Conv2d)]
    draw = torch.Generator().manual_seed(0)
    kernels = [torch.randn(2, 2, 3, 3, generator=draw, dtype=torch.float64) for _ in convolutions]
    found = set()
    for order in itertools.permutations(kernels):
        for one, kernel in zip(convolutions, order, strict=True):
            size = one.kernel_size[0]
            one.weight.data = kernel[..., 1:2, 1:2] if size == 1 else kernel
        found.add(round(float(layer(inputs).detach().square().sum()), 6))
    return frozenset(found)


def test_cells_of_one_key_are_one_function_and_others_are_not():
    """Over the whole space of three convolution-like operations: keys against answers."""
    space = CellSpace(operations=["zero", "skip", "conv-3x3"])
    inputs = torch.randn(
        1, 2, 3, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )
    draw, by_key, by_answer = random.Random(0), {}, {}
    for cell in draw.sample([one for one in space if one.count("conv-3x3") <= 3], 120):
        found = answers(cell, inputs)
        assert by_key.setdefault(space.key(cell), found) == found
        assert by_answer.setdefault(found, space.key(cell)) == space.key(cell)
    assert len(by_key) > 20
