"""Shape arithmetic against what torch's layers really make."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from netwright._errors import BadValue
from netwright.models import shapes

SIZES = list(itertools.product([7, 12], [1, 2, 3, 5], [1, 2, 3], [0, 1, 2], [1, 2]))


@pytest.mark.parametrize(("size", "kernel", "stride", "padding", "dilation"), SIZES)
def test_output_size_is_torchs(size, kernel, stride, padding, dilation):
    given = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    layer = nn.Conv1d(1, 1, kernel, stride, padding, dilation)
    try:
        made = layer(torch.zeros(1, 1, size)).shape[-1]
    except RuntimeError:
        with pytest.raises(BadValue, match="size must be at least"):
            shapes.output_size(size, **given)
        return
    assert shapes.output_size(size, **given) == made


@pytest.mark.parametrize(("size", "kernel", "stride", "padding", "dilation"), SIZES[::3])
def test_transposed_output_size_is_torchs(size, kernel, stride, padding, dilation):
    extra = stride - 1
    made = shapes.transposed_output_size(
        size,
        kernel=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        output_padding=extra,
    )
    layer = nn.ConvTranspose1d(1, 1, kernel, stride, padding, extra, dilation=dilation)
    assert made == layer(torch.zeros(1, 1, size)).shape[-1]


@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_same_keeps_the_size_and_full_counts_every_overlap(kernel, dilation):
    signal = torch.ones(1, 1, 9)
    reach = shapes.dilated_kernel(kernel, dilation=dilation)
    assert reach == dilation * (kernel - 1) + 1
    layer = nn.Conv1d(1, 1, kernel, dilation=dilation)
    pad = nn.functional.pad
    assert layer(pad(signal, shapes.same_padding(kernel, dilation=dilation))).shape[-1] == 9
    full = layer(pad(signal, shapes.full_padding(kernel, dilation=dilation)))
    assert full.shape[-1] == 9 + reach - 1
    if kernel % 2 == 0 and dilation % 2:
        return  # torch warns of its copy
    theirs = nn.Conv1d(1, 1, kernel, dilation=dilation, padding="same")
    theirs.load_state_dict(layer.state_dict())
    ours = layer(pad(signal, shapes.same_padding(kernel, dilation=dilation)))
    assert torch.allclose(ours, theirs(signal))


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("bias", [True, False])
def test_parameters_are_counted_with_their_biases(groups, bias):
    layer = nn.Conv2d(4, 8, (3, 5), groups=groups, bias=bias)
    counted = shapes.convolution_parameters(4, 8, kernel=(3, 5), groups=groups, bias=bias)
    assert counted == sum(value.numel() for value in layer.parameters())
    linear = nn.Linear(4, 8, bias=bias)
    counted = shapes.linear_parameters(4, 8, bias=bias)
    assert counted == sum(value.numel() for value in linear.parameters())


def test_multiply_adds_are_a_weight_at_each_place():
    whole = shapes.convolution_multiply_adds(4, 8, kernel=(3, 3), output=(6, 7))
    grouped = shapes.convolution_multiply_adds(4, 8, kernel=(3, 3), output=(6, 7), groups=4)
    assert (whole, grouped) == (4 * 8 * 9 * 42, 8 * 9 * 42)


@pytest.mark.parametrize("name", ["kernel", "stride", "dilation"])
def test_refusals(name):
    with pytest.raises(BadValue, match=f"{name} must be at least 1"):
        shapes.output_size(8, **{"kernel": 3, name: 0})
