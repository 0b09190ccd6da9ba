"""How pretrained weights are kept: safetensors under the keys of a known network, and a card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netwright.data.depot.entry import DepotEntry, Kind, NotFetched, Route

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "CARD",
    "WEIGHTS",
    "WeightsCard",
    "checkpoint",
    "read_card",
    "save",
    "weights_entry",
]

CARD = "weights.json"
WEIGHTS = "model.safetensors"
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, kw_only=True)
class WeightsCard:
    """What has to be known to use weights.

    Attributes:
        architecture: "library:name" of the network whose keys they have.
        part: "all", or the submodule that they are for.
        input_size: (c, h, w) they were trained or are judged at; None where any will do.
        mean: subtracted from inputs in [0, 1], per channel (RGB).
        std: divided by afterwards.
        classes: number of classes, their names in classes.txt; 0 where there is no classifier.
        changes: attributes to be set on modules, by module path, where the network differs from
            the library's.
        licence: of the weights, in words.
        origin: who trained them.
        note: what else a user should know.
    """

    architecture: str
    part: str = "all"
    input_size: tuple[int, int, int] | None = (3, 224, 224)
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    classes: int = 0
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    licence: str
    origin: str
    note: str = ""


def save(made: Path, tensors: Mapping[str, Tensor], *, card: WeightsCard) -> None:
    """Write model.safetensors and weights.json, and classes.txt for ImageNet's classifiers.

    Counters of seen batches are left out: they say nothing, and torch fills them in by itself.
    """
    from safetensors.torch import save_file

    kept = {
        name: tensor.detach().clone().contiguous()
        for name, tensor in sorted(tensors.items())
        if not name.endswith("num_batches_tracked")
    }
    save_file(kept, made / WEIGHTS)
    write_card(made, card)


def write_card(made: Path, card: WeightsCard) -> None:
    """Write weights.json and, for ImageNet's classifiers, classes.txt."""
    text = json.dumps(asdict(card), indent=1, ensure_ascii=False)
    (made / CARD).write_text(text + "\n", encoding="utf-8")
    if card.classes:
        names = imagenet_classes()
        (made / "classes.txt").write_text("".join(f"{name}\n" for name in names))


def read_card(folder: Path) -> WeightsCard:
    """What `write_card` wrote, lists turned back into tuples."""
    fields = _with_tuples(json.loads((folder / CARD).read_text(encoding="utf-8")))
    return WeightsCard(**fields)


def _with_tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _with_tuples(one) for name, one in value.items()}
    return tuple(value) if isinstance(value, list) else value


def imagenet_classes() -> list[str]:
    """The thousand names, in order, as torchvision writes them."""
    from torchvision.models import get_weight

    return [str(name) for name in get_weight("ResNet18_Weights.IMAGENET1K_V1").meta["categories"]]


def checkpoint(payload: Path, pattern: str) -> dict[str, Tensor]:
    """The tensors of the one checkpoint below a folder that matches; nothing else is unpickled."""
    import torch

    found = sorted(payload.rglob(pattern))
    if len(found) != 1:
        raise NotFetched(f"{len(found)} files match {pattern} where one was expected")
    tensors: dict[str, Tensor] = torch.load(found[0], weights_only=True, map_location="cpu")
    return tensors


def weights_entry(
    name: str,
    *,
    summary: str,
    card: WeightsCard,
    megabytes: float,
    routes: tuple[Route, ...],
    contents: Mapping[str, str],
) -> DepotEntry:
    """An entry whose licence and origin are the card's."""
    return DepotEntry(
        name=name,
        kind=Kind.WEIGHTS,
        summary=summary,
        licence=card.licence,
        origin=card.origin,
        megabytes=megabytes,
        routes=routes,
        contents=contents,
    )
