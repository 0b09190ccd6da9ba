"""Where on the picture the numbers of a layer lie."""

from __future__ import annotations

import torch
from torch import nn

from netwright.explain.inside.places import PlacesSeen


def seen():
    return PlacesSeen(torch.zeros(2, 3, 16, 24))


def test_tokens_that_no_maps_came_before_are_laid_as_the_picture():
    for count, ahead in ((24, 0), (25, 1)):
        found = seen().of_tokens(count)
        assert found is not None
        assert (found.size, found.ahead) == ((4, 6), ahead)
    assert seen().of_tokens(23) is None


def test_among_tokens_another_shape_than_the_pictures_is_no_grid():
    heads = torch.zeros(2, 8, 3, 24)
    assert seen().find(nn.Identity(), heads) is not None
    attending = seen()
    attending.of_tokens(24)
    assert attending.find(nn.Identity(), heads) is None


def test_a_grid_that_came_before_is_found_again_on_either_side_of_the_channels():
    for first, later, channels in (((4, 8, 20), (4, 8, 20), 1), ((9, 5, 5), (5, 5, 9), -1)):
        places = seen()
        places.find(nn.Conv2d(3, 4, 1), torch.zeros(2, *first))
        found = places.find(nn.ReLU(), torch.zeros(2, *later))
        assert found is not None
        assert found.channels == channels
