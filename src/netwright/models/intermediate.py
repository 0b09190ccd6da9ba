"""Named intermediate features of any network: the deepest map at each stride, and their values."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import NothingObserved, must_be, offenders, unknown
from netwright.models.graph.description import example as given_example
from netwright.models.graph.record import refuse_others
from netwright.models.initialisation.standing import standing_still

__all__ = ["FeatureStage", "intermediate_features", "stages"]

MORE = 192  # pixels: a multiple of all strides up to 64, and of three times these up to 192


@dataclass(frozen=True, kw_only=True)
class FeatureStage:
    """A map inside a network.

    Attributes:
        name: path of the module that gives it.
        stride: pixels of the input between two neighbours of the map, down and across.
        channels: of the map.
        size: height and width for the example.
        channels_last: it is (n, h, w, c), not (n, c, h, w).
    """

    name: str
    stride: tuple[int, int]
    channels: int
    size: tuple[int, int]
    channels_last: bool = False


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """A module's last call: shapes of what it took and gave, maps alone."""

    took: tuple[int, ...] | None
    gave: tuple[int, ...] | None


def stages(network: nn.Module, example: Tensor | Sequence[int]) -> tuple[FeatureStage, ...]:
    """The deepest map at each stride, in the order of the strides.

    For a pyramid, a decoder, or a head on what lies in the middle of a network. A stride is how
    much a map grows with the picture: the network runs on stand-ins without values of two sizes, so
    that neither edges nor gates that see all of the picture change it. Where the larger picture is
    refused, it is the quotient of sizes that divide. What is pooled to a fixed size is no stage.
    A block that takes one stride and gives the next has the last map of neither inside.

    Args:
        network: any; it is left as it is.
        example: pictures (n, c, h, w), or the shape (c, h, w) of one. Only the shape counts.

    Example:
        >>> network = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.MaxPool2d(2))
        >>> [(stage.name, stage.stride, stage.channels) for stage in stages(network, (3, 32, 32))]
        [('1', (2, 2), 8), ('2', (4, 4), 8)]

    Raises:
        BadType: `network` is no module.
        BadValue: an example that is no picture.
    """
    refuse_others(network)
    pictures = given_example(network, example)
    if not isinstance(pictures, Tensor) or pictures.ndim != 4:
        shape = tuple(pictures.shape) if isinstance(pictures, Tensor) else pictures
        raise must_be("example", "pictures (n, c, h, w), or the shape of one", shape)
    shape = tuple(pictures.shape)
    larger = (*shape[:2], shape[2] + MORE, shape[3] + MORE)
    runner = _runner(network, pictures)
    seen, grown = runner(shape), runner(larger)
    maps = {
        path: found
        for path, one in seen.items()
        if path and (found := _map(path, one, grown.get(path), shape=shape)) is not None
    }
    best: dict[tuple[int, int], tuple[int, str]] = {}
    for path, stage in maps.items():  # in the order in which they were ready
        left = _left_behind(path, stage, network, seen=seen, grown=grown, shape=shape)
        if stage.stride not in best or left <= best[stage.stride][0]:
            best[stage.stride] = (left, path)
    return tuple(maps[path] for _, (_, path) in sorted(best.items()))


def intermediate_features(
    network: nn.Module, inputs: Float[Tensor, "n ..."], *, names: Sequence[str]
) -> dict[str, Tensor]:
    """What the modules of these paths give for `inputs`; gradients flow through it.

    The network runs once, in the mode it is in, to its end. A module that is called several times
    tells of its last call. Values are copies: what comes after may write in place.

    Args:
        network: any; it is left as it is, and hooks are taken off whatever happens.
        inputs: as it takes them.
        names: of `stages`, or any paths of modules that give one tensor.

    Returns:
        Name → value, in the order of `names`.

    Example:
        >>> network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(inplace=True))
        >>> before = intermediate_features(network, torch.randn(1, 3, 8, 8), names=["0"])["0"]
        >>> before.shape, bool((before < 0).any())
        (torch.Size([1, 8, 6, 6]), True)

    Raises:
        BadValue: a path that the network hasn't.
        NothingObserved: a module that did not run, or gave no tensor.
    """
    refuse_others(network)
    modules = dict(network.named_modules())
    strangers = [name for name in names if name not in modules]
    if strangers:
        raise unknown("name", strangers[0], modules)
    kept: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, taken: Any, given: Any) -> None:
            if isinstance(given, Tensor):
                kept[name] = given.clone()

        return hook

    with _hooked({name: modules[name] for name in names}, keep):
        network(inputs)
    missing = [name for name in names if name not in kept]
    if missing:
        raise NothingObserved(
            f"names must be those of modules that run and give a tensor, got "
            f"names={offenders(missing)}. Take those of stages(network, example)."
        )
    return {name: kept[name] for name in names}


