"""Attributes set on the modules of a network, where one differs from its library's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from netwright._errors import must_be

if TYPE_CHECKING:
    from torch import nn

__all__ = ["apply_changes"]

_PLAIN = (bool, int, float, str, tuple, type(None))


def apply_changes(network: nn.Module, changes: Mapping[str, Mapping[str, Any]]) -> None:
    """Set plain attributes that are there, in place.

    Args:
        network: whose modules are changed.
        changes: path of a module ("" is the network) → attribute → value; lists become tuples.

    Example:
        >>> import torch
        >>> network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3))
        >>> apply_changes(network, {"0": {"stride": [2, 2]}})
        >>> network[0].stride
        (2, 2)

    Raises:
        BadValue: no such module, or no plain attribute of that name.
    """
    for path, attributes in changes.items():
        try:
            module = network.get_submodule(path)
        except AttributeError as error:
            raise must_be("changes", "of modules that the network has", path) from error
        for name, value in attributes.items():
            if name == "training" or not isinstance(vars(module).get(name, ...), _PLAIN):
                raise must_be("changes", f"of plain attributes of {type(module).__name__}", name)
            setattr(module, name, tuple(value) if isinstance(value, list) else value)
