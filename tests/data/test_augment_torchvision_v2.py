"""torchvision's transforms by name, picture by picture."""

from __future__ import annotations

import pytest
import torch
from torchvision.transforms import v2

from netwright._errors import BadValue
from netwright.data.augment.torchvision_v2 import in_workers


def test_they_are_torchvisions_own_in_the_given_order():
    picture = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    entries = [
        {"name": "torchvision:RandomHorizontalFlip", "p": 1.0},
        {"name": "torchvision:CenterCrop", "size": 2},
    ]
    expected = v2.functional.center_crop(v2.functional.horizontal_flip(picture), [2, 2])
    assert torch.equal(in_workers(entries)(picture), expected)


def test_none_for_none():
    assert in_workers([]) is None


def test_an_unknown_transform_lists_the_nearest():
    with pytest.raises(BadValue, match="Did you mean torchvision:RandomResizedCrop"):
        in_workers([{"name": "torchvision:RandomResizdCrop", "size": 3}])


def test_an_unknown_option_is_refused_by_name():
    with pytest.raises(BadValue, match=r"options of torchvision:Resize .* got zise=3"):
        in_workers([{"name": "torchvision:Resize", "zise": 3}])