@contextmanager
def _hooked(
    modules: dict[str, nn.Module], make: Callable[[str], Callable[..., None]]
) -> Iterator[None]:
    hooks = [module.register_forward_hook(make(path)) for path, module in modules.items()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _runner(network: nn.Module, pictures: Tensor) -> Callable[[tuple[int, ...]], dict[str, _Seen]]:
    """Runs the network on pictures of a shape: without values, or a copy of it on real ones."""
    own = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    shadow = {name: value.detach().to("meta") for name, value in own.items()}

    def on_stand_ins(shape: tuple[int, ...]) -> tuple[dict[str, _Seen], Exception | None]:
        empty = pictures.new_empty(shape, device="meta")
        return _seen(network, lambda: torch.func.functional_call(network, shadow, (empty,)))

    def on_numbers(shape: tuple[int, ...]) -> tuple[dict[str, _Seen], Exception | None]:
        double = copy.deepcopy(network)
        return _seen(double, lambda: double(pictures.new_zeros(shape)))

    seen, error = on_stand_ins(tuple(pictures.shape))
    run = on_stand_ins
    if error is not None:
        run = on_numbers
        seen, error = on_numbers(tuple(pictures.shape))
    if error is not None:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise must_be(
            "example", f"what {type(network).__name__} takes", tuple(pictures.shape), f"{said}."
        ) from error
    first = seen
    return lambda shape: first if shape == tuple(pictures.shape) else run(shape)[0]


def _seen(network: nn.Module, run: Callable[[], Any]) -> tuple[dict[str, _Seen], Exception | None]:
    """What each module took and gave, in the order in which they ended; and what stopped it."""
    found: dict[str, _Seen] = {}

    def keep(path: str) -> Callable[..., None]:
        def hook(module: nn.Module, taken: tuple[Any, ...], given: Any) -> None:
            found.pop(path, None)
            found[path] = _Seen(took=_shape(taken[0] if taken else None), gave=_shape(given))

        return hook

    modules = dict(network.named_modules())
    error = None
    with standing_still(network), torch.no_grad(), _hooked(modules, keep):
        try:
            run()
        except Exception as raised:  # whatever a network says of a size
            error = raised
    return found, error


def _shape(value: Any) -> tuple[int, ...] | None:
    return tuple(value.shape) if isinstance(value, Tensor) and value.ndim == 4 else None


def _map(
    path: str, one: _Seen, larger: _Seen | None, *, shape: tuple[int, ...]
) -> FeatureStage | None:
    if one.gave is None:
        return None
    grown = None if larger is None else larger.gave
    found = _stride(one.gave, grown, shape=shape)
    if found is None:
        return None
    stride, channels_last = found
    down, channels = (1, 3) if channels_last else (2, 1)
    return FeatureStage(
        name=path,
        stride=stride,
        channels=one.gave[channels],
        size=(one.gave[down], one.gave[down + 1]),
        channels_last=channels_last,
    )


def _stride(
    gave: tuple[int, ...], grown: tuple[int, ...] | None, *, shape: tuple[int, ...]
) -> tuple[tuple[int, int], bool] | None:
    """The stride of a map, and whether its channels come last; None where it is no such map."""
    for down, channels in ((2, 1), (1, 3)):
        if grown is not None and grown[channels] != gave[channels]:
            continue
        pairs = [
            _along(
                shape[2 + axis], gave[down + axis], None if grown is None else grown[down + axis]
            )
            for axis in (0, 1)
        ]
        if pairs[0] is not None and pairs[1] is not None:
            return (pairs[0], pairs[1]), down == 1
    return None


def _along(pixels: int, places: int, grown: int | None) -> int | None:
    if grown is None:
        return pixels // places if places > 1 and pixels % places == 0 else None
    if grown <= places:
        return None
    stride = Fraction(MORE, grown - places)
    return int(stride) if stride.denominator == 1 else None


def _left_behind(
    path: str,
    stage: FeatureStage,
    network: nn.Module,
    *,
    seen: dict[str, _Seen],
    grown: dict[str, _Seen],
    shape: tuple[int, ...],
) -> int:
    """How many blocks around a map take its stride and give another: it is on their way there."""
    count = 0
    parent = path.rpartition(".")[0]
    while parent:
        one, larger = seen.get(parent), grown.get(parent)
        if one is not None and type(network.get_submodule(parent)) is not nn.Sequential:
            took = one.took and _stride(
                one.took, None if larger is None else larger.took, shape=shape
            )
            gave = one.gave and _stride(
                one.gave, None if larger is None else larger.gave, shape=shape
            )
            changes = took is not None and gave is not None and took[0] != gave[0]
            count += bool(changes and took and took[0] == stage.stride)
        parent = parent.rpartition(".")[0]
    return count
