"""The checker that the whole suite leans on, seen to fail where it should."""

from __future__ import annotations

import pytest
import torch
from jaxtyping import Float, TypeCheckError, jaxtyped
from torch import Tensor

from shape_checker import check


@jaxtyped(typechecker=check)
def pair_distance(
    first: Float[Tensor, "n d"], second: Float[Tensor, "n d"], power: int = 2
) -> Float[Tensor, " n"]:
    if first.ndim != 2:
        raise ValueError("the package's own sentence")
    return (first - second).abs().pow(power).sum(-1 if power < 9 else 0)


def test_agreeing_shapes_pass_and_other_types_are_not_its_business():
    assert pair_distance(torch.ones(3, 2), torch.ones(3, 2), power=2.0).shape == (3,)


@pytest.mark.parametrize(
    "arguments",
    [
        (torch.ones(3, 2), torch.ones(1, 2)),  # broadcasts in silence
        (torch.ones(3, 2), torch.ones(3, 2, dtype=torch.int64)),
        (torch.ones(3, 2), torch.ones(3, 2), 9),  # wrong shape comes out
    ],
)
def test_disagreement_is_an_error(arguments):
    with pytest.raises(TypeCheckError):
        pair_distance(*arguments)


def test_the_function_speaks_first():
    with pytest.raises(ValueError, match="own sentence"):
        pair_distance(torch.ones(3), torch.ones(3))


def test_the_package_is_under_the_checker():
    from netwright import _random

    assert hasattr(_random.derive, "__wrapped__"), "the import hook came too late"
