"""A picture that a class, or a unit of any layer, answers to most."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netwright import _random
from netwright._errors import must_be, offenders
from netwright.explain.gradient import differentiated, leaf
from netwright.explain.inside.examined import examined
from netwright.explain.inside.layers import Layer, named_layer
from netwright.explain.inside.outputs import output_of
from netwright.explain.inside.target import Target, chosen, scores

__all__ = ["Limits", "activation_maximisation", "value_range"]

Limits = tuple[Tensor, Tensor]
"""The smallest and the largest value of each colour, (c, 1, 1) each or numbers."""

_NOISE = 0.05  # in the model's units of input, where pictures have a deviation of about 1


def activation_maximisation(
    model: nn.Module,
    start: Float[Tensor, "n ..."] | Sequence[int],
    *,
    target: Target = None,
    layer: Layer | None = None,
    steps: int = 256,
    step_size: float = 0.05,
    l2: float = 0.0,
    jitter: int = 0,
    frequency_prior: float = 0.0,
    limits: Limits | None = None,
    seed: int = 0,
) -> Float[Tensor, "n ..."]:
    """A picture that maximises score − l2 · ‖picture‖², by gradient ascent from `start`.

    Without priors the score is reached by noise that no eye reads; each prior is off at 0 and works
    without the others. What it shows is what suffices for the score, not what pictures of the class
    look like.

    Paper: Visualizing Higher-Layer Features of a Deep Network, Erhan et al. 2009; Deep Inside
    Convolutional Networks, 2013, https://arxiv.org/abs/1312.6034 (classes, L2); Feature
    Visualization, Olah et al. 2017, https://distill.pub/2017/feature-visualization (jitter,
    frequencies)

    Differs: steps are Adam's, with a size that falls to 0 by a cosine, so that they need no tuning
    to the network and end at the maximum where there is one.

    Args:
        model: any, in any mode; it is left as it was.
        start: pictures (n, c, h, w) as the model takes them, or their shape, for noise around the
            middle of `limits`, or around 0 without.
        target: what is maximised: a class, one for each picture, or a function of the output, see
            `explain.Target`; None for the class that `start` is taken for.
        layer: maximise a unit of this layer in place of the model's output: `target` is then the
            number of a channel, whose mean over the places counts, or a function of what the layer
            gives, e.g. `lambda maps: maps[:, 3, 7, 7]`.
        steps: updates of the picture.
        step_size: how far a step moves a value, about, at first; in the model's units of input.
        l2: weight of the sum of squares; 0 in the model's units of input is the mean colour.
        jitter: before each step the picture is rolled by up to so many pixels each way.
        frequency_prior: exponent p: the picture's Fourier coefficients are what the steps move,
            scaled by 1 / frequency^p, so that fine patterns come slower than coarse ones. 1 is as
            in pictures of nature.
        limits: the values a picture can have, kept at each step; see `value_range`.
        seed: of noise and jitter, drawn from a generator of their own.

    Returns:
        As `start`; picture after picture is as if it were the only one.

    Example:
        >>> model = nn.Linear(2, 1, bias=False)
        >>> best = activation_maximisation(model, (1, 2), target=0, l2=0.5, steps=500)
        >>> torch.allclose(best, model.weight, atol=1e-3)
        True

    Raises:
        BadValue: a setting out of its range, or a score that does not depend on the start, as
            that of a unit whose rectifier is shut.
    """
    _check(steps=steps, step_size=step_size, l2=l2, jitter=jitter, frequency_prior=frequency_prior)
    generator = _random.generator(seed, "activation maximisation")
    with examined(model) as opened:
        first, basis = _first(opened, start, limits, prior=frequency_prior, generator=generator)
        if jitter and first.ndim != 4:
            raise must_be("jitter", "0 for what is no picture (n, c, h, w)", jitter)
        score = _scorer(opened, layer, target)
        fixed = _fixed(score, first, target)
        point = basis.numbers(first).requires_grad_()
        ascent = torch.optim.Adam([point], lr=step_size, maximize=True)
        for step in range(steps):
            ascent.param_groups[0]["lr"] = step_size * (1 + math.cos(math.pi * step / steps)) / 2
            picture = basis.picture(point)
            aim = scores(score(_rolled(picture, jitter, generator)), fixed)
            aim = aim - l2 * picture.square().flatten(1).sum(1)
            point.grad = differentiated(aim, point)
            ascent.step()
            _keep_within(limits, point, basis)
        last = basis.picture(point).detach()
    return last if limits is None else _within(last, limits)


def value_range(*, mean: Sequence[float], std: Sequence[float]) -> Limits:
    """The limits of pictures whose colours, from 0 to 1, were shifted by −mean and divided by std.

    Example:
        >>> low, high = value_range(mean=[0.5], std=[0.25])
        >>> low.item(), high.item()
        (-2.0, 2.0)
    """
    shift, scale = (torch.tensor(list(one)).reshape(-1, 1, 1) for one in (mean, std))
    return -shift / scale, (1 - shift) / scale


class _Pixels:
    """The numbers that are moved are the pixels."""

    def numbers(self, picture: Tensor) -> Tensor:
        return picture.detach().clone()

    def picture(self, numbers: Tensor) -> Tensor:
        return numbers


class _Frequencies:
    """The numbers that are moved are Fourier coefficients, those of fine patterns scaled down.

    Scales are 1 in root mean square, so that a step moves pixels about as far as one in pixels.
    """

    def __init__(self, shape: Sequence[int], exponent: float, *, like: Tensor) -> None:
        self._size = height, width = tuple(shape[-2:])
        rows = torch.fft.fftfreq(height, dtype=torch.double)[:, None]
        columns = torch.fft.fftfreq(width, dtype=torch.double)[None]
        frequency = (rows.square() + columns.square()).sqrt().clamp(min=1 / max(height, width))
        scale = frequency.pow(-exponent)
        scale = (scale / scale.square().mean().sqrt())[:, : width // 2 + 1]
        self._scale = scale.to(like.device, like.dtype)

    def numbers(self, picture: Tensor) -> Tensor:
        spectrum = torch.fft.rfft2(picture.detach(), norm="ortho") / self._scale
        return torch.view_as_real(spectrum).clone()

    def picture(self, numbers: Tensor) -> Tensor:
        return self._pixels(torch.view_as_complex(numbers) * self._scale)

    def noise(self, white: Tensor) -> Tensor:
        """Noise of the same strength, with the prior's frequencies."""
        return self._pixels(torch.fft.rfft2(white, norm="ortho") * self._scale)

    def _pixels(self, spectrum: Tensor) -> Tensor:
        picture: Tensor = torch.fft.irfft2(spectrum, s=self._size, norm="ortho")
        return picture


