"""torchvision's v2 transforms, one picture at a time, in the workers that read a streamed set.

A recipe names them `torchvision:RandomResizedCrop`. They draw from torch's global generator, which
a worker seeds by (seed, example, epoch), so a picture comes out the same for any number of workers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import Tensor

from netwright._errors import BadValue, must_be, unknown

__all__ = ["PREFIX", "in_workers", "refuse_in_memory"]

PREFIX = "torchvision:"


def in_workers(entries: Iterable[Mapping[str, Any]]) -> Callable[[Tensor], Tensor] | None:
    """The transforms of a recipe in their order; None where there are none.

    Args:
        entries: as {"name": "torchvision:…", option: value, …}.

    Raises:
        BadValue: torchvision has no such transform, or it does not take an option.
    """
    built = [_built(dict(entry)) for entry in entries]
    if not built:
        return None
    from torchvision.transforms import v2

    composed: Callable[[Tensor], Tensor] = v2.Compose(built)
    return composed


def _built(options: dict[str, Any]) -> Any:
    from torchvision.transforms import v2

    name = str(options.pop("name")).removeprefix(PREFIX)
    kinds = {
        kind.__name__: kind
        for kind in vars(v2).values()
        if isinstance(kind, type) and issubclass(kind, v2.Transform)
    }
    if name not in kinds:
        raise unknown("augmentation", f"{PREFIX}{name}", [f"{PREFIX}{kind}" for kind in kinds])
    try:
        return kinds[name](**options)
    except (TypeError, ValueError) as error:
        given = ", ".join(f"{key}={value!r}" for key, value in options.items())
        raise BadValue(
            f"options of {PREFIX}{name} must be ones that torchvision takes, got {given}: {error}."
        ) from error


def refuse_in_memory(name: str) -> Exception:
    """The error for a transform that works picture by picture on a set that goes in batches."""
    return must_be(
        "augment",
        "one of ours for a set that is held in memory, which is augmented a batch at a time",
        name,
        "`netwright find augmentation` lists them.",
    )
