"""Reading items, here or in worker processes, each under a random state of its own."""

from __future__ import annotations

import contextlib
import multiprocessing
import random
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from netwright._errors import BadData, NetwrightError, must_be, offenders
from netwright._random import derive
from netwright.data.dataset import Items, Stacks

__all__ = ["Reader", "Request", "Transform"]

Transform = Callable[[Tensor], Tensor]
"""One raw input to another, applied where it is read; torchvision's v2 transforms are some."""


@dataclass(frozen=True)
class Request:
    """Places to be read together, for the epoch that their random numbers belong to."""

    epoch: int
    places: tuple[int, ...]


class Reader:
    """Stacks of raw inputs for requests, in their order, prepared ahead by workers.

    An item, also one that draws random numbers of torch, numpy or `random`, is a pure function of
    (seed, epoch, place): the workers are seeded anew for each. The random state of the process that
    asks is left alone.

    Args:
        samples: what is read.
        seed: of what is random in an item or in `transform`.
        workers: processes; 0 reads in this one.
        ahead: requests prepared ahead by each worker.
        transform: applied to each raw input after reading.
        pinned: whether to return page-locked memory, for an accelerator.
    """

    def __init__(
        self,
        samples: Items,
        *,
        seed: int,
        workers: int = 0,
        ahead: int = 2,
        transform: Transform | None = None,
        pinned: bool = False,
    ) -> None:
        for name, value, least in (("workers", workers, 0), ("ahead", ahead, 1)):
            if value < least:
                raise must_be(name, f"at least {least}", value)
        self._requests = _Requests()
        with _quiet():
            self._loader: DataLoader[Tensor] = DataLoader(
                _Reads(samples, seed, transform),  # type: ignore[arg-type]
                batch_sampler=self._requests,  # type: ignore[arg-type]
                num_workers=workers,
                prefetch_factor=ahead if workers else None,
                persistent_workers=workers > 0,
                multiprocessing_context=_start_method() if workers else None,
                collate_fn=_as_it_is,
                pin_memory=pinned,
                generator=torch.Generator(),  # its own, so that the process's random state stays
            )

    def read(self, requests: Iterable[Request]) -> Iterator[Tensor]:
        """The stacked inputs of each request; starting another reading ends the one before."""
        self._requests.pending = requests
        with _quiet():
            stacks = iter(self._loader)
        while True:
            with _random_state_kept():
                stack = next(stacks, None)
            if stack is None:
                return
            if isinstance(stack, NetwrightError):
                raise stack
            yield stack

    def close(self) -> None:
        """End the workers."""
        iterator = self._loader._iterator
        self._loader._iterator = None
        if iterator is not None:
            iterator._shutdown_workers()  # type: ignore[attr-defined]


class _Requests:
    """What the loader takes its requests from: whatever is pending when a reading starts."""

    pending: Iterable[Request] = ()

    def __iter__(self) -> Iterator[Request]:
        return iter(self.pending)


@dataclass(frozen=True)
class _Reads:
    """What the workers hold."""

    samples: Items
    seed: int
    transform: Transform | None

    def __getitem__(self, request: Request) -> Tensor:
        if isinstance(self.samples, Stacks):
            return self.samples.stack(request.places, epoch=request.epoch)
        raw = [self._one(request.epoch, place) for place in request.places]
        if len({tensor.shape for tensor in raw}) > 1:
            shapes = (
                f"{place} is {tuple(tensor.shape)}"
                for place, tensor in zip(request.places, raw, strict=True)
            )
            raise BadData(f"items must be of one shape to form a batch, got {offenders(shapes)}.")
        return torch.stack(raw)

    def __getitems__(self, request: Request) -> Tensor | NetwrightError:
        try:
            return self[request]
        except NetwrightError as error:
            return error  # raised where it was asked for; the loader would wrap its sentence

    def _one(self, epoch: int, place: int) -> Tensor:
        _seed_here(derive(self.seed, "item", epoch, place))
        raw = self.samples.item(place)
        return raw if self.transform is None else self.transform(raw)


def _seed_here(seed: int) -> None:
    torch.default_generator.manual_seed(seed)  # torch.manual_seed would look at every device
    np.random.seed(seed % 2**32)
    random.seed(seed)


def _as_it_is(stack: Any) -> Any:
    return stack


@contextlib.contextmanager
def _random_state_kept() -> Iterator[None]:
    """What `_seed_here` changes, put back: reading in this process must not show."""
    kept = torch.get_rng_state(), np.random.get_state(), random.getstate()
    try:
        yield
    finally:
        torch.set_rng_state(kept[0])
        np.random.set_state(kept[1])
        random.setstate(kept[2])


def _start_method() -> str | None:
    # forked workers take any samples and transform, also those that can't be pickled, and ask for
    # no `if __name__ == "__main__"`; they never touch an accelerator
    can_fork = sys.platform == "linux" and "fork" in multiprocessing.get_all_start_methods()
    return "fork" if can_fork else None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings about what was decided here."""
    with warnings.catch_warnings():
        # Python warns of forking a process with threads; torch's own are idle while it forks
        warnings.filterwarnings("ignore", message=".*fork.*", category=DeprecationWarning)
        # the number of workers is the caller's choice
        warnings.filterwarnings("ignore", message=".*worker processes in total.*")
        yield
