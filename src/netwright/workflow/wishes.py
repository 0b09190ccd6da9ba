"""What a person asks for from Python, as a recipe and the objects that no recipe can hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from netwright._errors import BadType, must_be
from netwright.methods.base import Method
from netwright.runs.recipe import Recipe
from netwright.workflow.build import GIVEN
from netwright.workflow.session import Given

__all__ = ["wished"]


def wished(
    data: Any,
    *,
    model: str | nn.Module | None,
    method: str | Method | None,
    fields: Mapping[str, Any],
    changes: Sequence[str],
) -> tuple[Recipe, Given]:
    """The recipe of a call, and what was handed over as objects.

    Args:
        data: a name, a path, or an object.
        model: a name or an object.
        method: likewise.
        fields: dotted path of a field → value; None where it is left to the data.
        changes: any field, as "path.to.field=value".

    Raises:
        BadType: a model or a method is neither.
    """
    _require_kind("model", model, nn.Module)
    _require_kind("method", method, Method)
    named = isinstance(data, (str, Path))
    names = {
        "model.name": model if isinstance(model, str) else None,
        "method.name": method if isinstance(method, str) else None,
    }
    content: dict[str, Any] = {"data": {"name": str(data) if named else GIVEN}}
    for path, value in (*fields.items(), *names.items()):
        if value is not None:
            _put(content, path.split("."), value)
    given = Given(
        data=None if named else data,
        model=model if isinstance(model, nn.Module) else None,
        method=method if isinstance(method, Method) else None,
    )
    return Recipe.parse(content).changed(changes), given


def _put(content: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for key in path[:-1]:
        content = content.setdefault(key, {})
    content[path[-1]] = value


def _require_kind(what: str, value: Any, kind: type) -> None:
    if value is not None and not isinstance(value, (str, kind)):
        raise must_be(what, f"a name or a {kind.__name__} object", value, error=BadType)
