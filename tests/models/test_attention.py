from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from netwright._errors import BadValue
from netwright.models.layers.attention import Attention
from netwright.models.layers.attention_block import AttentionBlock
from netwright.models.layers.position import AbsolutePosition, NoPosition, RelativePosition


def torchs(ours):
    """Torch's own module with our weights."""
    features = ours.query.in_features
    theirs = nn.MultiheadAttention(features, ours.heads, batch_first=True)
    parts = ours.query, ours.key, ours.value
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        theirs.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
        theirs.out_proj.weight.copy_(ours.out.weight)
        theirs.out_proj.bias.copy_(ours.out.bias)
    return theirs


@pytest.mark.parametrize("with_bias", [False, True])
def test_value_and_gradient_are_torchs(with_bias):
    ours = Attention(12, heads=3)
    theirs = torchs(ours)
    tokens, memory = torch.randn(2, 5, 12), torch.randn(2, 7, 12)
    bias = torch.randn(3, 5, 7) if with_bias else None
    leaves = [one.requires_grad_() for one in (tokens, memory, bias) if one is not None]
    mask = None if bias is None else bias.repeat(2, 1, 1)
    found = ours(tokens, memory, bias=bias)
    expected, _ = theirs(tokens, memory, memory, attn_mask=mask, need_weights=True)
    torch.testing.assert_close(found, expected)
    weight = torch.randn_like(found)
    one = torch.autograd.grad((found * weight).sum(), leaves)
    other = torch.autograd.grad((expected * weight).sum(), leaves)
    for left, right in zip(one, other, strict=True):
        torch.testing.assert_close(left, right)
    (weight_ours,) = torch.autograd.grad((ours(tokens, memory) * weight).sum(), ours.key.weight)
    value, _ = theirs(tokens, memory, memory)
    (stacked,) = torch.autograd.grad((value * weight).sum(), theirs.in_proj_weight)
    torch.testing.assert_close(weight_ours, stacked[12:24])


def test_one_head_in_loops():
    attention = Attention(4, heads=1).double()
    tokens = torch.randn(1, 3, 4, dtype=torch.float64)
    bias = torch.randn(1, 3, 3, dtype=torch.float64)
    query, key, value = (
        layer(tokens)[0].detach().numpy()
        for layer in (attention.query, attention.key, attention.value)
    )
    rows = []
    for t in range(3):
        fits = [
            math.exp(float(query[t] @ key[s]) / math.sqrt(4) + float(bias[0, t, s]))
            for s in range(3)
        ]
        rows.append(sum(fit * value[s] for s, fit in enumerate(fits)) / sum(fits))
    expected = attention.out(torch.from_numpy(np.array([rows])))
    torch.testing.assert_close(attention(tokens, tokens, bias=bias), expected)


def test_the_count():
    assert sum(p.numel() for p in Attention(16).parameters()) == 4 * (16 * 16 + 16)


def test_relative_position_is_a_number_an_offset():
    height, width, heads = 3, 4, 2
    position = RelativePosition((height, width), heads=heads)
    assert not position.bias().any()
    nn.init.normal_(position.table)
    bias = position.bias()
    places = list(itertools.product(range(height), range(width)))
    table = position.table.reshape(heads, 2 * height - 1, 2 * width - 1)
    for (t, (y, x)), (s, (v, u)) in itertools.product(enumerate(places), enumerate(places)):
        assert torch.equal(bias[:, t, s], table[:, y - v + height - 1, x - u + width - 1])
    weight = torch.randn_like(bias)
    (gradient,) = torch.autograd.grad((bias * weight).sum(), position.table)
    expected = torch.zeros_like(table)
    for (t, (y, x)), (s, (v, u)) in itertools.product(enumerate(places), enumerate(places)):
        expected[:, y - v + height - 1, x - u + width - 1] += weight[:, t, s]
    torch.testing.assert_close(gradient, expected.flatten(1))