def _first(
    model: nn.Module,
    start: Tensor | Sequence[int],
    limits: Limits | None,
    *,
    prior: float,
    generator: torch.Generator,
) -> tuple[Tensor, _Pixels | _Frequencies]:
    """Where the ascent begins, and what its steps move."""
    drawn = not isinstance(start, Tensor)
    if isinstance(start, Tensor):
        picture = leaf(start)[0].detach()
    else:
        real = [value.detach() for value in model.parameters() if value.is_floating_point()]
        white = torch.randn(tuple(start), generator=generator)
        picture = white.to(real[0].device, real[0].dtype) if real else white
    if prior and picture.ndim != 4:
        raise must_be("frequency_prior", "0 for what is no picture (n, c, h, w)", prior)
    basis = _Frequencies(picture.shape, prior, like=picture) if prior else _Pixels()
    if drawn:
        shaped = basis.noise(picture) if isinstance(basis, _Frequencies) else picture
        picture = _NOISE * shaped + _middle(limits, like=picture)
    return (picture if limits is None else _within(picture, limits)), basis


def _middle(limits: Limits | None, *, like: Tensor) -> Tensor:
    if limits is None:
        return torch.zeros((), device=like.device, dtype=like.dtype)
    low, high = (torch.as_tensor(one, device=like.device, dtype=like.dtype) for one in limits)
    return (low + high) / 2


@torch.no_grad()
def _keep_within(limits: Limits | None, point: Tensor, basis: _Pixels | _Frequencies) -> None:
    if limits is not None:
        point.copy_(basis.numbers(_within(basis.picture(point), limits)))


def _within(picture: Tensor, limits: Limits) -> Tensor:
    low, high = (torch.as_tensor(one, device=picture.device, dtype=picture.dtype) for one in limits)
    return picture.clamp(low.expand_as(picture), high.expand_as(picture))


def _scorer(model: nn.Module, layer: Layer | None, target: Target) -> Callable[[Tensor], Any]:
    """From a picture to what `target` chooses from: the output, or what a layer gives."""
    if layer is None:
        return model
    path, _ = named_layer(model, layer)

    def score(picture: Tensor) -> Any:
        output = output_of(model, picture, path=path)
        maps = isinstance(output, Tensor) and output.ndim > 2
        return output.flatten(2).mean(2) if maps and not callable(target) else output

    return score


def _fixed(score: Callable[[Tensor], Tensor], first: Tensor, target: Target) -> Target:
    """The target that stays while the picture changes.

    Raises:
        BadValue: the score of some picture does not change with it at all.
    """
    given, seen = leaf(first)
    output = score(seen)
    fixed = chosen(output, target)
    slope = differentiated(scores(output, fixed), given)
    stuck = (slope.flatten(1) == 0).all(1).nonzero().flatten().tolist()
    if stuck:
        fix = "Its rectifier may be shut: give another start or seed, or the layer before it."
        shown = f"one without any slope for picture {offenders(stuck)}"
        raise must_be("target", "a score that changes with the start", shown, fix)
    return fixed


def _rolled(picture: Tensor, most: int, generator: torch.Generator) -> Tensor:
    if not most:
        return picture
    by = torch.randint(-most, most + 1, (2,), generator=generator).tolist()
    return picture.roll(by, dims=(2, 3))


def _check(*, steps: int, step_size: float, l2: float, jitter: int, frequency_prior: float) -> None:
    if steps < 1:
        raise must_be("steps", "at least 1", steps)
    if not 0 < step_size < math.inf:
        raise must_be("step_size", "above 0", step_size)
    for name, value in (("l2", l2), ("jitter", jitter), ("frequency_prior", frequency_prior)):
        if not 0 <= value < math.inf:
            raise must_be(name, "at least 0", value)
