"""Several methods asked about the same pictures."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netwright._catalogue import Entry
from netwright._errors import NetwrightError, unknown
from netwright.explain.catalogue import CATALOGUE
from netwright.explain.inside.target import Target
from netwright.explain.trials.method import Method, named_method

__all__ = ["Explanation", "Refusal", "explained", "explanations", "map_methods"]

AT_ONCE = 16  # pictures whose graphs are held at a time


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What one method says of n inputs.

    Attributes:
        method: its name.
        maps: (n, ...): of the inputs' shape, or one number for each place of a picture.
    """

    method: str
    maps: Tensor


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A method that is not defined for a model.

    Attributes:
        method: its name.
        reason: one sentence.
    """

    method: str
    reason: str


def map_methods() -> list[str]:
    """Names of the methods that give maps, in the order of the catalogue."""
    return [entry.name for entry in CATALOGUE if gives_maps(entry)]


def explanations(
    model: nn.Module,
    inputs: Float[Tensor, "n ..."],
    *,
    methods: Sequence[Method] | None = None,
    target: Target = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[Explanation | Refusal]:
    """The maps of each method, or why it has none for this model.

    Args:
        model: any, in any mode; it is left as it was.
        inputs: as the model takes them.
        methods: names or functions (model, inputs, *, target) → maps; None for all.
        target: see `explain.Target`; None for the predicted class.
        options: method → its own options, by name.

    Raises:
        BadValue: a method or an option that is not known.
    """
    wished: list[Method] = [*map_methods()] if methods is None else list(methods)
    loaded = [named_method(method) for method in wished]
    for method in options or {}:
        if method not in dict(loaded):
            raise unknown("method", method, [name for name, _ in loaded])
    own = {name: dict((options or {}).get(name, {})) for name, _ in loaded}
    for name, call in loaded:
        _check_options(name, call, own[name])
    found: list[Explanation | Refusal] = []
    for name, call in loaded:
        try:
            maps = explained(call, model, inputs=inputs, target=target, options=own[name])
        except NetwrightError as error:
            found.append(Refusal(method=name, reason=str(error)))
        else:
            found.append(Explanation(method=name, maps=maps))
    return found


def explained(
    call: Callable[..., Tensor],
    model: nn.Module,
    *,
    inputs: Tensor,
    target: Target = None,
    options: Mapping[str, Any] | None = None,
) -> Tensor:
    """One method's maps, some pictures at a time, in main memory.

    Args:
        call: the method.
        model: any.
        inputs: as it takes them.
        target: see `explain.Target`.
        options: the method's own.
    """
    pieces = []
    for start in range(0, len(inputs), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        pieces.append(
            call(model, inputs[part], target=_part(target, part), **(options or {})).detach().cpu()
        )
    return torch.cat(pieces)


def gives_maps(entry: Entry) -> bool:
    """Whether a method can be drawn beside others; of a third party's it is assumed."""
    return bool(entry.facts.get("gives", "map") == "map")


def _part(target: Target, part: slice) -> Target:
    is_each = isinstance(target, Sequence) or (isinstance(target, Tensor) and target.ndim == 1)
    return target[part] if is_each else target  # type: ignore[index]


def _check_options(name: str, call: Callable[..., Tensor], options: Mapping[str, Any]) -> None:
    parameters = inspect.signature(call).parameters.values()
    if any(one.kind is one.VAR_KEYWORD for one in parameters):
        return
    known = [one.name for one in parameters if one.kind is one.KEYWORD_ONLY]
    for option in options:
        if option not in known:
            raise unknown(f"option of {name}", option, [one for one in known if one != "target"])
