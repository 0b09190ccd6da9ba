"""A tensor that stands for copies of a picture that differ from it in a box each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from netwright.explain.patched.region import Region
from netwright.explain.patched.rules import LATER, RULES

__all__ = ["Patched", "plain"]


class _Held:
    """What a tensor stands for: a region until somebody needs the whole maps, these from then on.

    So a view of the whole maps that is written into is seen by all who hold the tensor.
    """

    def __init__(self, region: Region | None, later: Callable[[], Tensor] | None = None) -> None:
        self.region = region
        self._later = later
        self._whole: Tensor | None = None

    def whole(self, *, in_order: bool = False) -> Tensor:
        """The maps; in the order of a plain tensor's memory if nobody has them otherwise."""
        if self._whole is None:
            found = self.region.whole() if self.region else self._later()  # type: ignore[misc]
            self._whole = found.contiguous() if in_order else found
            self.region = self._later = None
        return self._whole


class Patched(Tensor):
    """Copies of a map as one tensor (b, c, h, w), which any model takes.

    What is done with it is done in the boxes where there is a rule for it; where there is none, on
    the whole maps, and a plain tensor comes out.
    """

    held: _Held

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @staticmethod
    def __new__(  # noqa: D102
        cls: type[Patched], held: _Held, *, shape: torch.Size, like: Tensor
    ) -> Patched:
        return torch.Tensor._make_wrapper_subclass(cls, shape, dtype=like.dtype, device=like.device)

    def __init__(self, held: _Held, *, shape: torch.Size, like: Tensor) -> None:
        self.held = held

    @classmethod
    def of(cls, region: Region) -> Patched:
        """The tensor of a region."""
        return cls(_Held(region), shape=region.shape, like=region.base)

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]
        return f"Patched({tuple(self.shape)}, {'in boxes' if self.held.region else 'whole'})"

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, function: Any, types: Any, arguments: Any = (), keywords: Any = None
    ) -> Any:
        """One operation, by its rule or on the whole maps."""
        keywords = keywords or {}
        if function in _ALIASES:
            return cls(arguments[0].held, shape=arguments[0].shape, like=arguments[0])
        in_place = function._schema.name.endswith("_")
        rule = RULES.get(_functional(function) if in_place else function)
        if rule is not None:
            found = _by_rule(rule, function, in_place, arguments, keywords)
            if found is not NotImplemented:
                return found
        return _on_whole_maps(function, arguments, keywords)


def plain(output: Any) -> Any:
    """What a model gave, with whole maps in place of what stands for them."""
    return tree_map(
        lambda value: value.held.whole(in_order=True) if isinstance(value, Patched) else value,
        output,
    )


_VIEWS = {torch.ops.aten.view.default, torch.ops.aten._unsafe_view.default}
_ALIASES = {torch.ops.aten.detach.default, torch.ops.aten.alias.default}


def _by_rule(
    rule: Callable[..., Any], function: Any, in_place: bool, arguments: Any, keywords: Any
) -> Any:
    given = tuple(_opened(value) for value in arguments)
    if not any(_in_boxes(value) for value in given):
        return NotImplemented
    functional = _functional(function) if in_place else function
    found = rule(functional, *given, **keywords)
    if found is NotImplemented:
        return found
    if in_place:
        target = arguments[0]
        if not isinstance(target, Patched) or found.base.dtype != target.dtype:
            return NotImplemented
        if target.held.region is None:  # others may hold views of its whole maps
            return NotImplemented
        target.held.region = found
        return target
    if isinstance(found, Region):
        return Patched.of(found)
    main, *rest = (Patched.of(value) if isinstance(value, Region) else value for value in found)
    return main, *(_later(functional, given, main) if value is LATER else value for value in rest)


def _later(function: Any, given: tuple[Any, ...], main: Patched) -> Patched:
    def computed() -> Tensor:
        whole = (value.whole() if isinstance(value, Region) else value for value in given)
        found: Tensor = function(*whole)[1]
        return found

    return Patched(_Held(None, computed), shape=main.shape, like=torch.empty(0, dtype=torch.long))


def _opened(value: Any) -> Any:
    """The region of a tensor that still is one, its whole maps otherwise."""
    if isinstance(value, Patched):
        return value.held.region or value.held.whole()
    if isinstance(value, list | tuple):
        return [_opened(one) for one in value]
    return value


def _in_boxes(value: Any) -> bool:
    if isinstance(value, list):
        return any(_in_boxes(one) for one in value)
    return isinstance(value, Region)


def _on_whole_maps(function: Any, arguments: Any, keywords: Any) -> Any:
    """As it would have been done; a tensor that is given back as itself stays the same object."""
    known: dict[int, Patched] = {}
    in_order = function in _VIEWS  # asked for since the tensor looks as if its memory were in order

    def whole(value: Any) -> Any:
        if not isinstance(value, Patched):
            return value
        found = value.held.whole(in_order=in_order)
        known[id(found)] = value
        return found

    arguments, keywords = tree_map(whole, (arguments, keywords))
    return tree_map(lambda value: known.get(id(value), value), function(*arguments, **keywords))


def _functional(function: Any) -> Any:
    """The operation that gives a new tensor where this one writes into its first."""
    name = function._schema.name.removeprefix("aten::")[:-1]
    family = getattr(torch.ops.aten, name, None)
    return getattr(family, function._overloadname, None)
