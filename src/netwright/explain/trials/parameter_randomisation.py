"""Parameter randomisation: a map of a model that knows nothing must not look the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import must_be
from netwright.explain.gradient import leaf
from netwright.explain.inside.examined import examined
from netwright.explain.inside.layers import Layer, named_layer
from netwright.explain.inside.target import Target, chosen
from netwright.explain.trials.likeness import Likeness, likeness
from netwright.explain.trials.method import Method, mapped, named_method
from netwright.explain.trials.redrawn import Layers, copied, learned_layers, redraw, settle

__all__ = ["Randomisation", "compared", "parameter_randomisation"]


@dataclass(frozen=True, kw_only=True)
class Randomisation:
    """How alike maps are before and after layers were drawn anew.

    Attributes:
        layers: path of the layer of each stop, from the output to the input.
        stops: how alike the maps are at each stop.
    """

    layers: tuple[str, ...]
    stops: tuple[Likeness, ...]

    @property
    def highest(self) -> Float[Tensor, "n t"]:
        """The larger rank correlation of each picture at each stop, with or without sign."""
        return torch.stack([stop.highest for stop in self.stops], 1)


def parameter_randomisation(
    model: nn.Module,
    inputs: Float[Tensor, "n ..."],
    *,
    method: Method,
    target: Target = None,
    layers: Sequence[Layer] | None = None,
    seed: int = 0,
) -> Randomisation:
    """Draw layer after layer anew, from the output to the input, and see the map change.

    A map that stays what it was when nothing is left of what the model learned does not tell about
    the model: an edge detector gives 1 at every stop. Guided backpropagation is known to hardly
    change but in its last stops.

    Each parameter is drawn from a normal law with its own mean and spread; statistics of batch
    normalisations behind a new layer are measured anew on the inputs, since the old ones would blow
    up what it gives. All of it in a copy.

    Paper: Sanity Checks for Saliency Maps, 2018, https://arxiv.org/abs/1810.03292

    Differs: the paper draws from the law of the initialisation, which a trained model no longer
    tells; with the trained scale kept, a changed map is owed to what was known, not to its scale.

    Args:
        model: any, in any mode; it is left as it was.
        inputs: (n, c, h, w) pictures as the model takes them, or rows (n, d).
        method: a name of the catalogue, or a function; see `explain.method.Method`.
        target: see `explain.Target`; None for the class that the trained model predicts.
        layers: stops, at each of which that layer and all nearer to the output are drawn anew;
            None for all that have weights. Each costs the maps once.
        seed: of the drawn parameters.

    Raises:
        BadValue: no such method or layer, or the model has no parameters or can't be copied.
    """
    return compared(
        model, inputs, method=method, target=target, layers=layers, seed=seed, drawn=_so_far
    )


def _so_far(layers: Sequence[Layers], stop: int) -> Sequence[Layers]:
    return layers[: stop + 1]


def compared(
    model: nn.Module,
    inputs: Tensor,
    *,
    method: Method,
    target: Target,
    layers: Sequence[Layer] | None,
    seed: int,
    drawn: Callable[[Sequence[Layers], int], Sequence[Layers]],
) -> Randomisation:
    """The maps of a model beside those of copies of it.

    Args:
        model: see `parameter_randomisation`.
        inputs: see there.
        method: see there.
        target: see there.
        layers: see there.
        seed: see there.
        drawn: which layers are drawn anew at a stop, of all of them from the output to the input.
    """
    _, function = named_method(method)
    with examined(model) as opened:
        given = leaf(inputs)[0].detach()
        with torch.no_grad():
            kept = chosen(opened(given.clone()), target)
        known = learned_layers(opened, given)
        stops = _stops(opened, known, layers)
        before = mapped(opened, given, method=function, target=kept)
        found = []
        for stop in stops:
            twin = copied(opened)
            new = drawn(known, stop)
            redraw(twin, new, seed=seed)
            settle(twin, given, after=new)
            after = mapped(twin, given, method=function, target=kept)
            found.append(likeness(before, after, inputs=given))
    return Randomisation(layers=tuple(known[stop].path for stop in stops), stops=tuple(found))


def _stops(
    model: nn.Module, known: Sequence[Layers], layers: Iterable[Layer] | None
) -> Sequence[int]:
    if layers is None:
        return range(len(known))
    paths = [layer.path for layer in known]
    wanted = [named_layer(model, layer)[0] for layer in layers]
    for path in wanted:
        if path not in paths:
            raise must_be("layers", f"among {', '.join(paths)}", path)
    return sorted(paths.index(path) for path in wanted)
