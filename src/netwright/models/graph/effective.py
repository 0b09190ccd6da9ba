"""How much of its receptive field a unit really uses."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netwright._errors import must_be, unknown
from netwright.models.graph.record import numbers_of

__all__ = ["EffectiveAxis", "EffectiveField", "effective_receptive_field"]

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class EffectiveAxis:
    """A Gaussian fitted to the gradient's profile along one axis.

    Attributes:
        centre: where it lies, in positions of the input.
        sigma: its standard deviation, in positions.
        fit: share of the profile's variance that it explains; 1 is a perfect Gaussian.
    """

    centre: float
    sigma: float
    fit: float

    @property
    def size(self) -> float:
        """Positions within two standard deviations of the centre, which hold 95 % of it."""
        return 4 * self.sigma


@dataclass(frozen=True, kw_only=True)
class EffectiveField:
    """What a layer's middle unit takes from each position of the input.

    Attributes:
        layer: path of the module.
        axes: the Gaussian along each axis of the input.
        profiles: for each axis, the mean gradient magnitude at each position, 1 at most.
        examples: inputs it is the mean over.
    """

    layer: str
    axes: tuple[EffectiveAxis, ...]
    profiles: tuple[tuple[float, ...], ...]
    examples: int


def effective_receptive_field(
    model: nn.Module, inputs: Tensor, *, layers: str | Sequence[str]
) -> dict[str, EffectiveField]:
    """Measure how much of its receptive field the middle unit of a layer uses.

    The mean over inputs of the gradient's magnitude at each position, of the sum over channels of
    the middle unit. In a stack of many convolutions it is close to a Gaussian and much smaller than
    the theoretical field.

    Paper: Understanding the Effective Receptive Field in Deep Convolutional Neural Networks, 2016,
        https://arxiv.org/abs/1701.04128
    Differs: the Gaussian is fitted by least squares to the profile along each axis (the gradient
        summed over the other axes), instead of counting the positions above 4.55 % of the centre.

    Args:
        model: any module; it runs in evaluation mode and stays as it was.
        inputs: (n, c, ...) real examples or random ones; more of them make a smoother mean. They
            are taken to the model's device and precision.
        layers: paths of the modules that are looked at.

    Returns:
        For each layer its field; axes are those of `inputs` after batch and channel.

    Raises:
        BadValue: no module of that path, it never ran, its output has no positions, or the inputs
            are integers, which have no gradient.
    """
    if not inputs.is_floating_point():
        raise must_be("inputs", "numbers that have a gradient", str(inputs.dtype))
    wanted = [layers] if isinstance(layers, str) else list(layers)
    double = copy.deepcopy(model).eval()
    known = dict(double.named_modules())
    strangers = [name for name in wanted if name not in known]
    if strangers:
        raise unknown("layer", strangers[0], known)
    taken: dict[str, Tensor] = {}
    for name in wanted:
        known[name].register_forward_hook(_Taken(name, taken))
    inputs = inputs.detach().to(numbers_of(double)).clone().requires_grad_()
    with torch.enable_grad():
        double(inputs)
    return {name: _measured(name, taken, inputs) for name in wanted}


@dataclass(frozen=True)
class _Taken:
    """A hook that keeps an output; what comes after may write into it."""

    name: str
    kept: dict[str, Tensor]

    def __call__(self, _: nn.Module, __: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            self.kept[self.name] = output.clone()


def _measured(name: str, taken: dict[str, Tensor], inputs: Tensor) -> EffectiveField:
    if name not in taken or taken[name].ndim != inputs.ndim or inputs.ndim < 3:
        shown = tuple(taken[name].shape) if name in taken else "no tensor"
        raise must_be("layer", f"one with positions, as {name} has none", shown)
    output = taken[name]
    middle = tuple(size // 2 for size in output.shape[2:])
    for place in reversed(middle):
        output = output[..., place]
    unit = output.sum()
    (gradient,) = torch.autograd.grad(unit, inputs, retain_graph=True)
    weight = gradient.abs().cpu().double().mean(0).sum(0).numpy()
    if not weight.any():
        raise must_be("layer", "one whose middle unit depends on the input", name)
    profiles = []
    for axis in range(weight.ndim):
        profile = weight.sum(tuple(other for other in range(weight.ndim) if other != axis))
        profiles.append(profile / profile.max())
    return EffectiveField(
        layer=name,
        axes=tuple(map(_gaussian, profiles)),
        profiles=tuple(tuple(float(one) for one in profile) for profile in profiles),
        examples=len(inputs),
    )


def _gaussian(profile: Array) -> EffectiveAxis:
    """The Gaussian nearest to a profile, from its moments on."""
    from scipy.optimize import least_squares

    places = np.arange(len(profile), dtype=float)
    mass = profile / profile.sum()
    centre = float((mass * places).sum())
    spread = float(np.sqrt((mass * (places - centre) ** 2).sum())) or 0.5

    def off(values: Array) -> Array:
        height, middle, sigma = values
        return np.asarray(height * np.exp(-0.5 * ((places - middle) / sigma) ** 2) - profile)

    bounds = ([0.0, -len(profile), 0.1], [10.0, 2.0 * len(profile), 4.0 * len(profile)])
    start = [1.0, float(profile.argmax()), max(spread, 0.2)]
    found = least_squares(off, start, bounds=bounds)
    left, all_of_it = (found.fun**2).sum(), ((profile - profile.mean()) ** 2).sum()
    fit = 1.0 - float(left / all_of_it) if all_of_it else 0.0
    return EffectiveAxis(centre=float(found.x[1]), sigma=float(found.x[2]), fit=fit)
