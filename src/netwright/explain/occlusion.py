"""Occlusion: what the prediction loses when a part of the picture is covered."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import BadType, must_be
from netwright.explain.inside.at_layer import finite
from netwright.explain.inside.examined import examined
from netwright.explain.inside.target import Target, chosen
from netwright.explain.patched.covered import covered_outputs
from netwright.explain.patched.windows import Sides, Windows, windows_over
from netwright.explain.trials.fill import Fill, filled
from netwright.explain.trials.probability import log_probabilities

__all__ = ["occlusion", "occlusion_grid"]


def occlusion(
    model: nn.Module,
    inputs: Float[Tensor, "n ..."],
    *,
    target: Target = None,
    window: Sides | None = None,
    stride: Sides | None = None,
    fill: Fill = 0.0,
    batch_size: int = 32,
) -> Float[Tensor, "n ..."]:
    """How much −log P of the class grows while a window covers each place; the mean over windows.

    Needs no gradient and no layer: it asks the model itself. A forward pass for every window, of
    which only what the window can reach is computed where that is less.

    Paper: Visualizing and Understanding Convolutional Networks, 2013,
    https://arxiv.org/abs/1311.2901
    Differs: log P in place of P, which hardly changes at all where a net is sure.

    Args:
        model: any that gives scores before their softmax, in any mode; it is left as it was.
        inputs: (n, c, h, w) pictures as the model takes them, or rows (n, d), whose columns are
            covered.
        target: the class, see `explain.Target`; None for the predicted one. Of what a function
            of the output gives, the drop of that number itself.
        window: rows and columns of the window, or one number for both; None for a seventh of the
            shorter side (32 of 224), of rows for one column.
        stride: from one window to the next; None for half a window. Where the last would end
            before the picture does, one more ends with it; a pixel between windows gets the
            nearest's.
        fill: what stands under the window, see `explain.Fill`: a number, a tensor such as (c, 1,
            1), or a function such as `channel_mean`; 0 is the mean colour where the data's mean
            was subtracted.
        batch_size: so many windows at a time, and memory for no more.

    Returns:
        (n, h, w) for pictures, (n, d) for rows, in nats; above 0 where the class loses.

    Example:
        >>> model = nn.Linear(2, 2, bias=False)
        >>> _ = nn.init.eye_(model.weight)
        >>> occlusion(model, torch.tensor([[2.0, 1.0]])).round(decimals=2)
        tensor([[ 1.0000, -0.1900]])

    Raises:
        BadType: inputs that are no pictures or rows of real numbers.
        BadValue: a window larger than the picture, a fill that does not fit, NaN or infinity.
    """
    drops, windows = _drops(
        model, inputs, target=target, window=window, stride=stride, fill=fill, batch_size=batch_size
    )
    spread = windows.spread(drops)
    return spread if inputs.ndim == 4 else spread.squeeze(1)


def occlusion_grid(
    model: nn.Module,
    inputs: Float[Tensor, "n ..."],
    *,
    target: Target = None,
    window: Sides | None = None,
    stride: Sides | None = None,
    fill: Fill = 0.0,
    batch_size: int = 32,
) -> Float[Tensor, "n r s"]:
    """The same, one number for each window: rows of windows from above, columns from the left.

    Args:
        model: see `occlusion`.
        inputs: see `occlusion`.
        target: see `occlusion`.
        window: see `occlusion`.
        stride: see `occlusion`.
        fill: see `occlusion`.
        batch_size: see `occlusion`.

    Example:
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 2))
        >>> occlusion_grid(model, torch.rand(1, 3, 8, 8), window=4, stride=2).shape
        torch.Size([1, 3, 3])
    """
    return _drops(
        model, inputs, target=target, window=window, stride=stride, fill=fill, batch_size=batch_size
    )[0]


def _drops(
    model: nn.Module,
    inputs: Tensor,
    *,
    target: Target,
    window: Sides | None,
    stride: Sides | None,
    fill: Fill,
    batch_size: int,
) -> tuple[Tensor, Windows]:
    windows = _windows(inputs, window, stride)
    if type(batch_size) is not int or batch_size < 1:
        raise must_be("batch_size", "a whole number of at least 1", batch_size)
    with examined(model) as opened, torch.no_grad():
        given = inputs.detach()
        cover, asks = filled(given, fill), opened
        if given.ndim == 2:
            given, cover, asks = given[:, None, None], cover[:, None, None], _OfRows(opened)
        classes, before = _unoccluded(asks, given, target, batch_size)
        drops = before.new_empty((len(given), len(windows.places)))
        asked = [0] * len(given)
        for pictures, output in covered_outputs(
            asks,
            given,
            cover=cover,
            places=windows.places,
            size=windows.size,
            batch_size=batch_size,
        ):
            after = log_probabilities(output, _of(classes, pictures))
            for number, value in zip(pictures, after, strict=True):
                drops[number, asked[number]] = before[number] - value
                asked[number] += 1
    return drops.reshape(len(given), len(windows.tops), len(windows.lefts)), windows


class _OfRows(nn.Module):
    """A model of rows (n, d) that takes them as pictures (n, 1, 1, d)."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: Tensor) -> Any:
        """What the model gives for the rows."""
        return self.model(inputs.flatten(1))


def _unoccluded(
    model: nn.Module, inputs: Tensor, target: Target, batch_size: int
) -> tuple[Target, Tensor]:
    """What is explained of each, in a form that stays, and its number without a window."""
    given = target
    if target is not None and not callable(target) and not isinstance(target, int):
        given = torch.as_tensor(target)
        if given.ndim != 1 or len(given) != len(inputs):
            rule = f"one class, or {len(inputs)}: one for each example"
            raise must_be("target", rule, tuple(given.shape))
    found, before = [], []
    for some in torch.split(torch.arange(len(inputs)), batch_size):
        output = model(inputs[some])
        found.append(chosen(output, _of(given, some.tolist())))
        before.append(log_probabilities(output, found[-1]))
    classes = target if callable(target) else torch.cat([torch.as_tensor(one) for one in found])
    return classes, torch.cat(before)


def _of(target: Target, pictures: list[int]) -> Target:
    return target[pictures] if isinstance(target, Tensor) and target.ndim else target


def _windows(
    inputs: Tensor,
    window: Sides | None,
    stride: Sides | None,
) -> Windows:
    if not isinstance(inputs, Tensor) or not inputs.is_floating_point():
        shown = inputs.dtype if isinstance(inputs, Tensor) else type(inputs).__name__
        raise must_be("inputs", "a tensor of real numbers", shown, error=BadType)
    if inputs.ndim not in {2, 4}:
        rule = "pictures (n, c, h, w) or rows (n, d)"
        raise must_be("inputs", rule, tuple(inputs.shape), error=BadType)
    finite(inputs)
    if inputs.ndim == 4:
        over = (inputs.shape[2], inputs.shape[3])
        return windows_over(over, window=window, stride=stride)
    sizes = ((1, value) if isinstance(value, int) else value for value in (window, stride))
    window, stride = sizes
    return windows_over((1, inputs.shape[1]), window=window, stride=stride)