def test_absolute_position_is_added_by_place():
    position = AbsolutePosition(6, grid=(2, 3))
    tokens = torch.randn(4, 6, 6)
    for place in range(6):
        expected = tokens[:, place] + position.places.weight[place]
        assert torch.equal(position(tokens)[:, place], expected)
    assert 0 < float(position.places.weight.detach().std()) < 0.03
    assert position.bias() is None


def made(kind):
    position = {
        "none": NoPosition,
        "absolute": lambda: AbsolutePosition(8, grid=(3, 4)),
        "relative": lambda: RelativePosition((3, 4), heads=2),
    }[kind]()
    for parameter in position.parameters():
        nn.init.normal_(parameter)
    return AttentionBlock(5, 8, position=position, heads=2).double()


@pytest.mark.parametrize("kind", ["none", "absolute", "relative"])
def test_the_block_is_written_out(kind):
    block = made(kind)
    x = torch.randn(2, 5, 3, 4, dtype=torch.float64, requires_grad=True)
    projected = torch.einsum("nchw,dc->nhwd", x, block.project.weight[:, :, 0, 0])
    tokens = (projected + block.project.bias).reshape(2, 12, 8)
    if kind == "absolute":
        tokens = tokens + block.position.places.weight
    bias = block.position.bias() if kind == "relative" else torch.zeros(2, 12, 12).double()
    normed = F.layer_norm(tokens, (8,), block.norm1.weight, block.norm1.bias)
    inner = block.attention
    heads = []
    for head in range(2):
        part = slice(4 * head, 4 * head + 4)
        query, key, value = (
            normed @ layer.weight[part].T + layer.bias[part]
            for layer in (inner.query, inner.key, inner.value)
        )
        heads.append(torch.softmax(query @ key.mT / 2 + bias[head], dim=2) @ value)
    tokens = tokens + torch.cat(heads, dim=2) @ inner.out.weight.T + inner.out.bias
    normed = F.layer_norm(tokens, (8,), block.norm2.weight, block.norm2.bias)
    first, second = block.each[0], block.each[2]
    hidden = F.gelu(normed @ first.weight.T + first.bias)
    tokens = tokens + hidden @ second.weight.T + second.bias
    expected = tokens.reshape(2, 3, 4, 8).permute(0, 3, 1, 2)
    found = block(x)
    torch.testing.assert_close(found, expected)
    leaves = [x, *block.parameters()]
    weight = torch.randn_like(found)
    ours = torch.autograd.grad((found * weight).sum(), leaves)
    for one, other in zip(
        ours, torch.autograd.grad((expected * weight).sum(), leaves), strict=True
    ):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("kind", ["none", "absolute", "relative"])
def test_only_positions_tell_exchanged_pixels_apart(kind):
    block = made(kind)
    x = torch.randn(2, 5, 3, 4, dtype=torch.float64)
    order = torch.randperm(12)
    mixed = block(x.flatten(2)[:, :, order].reshape(x.shape)).flatten(2)
    same = torch.allclose(mixed, block(x).flatten(2)[:, :, order])
    assert same is (kind == "none")


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: Attention(10, heads=4), r"features must be a positive multiple of heads \(4\)"),
        (lambda: RelativePosition((0, 3), heads=2), "grid must be"),
        (lambda: AbsolutePosition(4, grid=(2, 0)), "grid must be"),
    ],
)
def test_what_cannot_be_built_is_refused(build, sentence):
    with pytest.raises(BadValue, match=sentence):
        build()


@pytest.mark.parametrize(
    "position", [AbsolutePosition(8, grid=(3, 2)), RelativePosition((3, 2), heads=4)]
)
def test_maps_of_another_grid_are_refused(position):
    """Also of as many pixels, which would be told each other's places."""
    layer = AttentionBlock(8, 8, position=position)
    assert layer(torch.zeros(1, 8, 3, 2)).shape == (1, 8, 3, 2)
    for grid in ((1, 1), (2, 3), (6, 1)):
        with pytest.raises(BadValue, match="maps of 3×2, whose places were learned"):
            layer(torch.zeros(1, 8, *grid))
