from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy.ndimage import median_filter

from netwright._errors import BadValue
from netwright.models.layers.median_pool import MedianPool2d


@pytest.mark.parametrize(("size", "padding"), [(3, 1), (5, 2)])
def test_odd_windows_are_scipys(size, padding):
    maps = torch.randn(2, 3, 9, 11, dtype=torch.float64)
    ours = MedianPool2d(size, stride=1, padding=padding)(maps)
    footprint = (1, 1, size, size)
    expected = median_filter(maps.numpy(), size=footprint, mode="nearest")
    torch.testing.assert_close(ours, torch.from_numpy(expected), rtol=0, atol=0)


@pytest.mark.parametrize(("size", "stride"), [(2, None), (2, 1), (4, 2), (3, None)])
def test_values_and_sizes_are_numpys(size, stride):
    maps = torch.randn(2, 2, 8, 9, dtype=torch.float64)
    ours = MedianPool2d(size, stride=stride)(maps)
    step = stride or size
    sides = [(side - size) // step + 1 for side in (8, 9)]
    assert ours.shape == (2, 2, *sides)
    for i, j in itertools.product(*map(range, sides)):
        window = maps[:, :, i * step : i * step + size, j * step : j * step + size]
        expected = np.median(window.numpy(), axis=(2, 3))
        torch.testing.assert_close(ours[:, :, i, j], torch.from_numpy(expected))


def test_the_gradient_goes_to_the_middle():
    maps = torch.tensor([[5.0, 1.0, 7.0], [2.0, 9.0, 3.0], [8.0, 6.0, 4.0]])[None, None]
    maps.requires_grad_()
    MedianPool2d(3)(maps).sum().backward()
    expected = torch.zeros(3, 3)
    expected[0, 0] = 1.0
    assert torch.equal(maps.grad[0, 0], expected)
    maps.grad = None
    MedianPool2d(2, stride=1)(maps)[0, 0, 0, 0].backward()  # of 1 2 5 9 the middle two
    expected = torch.tensor([[0.5, 0.0, 0.0], [0.5, 0.0, 0.0], [0.0, 0.0, 0.0]])
    assert torch.equal(maps.grad[0, 0], expected)


def test_gradcheck():
    maps = torch.randn(1, 2, 5, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(MedianPool2d(2, stride=1, padding=1), (maps,))


@pytest.mark.parametrize("keywords", [{"kernel_size": 0}, {"stride": 0}, {"padding": -1}])
def test_what_cannot_be_built_is_refused(keywords):
    with pytest.raises(BadValue, match=f"{next(iter(keywords))} must be at least"):
        MedianPool2d(**keywords)


def test_it_says_what_it_is():
    assert repr(MedianPool2d(3, stride=2)) == "MedianPool2d(kernel_size=3, stride=2, padding=0)"
