"""Maps within a network, and how the score changes with them.

The network runs once, without a graph up to the layer that is asked for (or a guess at the last
one with maps): only what comes after it is recorded, so this costs little more than a prediction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import BadType, must_be
from netwright.explain.inside.layers import Layer, named_layer
from netwright.explain.inside.layouts import in_quick_layouts
from netwright.explain.inside.places import Places, PlacesSeen, pictures
from netwright.explain.inside.target import Target, chosen, scores

__all__ = ["Tail", "tail"]


@dataclass(frozen=True, kw_only=True)
class Tail:
    """What lies between a layer and the score.

    Attributes:
        layer: the path of the layer.
        maps: (n, c, h, w), what it gave.
        gradients: of the score by the maps.
        target: what is explained, with classes in place of None.
    """

    layer: str
    maps: Float[Tensor, "n c h w"]
    gradients: Float[Tensor, "n c h w"]
    target: Target


@dataclass
class _Run:
    """One output with places, as the score may depend on it."""

    path: str
    places: Places
    mark: Tensor
    given: Tensor
    version: int


class _Recorder:
    """Marks outputs while the model runs, from the module `begin` on, or all of them."""

    def __init__(self, inputs: Tensor, *, only: nn.Module | None, begin: nn.Module | None) -> None:
        self._seen = PlacesSeen(inputs)
        self.only, self.begin = only, begin
        self._recording = begin is None
        self.runs: list[_Run] = []
        self.refused: object = None

    def before(self, module: nn.Module, _: object) -> None:
        if module is not self.only:
            self._record()

    def _record(self) -> None:
        self._recording = True
        torch.set_grad_enabled(True)

    def after(self, path: str) -> Callable[..., Tensor | None]:
        def hook(module: nn.Module, _: object, output: object) -> Tensor | None:
            places = self._seen.find(module, output)
            if module is self.begin:
                self._record()
            if module is self.only and places is None:
                self.refused = output
            if places is None or not self._recording or not self._takes(module, output):
                return None
            return self._marked(path, places, output)

        return hook

    def _takes(self, module: nn.Module, output: Any) -> bool:
        """Within an attention tokens are queries, keys and values, which are nobody's maps."""
        if self.only is not None:
            return module is self.only
        is_norm = "Norm" in type(module).__name__
        return output.ndim == 4 or is_norm or next(module.children(), None) is not None

    def _marked(self, path: str, places: Places, output: Any) -> Tensor | None:
        """The output to go on with, which may be changed in place."""
        last = self.runs[-1] if self.runs else None
        if last and output is last.given and output._version == last.version:
            if last.path.startswith(f"{path}."):  # the block that ends with it
                last.path = path
            return None
        mark: Tensor = output.clone()
        if not mark.requires_grad:
            mark.requires_grad_()
        given: Tensor = mark.clone()
        self.runs.append(_Run(path, places, mark, given, given._version))
        return given


def tail(
    model: nn.Module, inputs: Float[Tensor, "n c h w"], *, target: Target, layer: Layer | None
) -> Tail:
    """The maps of a layer, and the gradient of the score by them.

    Args:
        model: opened by `examined`.
        inputs: (n, c, h, w) pictures as the model takes them.
        target: see `explain.Target`.
        layer: see `Layer`; its last run that the score depends on. None for the layer that
            `default_layer` names.

    Raises:
        BadType: inputs that are no real numbers, or an output that needs a function as `target`.
        BadValue: no pictures; or no such layer, or none with places on the picture that the score
            depends on.
    """
    path, only = (None, None) if layer is None else named_layer(model, layer)
    for begin in (_late(model) if only is None else only, None):
        run = partial(_recorded, model, inputs, target=target, only=only, begin=begin)
        found, recorder = in_quick_layouts(run, model=model, inputs=inputs)
        if found is not None and (begin in {only, None} or found.gradients.any()):
            return found
        if only is not None and not recorder.runs:
            break
    raise _refusal(model, path, recorder)


def _recorded(
    model: nn.Module,
    inputs: Tensor,
    *,
    target: Target,
    only: nn.Module | None,
    begin: nn.Module | None,
) -> tuple[Tail | None, _Recorder]:
    given = pictures(inputs)
    recorder = _Recorder(given, only=only, begin=begin)
    with _hooked(model, recorder), _no_graph(unless=begin is None):
        output = model(given)
    return _last(recorder, output, target), recorder


def _late(model: nn.Module) -> nn.Module | None:
    """A guess at the last module with maps, or one before: the last convolution or block."""
    order = list(model.modules())
    convolutions = [module for module in order if isinstance(module, nn.Conv2d)]
    blocks = [pair[1] for pair in map(_last_two, order) if pair and type(pair[0]) is type(pair[1])]
    blocks = [block for block in blocks if next(block.children(), None) is not None]
    places = {id(module): place for place, module in enumerate(order)}
    return max(
        [*convolutions[-1:], *blocks[-1:]], key=lambda module: places[id(module)], default=None
    )


def _last_two(module: nn.Module) -> list[nn.Module]:
    children = list(module.children())[-2:]
    return children if len(children) == 2 else []


@contextmanager
def _hooked(model: nn.Module, recorder: _Recorder) -> Iterator[None]:
    handles = []
    try:
        if recorder.begin is not None:
            handles.append(recorder.begin.register_forward_pre_hook(recorder.before))
        for path, module in model.named_modules():
            if path:
                handles.append(module.register_forward_hook(recorder.after(path)))
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _no_graph(*, unless: bool) -> Iterator[None]:
    """No graph until a hook begins it, and no fused encoder layers, whose parts call no hooks."""
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.set_grad_enabled(unless):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)


def _last(recorder: _Recorder, output: object, target: Target) -> Tail | None:
    """The last run that the score depends on, at the picture's places."""
    score = scores(output, target)
    if not score.requires_grad:
        return None
    unmoved: Tail | None = None
    for run in reversed(recorder.runs):
        gradient = torch.autograd.grad(score.sum(), run.mark, retain_graph=True, allow_unused=True)[
            0
        ]
        if gradient is None:
            continue
        by_maps = run.places.maps(gradient)
        found = Tail(
            layer=run.path,
            maps=run.places.maps(run.mark.detach()),
            gradients=by_maps,
            target=chosen(output, target),
        )
        if by_maps.any():
            return found
        if unmoved is None and (not run.places.ahead or not gradient.any()):
            unmoved = found
    return unmoved


def _refusal(model: nn.Module, path: str | None, recorder: _Recorder) -> Exception:
    name = type(model).__name__
    if path is None:
        rule = "one with maps (n, c, h, w) or a picture's tokens (n, t, d) on the way to its score"
        return must_be("model", rule, name, "gradient and occlusion need none.")
    fix = "layer=None takes the last that has maps and counts; default_layer names it."
    if recorder.runs:
        rule = "one whose output at the picture's places the score depends on"
        return must_be("layer", rule, path, fix)
    if recorder.refused is None:
        return must_be("layer", f"a module that {name} calls", path, fix)
    output = recorder.refused
    shown = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
    rule = f"one that gives maps (n, c, h, w) of several places, or tokens, as {path!r} does not"
    return must_be("layer", rule, shown, fix, error=BadType)
