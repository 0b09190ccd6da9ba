"""Anybody's map-style torch Dataset of (input, target) items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import ConcatDataset, Dataset, Subset

from netwright._errors import BadData, BadType
from netwright.data.dataset import Data, InputKind, Items, Skipped, Target, TargetKind
from netwright.data.decode import fit_channels, fit_size, picture_tensor
from netwright.data.sources.arrays import (
    channels_first,
    join_targets,
    missing_targets,
    split_index,
)
from netwright.data.sources.faults import refuse_unless
from netwright.data.sources.targets import class_target, infer_target, tidy

__all__ = ["DatasetItems", "dataset_data"]


class DatasetItems(Items):
    """The inputs of a Dataset, converted one by one; goes to worker processes with it."""

    def __init__(
        self,
        dataset: Dataset[Any],
        index: np.ndarray,
        *,
        image_size: tuple[int, int] | None = None,
        channels: int | None = None,
    ) -> None:
        self.dataset = dataset
        self.index = index
        self.image_size = image_size
        self.channels = channels
        self.shape: torch.Size | None = None
        self.shape = self.item(0).shape

    def __len__(self) -> int:
        return len(self.index)

    def item(self, index: int) -> Tensor:
        """One input as (c, h, w) or another fixed shape, uint8 or float32.

        Raises:
            BadData: of another shape than the first one, or not finite.
        """
        place = int(self.index[index])
        value = _tensor(_input(self.dataset[place]), channels=self.channels, place=place)
        if value.ndim == 3 and self.channels is not None:
            value = fit_channels(value[None], self.channels)[0]
        if value.ndim == 3 and self.image_size is not None:
            value = fit_size(value[None], self.image_size)[0]
        if self.shape is not None and value.shape != self.shape:
            raise BadData(
                f"items of the dataset must have one shape, got {tuple(value.shape)} for item "
                f"{place} and {tuple(self.shape)} for the first. Pass image_size and channels, or "
                "resize in the dataset's transform."
            )
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise BadData(
                f"items of the dataset must be finite, got NaN or infinity in item {place}. Mend "
                "it, or pass skip_bad=True (--skip-bad) to leave it out."
            )
        return value


def dataset_data(
    datasets: Mapping[str, Dataset[Any]],
    *,
    kind: TargetKind | None = None,
    image_size: tuple[int, int] | None = None,
    channels: int | None = None,
    skip_bad: bool = False,
) -> Data:
    """Read Datasets, one a split, or the one named "".

    Targets are taken from `.targets` where it is as long as the dataset and agrees with the first
    and last item, and by one pass over the items otherwise. With `skip_bad` that pass is always
    made, since only it finds items that can't be read.

    Raises:
        BadType: an iterable dataset, or items that are not (input, target).
        BadData: no items, bad items, missing targets, one class only.
    """
    for dataset in datasets.values():
        _refuse_other(dataset)
    whole: ConcatDataset[Any] = ConcatDataset(list(datasets.values()))
    lengths = [len(dataset) for dataset in datasets.values()]  # type: ignore[arg-type]
    if not len(whole):
        raise BadData("data must be at least one example, got an empty dataset.")
    y, faults = _gather(whole, kind=kind, skip_bad=skip_bad)
    refuse_unless(skip_bad, faults, name="items of the dataset", rule="whole, with a target each")
    out = {int(fault.what.split()[1]) for fault in faults}
    kept = np.array([place for place in range(len(whole)) if place not in out], dtype=np.int64)
    if not len(kept):
        raise BadData(f"data must be at least one usable example, got none of {len(whole)}.")
    samples = DatasetItems(whole, kept, image_size=image_size, channels=channels)
    picture = samples.shape is not None and len(samples.shape) == 3
    return Data(
        name=type(next(iter(datasets.values()))).__name__.lower(),
        samples=samples,
        input_kind=InputKind.IMAGE if picture else InputKind.TENSOR,
        target=_target(y, kept, classes=_classes(whole), kind=kind),
        splits=split_index(list(datasets), lengths, kept=kept),
        labels=tuple(f"item {place}" for place in kept),
        skipped=tuple(faults),
        origin="a torch Dataset",
    )


def _refuse_other(dataset: Any) -> None:
    if isinstance(dataset, torch.utils.data.IterableDataset):
        raise BadType(
            f"dataset must be map-style (with len and items by index), got the iterable "
            f"{type(dataset).__name__}. Wrap it in a DataLoader and give that to fit."
        )
    if not callable(getattr(dataset, "__len__", None)):
        raise BadType(
            f"dataset must have a length, got {type(dataset).__name__} without __len__. Define it, "
            "or wrap the dataset in a DataLoader and give that to fit."
        )


def _input(item: Any) -> Any:
    return item[0] if isinstance(item, (tuple, list)) else item


def _tensor(value: Any, *, channels: int | None, place: int) -> Tensor:
    tensor: Tensor
    if isinstance(value, Tensor):
        tensor = value
    elif isinstance(value, np.ndarray):
        tensor = torch.from_numpy(np.ascontiguousarray(value))
        tensor = channels_first(tensor) if tensor.ndim == 3 else tensor
    elif isinstance(value, (int, float, list)):
        tensor = torch.tensor(value, dtype=torch.float32)
    else:
        tensor = _picture(value, channels=channels, place=place)
    if tensor.dtype != torch.uint8:
        tensor = tensor.to(torch.float32)
    return tensor[None] if tensor.ndim in (0, 2) else tensor


def _picture(value: Any, *, channels: int | None, place: int) -> Tensor:
    from PIL.Image import Image

    if not isinstance(value, Image):
        raise BadType(
            f"items of the dataset must be a tensor, array or picture with a target, got "
            f"{type(value).__name__} in item {place}. Convert it in the dataset's transform."
        )
    return picture_tensor(value, channels=channels)


def _not_a_pair(count: int) -> BadType:
    return BadType(
        f"items of the dataset must be (input, target), got {count} things an item. Return two, or "
        "bring your own method."
    )


def _target_of(item: Any) -> Any:
    if not isinstance(item, (tuple, list)):
        return None
    if len(item) > 2:
        raise _not_a_pair(len(item))
    target = item[1] if len(item) == 2 else None
    if isinstance(target, (Mapping, set)):
        raise BadType(
            f"targets of the dataset must be values, got a {type(target).__name__}. Choose a "
            "method made for them."
        )
    return target.tolist() if isinstance(target, (Tensor, np.ndarray, np.generic)) else target


def _gather(
    dataset: Any, *, kind: TargetKind | None, skip_bad: bool
) -> tuple[np.ndarray | None, list[Skipped]]:
    """Targets of all items (an unreadable item's is None), and what is wrong with which."""
    known = None if skip_bad else _known_targets(dataset)
    if known is not None and not _agree(dataset, known):
        known = None
    faults: dict[int, Skipped] = {}
    if known is None:
        known, faults = _pass_over(dataset, skip_bad=skip_bad)
    if kind is TargetKind.NONE or all(value is None for value in known):
        return None, list(faults.values())
    y = join_targets([known])
    for place in np.flatnonzero(missing_targets(y)):
        faults.setdefault(int(place), Skipped(f"item {place}", "missing or infinite target"))
    return y, [faults[place] for place in sorted(faults)]


def _known_targets(dataset: Any) -> list[Any] | None:
    if isinstance(dataset, ConcatDataset):
        parts = [_known_targets(part) for part in dataset.datasets]
        return None if None in parts else [value for part in parts for value in part or ()]
    if isinstance(dataset, Subset):
        inner = _known_targets(dataset.dataset)
        return None if inner is None else [inner[place] for place in dataset.indices]
    targets = getattr(dataset, "targets", None)
    if not isinstance(targets, (Sequence, np.ndarray, Tensor)) or len(targets) != len(dataset):
        return None
    values = targets.tolist() if isinstance(targets, (np.ndarray, Tensor)) else list(targets)
    transform = getattr(dataset, "target_transform", None)
    return values if transform is None else [_target_of((0, transform(v))) for v in values]


def _agree(dataset: Any, known: Sequence[Any]) -> bool:
    return all(_target_of(dataset[place]) == known[place] for place in (0, len(known) - 1))


def _pass_over(dataset: Any, *, skip_bad: bool) -> tuple[list[Any], dict[int, Skipped]]:
    targets: list[Any] = []
    faults: dict[int, Skipped] = {}
    for place in range(len(dataset)):
        try:
            item = dataset[place]
        except Exception as error:  # anybody's code
            if not skip_bad:
                raise
            faults[place] = Skipped(f"item {place}", f"{type(error).__name__}: {error}")
            targets.append(None)
            continue
        targets.append(_target_of(item))
        x = _input(item)
        if isinstance(x, Tensor) and x.is_floating_point() and not bool(x.isfinite().all()):
            faults[place] = Skipped(f"item {place}", "NaN or infinite input")
    return targets, faults


def _classes(dataset: Any) -> Sequence[str] | None:
    while isinstance(dataset, (ConcatDataset, Subset)):
        dataset = dataset.datasets[0] if isinstance(dataset, ConcatDataset) else dataset.dataset
    names = getattr(dataset, "classes", None)
    listed = isinstance(names, Sequence) and not isinstance(names, str)
    return [str(name) for name in names] if listed and names is not None else None


def _target(
    y: np.ndarray | None,
    kept: np.ndarray,
    *,
    classes: Sequence[str] | None,
    kind: TargetKind | None,
) -> Target:
    if y is None:
        return Target(kind=TargetKind.NONE)
    values = tidy(y[kept])
    codes = values.ndim == 1 and values.dtype.kind in "iu"
    if classes and codes and values.min() >= 0 and values.max() < len(classes) and _named(kind):
        return class_target(values, classes, kind=kind)
    columns = 1 if values.ndim == 1 else values.shape[1]
    names = ["target"] if columns == 1 else [f"target {column}" for column in range(columns)]
    return infer_target(values, names=names, kind=kind)


def _named(kind: TargetKind | None) -> bool:
    return kind in (None, TargetKind.BINARY, TargetKind.CLASSES)
