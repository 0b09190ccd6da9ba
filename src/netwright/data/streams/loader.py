"""Batches of somebody else's loader."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils.data import DistributedSampler

from netwright._errors import BadData, must_be
from netwright.data.batch import Batch, map_tensors
from netwright.data.source import Act, Position, Resume, Share, Source

__all__ = ["LoaderSource", "as_batch"]

_TARGET_KEYS = ("targets", "target", "labels", "label", "y")


class LoaderSource(Source):
    """A foreign DataLoader, or anything that can be iterated again and again.

    It knows no positions. In turn, its batches come as they come; a new epoch iterates it anew,
    after `set_epoch` of its sampler where that has one. Out of turn (a resume, a roll-back), it
    begins anew too and gives its first batch: a resumed run begins the epoch again. A loader with
    `state_dict` and `load_state_dict` goes on where it was.

    `Batch.index` counts the examples since the epoch began, so it names no example for good; only a
    loader that gives whole `Batch`es can do that.

    Args:
        loader: yields (inputs, targets), inputs, a mapping, or a `Batch`. In a mapping the targets
            are under targets, target, labels, label or y, and the rest are the inputs.
    """

    def __init__(self, loader: Iterable[Any]) -> None:
        self._loader = loader
        self.length = _length(loader)
        self.resume = Resume.STATEFUL if _keeps_state(loader) else Resume.NONE
        self._device = torch.device("cpu")
        self._batches: Iterator[Any] | None = None
        self._expected: Position | None = None
        self._given = 0

    def next(self, position: Position, act: Act | None = None) -> Batch:
        """The loader's next batch, or its first where `position` is out of turn."""
        if position != self._expected or position.step == 0:
            self._restart(position.epoch)
        item = self._pull(position)
        batch = as_batch(item, first=self._given)
        self._given += len(batch)
        self._expected = self._after(position)
        return batch.to(self._device, non_blocking=True)

    def share(self, share: Share) -> None:
        """See `Source.share`: the loader's own sampler has to divide the examples.

        Raises:
            BadValue: it has no DistributedSampler for these processes, or one for others.
        """
        sampler: Any = getattr(self._loader, "sampler", None)
        divides = isinstance(sampler, DistributedSampler)
        if divides and (sampler.rank, sampler.num_replicas) == (share.rank, share.of):
            return
        if not divides and share.of == 1:
            return
        if share.of == 1:
            raise must_be(
                "loader",
                "one that gives all examples to a single process or a closed form",
                f"a DistributedSampler for {sampler.num_replicas} processes",
                "Leave its sampler out, or give the dataset instead of the loader.",
            )
        raise must_be(
            "loader",
            f"one whose sampler is a DistributedSampler for {share.of} processes",
            type(sampler).__name__,
            "DataLoader(dataset, sampler=DistributedSampler(dataset, num_replicas=…, rank=…)), "
            "or give the dataset instead of the loader.",
        )

    def to(self, device: torch.device) -> None:
        """Send the batches to `device`."""
        self._device = torch.device(device)

    def state_dict(self) -> dict[str, Any]:
        """The loader's own state and the position; empty for a loader that has none."""
        if self.resume is not Resume.STATEFUL or self._expected is None:
            return {}
        return {
            "loader": cast(Any, self._loader).state_dict(),
            "position": [self._expected.epoch, self._expected.step],
            "given": self._given,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where `state_dict` was taken."""
        self.close()
        if state:
            cast(Any, self._loader).load_state_dict(state["loader"])
            self._expected = Position(*state["position"])
            self._given = state["given"]

    def close(self) -> None:
        """Let go of the loader's iterator, and its workers with it."""
        self._batches = None
        self._expected = None
        self._given = 0

    def _restart(self, epoch: int) -> None:
        self._batches = None
        self._given = 0
        set_epoch = getattr(getattr(self._loader, "sampler", None), "set_epoch", None)
        if callable(set_epoch):
            set_epoch(epoch)

    def _pull(self, position: Position) -> Any:
        fresh = self._batches is None
        batches = iter(self._loader) if self._batches is None else self._batches
        self._batches = batches
        for item in batches:
            return item
        if not fresh and self.length is not None:
            raise must_be(
                "loader", f"as long as its len says, {self.length} batches", position.step,
                "Correct its __len__.", error=BadData,
            )  # fmt: skip
        # a stream without a length has no epochs: it starts over; so does a state taken at its end
        self._batches = iter(self._loader)
        self._given = 0
        for item in self._batches:
            return item
        raise must_be("loader", "able to give a batch each time it is iterated", 0, error=BadData)

    def _after(self, position: Position) -> Position:
        if self.length is None or position.step + 1 < self.length:
            return Position(position.epoch, position.step + 1)
        return Position(position.epoch + 1, 0)


def as_batch(item: Any, *, first: int = 0) -> Batch:
    """What a loader gave, as a `Batch` whose index counts from `first`.

    Example:
        >>> as_batch((torch.zeros(2, 3), torch.ones(2)), first=8).index
        tensor([8, 9])
    """
    if isinstance(item, Batch):
        return item
    inputs, targets = _parts(item)
    inputs, targets = _tensors(inputs), _tensors(targets)
    count = _count(inputs)
    return Batch(inputs, targets, torch.arange(first, first + count))


def _parts(item: Any) -> tuple[Any, Any]:
    if isinstance(item, Mapping):
        key = next((key for key in _TARGET_KEYS if key in item), None)
        rest = {name: value for name, value in item.items() if name != key}
        inputs = next(iter(rest.values())) if len(rest) == 1 else rest
        return inputs, None if key is None else item[key]
    if isinstance(item, (tuple, list)):
        if len(item) not in (1, 2):
            raise must_be(
                "loader", "of (inputs, targets), inputs, a mapping or a Batch",
                f"{len(item)} parts", "Group the inputs: ((a, b), targets).", error=BadData,
            )  # fmt: skip
        return item[0], item[1] if len(item) == 2 else None
    return item, None


def _tensors(value: Any) -> Any:
    """Numpy arrays become tensors; tensors, and what is neither, stay."""
    import numpy as np

    if isinstance(value, np.ndarray):
        return torch.from_numpy(value)
    if isinstance(value, Mapping):
        return {key: _tensors(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_tensors(part) for part in value]
    return value


def _count(inputs: Any) -> int:
    counts: list[int] = []

    def note(tensor: Tensor) -> Tensor:
        counts.append(len(tensor))
        return tensor

    # a list holds one tensor an example (pictures of several sizes); others hold whole batches
    if isinstance(inputs, list):
        return len(inputs)
    map_tensors(inputs, note)
    if not counts:
        raise must_be("loader", "giving tensors", type(inputs).__name__, error=BadData)
    return counts[0]


def _length(loader: Iterable[Any]) -> int | None:
    try:
        length = len(cast(Any, loader))
    except TypeError:  # a loader over a stream has a __len__ that raises this
        return None
    if length == 0:
        raise must_be("loader", "of at least one batch", 0, error=BadData)
    return length


def _keeps_state(loader: Any) -> bool:
    return all(callable(getattr(loader, name, None)) for name in ("state_dict", "load_state_dict"))
