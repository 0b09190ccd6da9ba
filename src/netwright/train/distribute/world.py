"""The processes that a launcher such as torchrun has started."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from netwright._errors import NetwrightError, must_be
from netwright.data.batch import Streams, map_tensors
from netwright.data.source import Share
from netwright.methods.base import Method
from netwright.train.distribute.processes import Processes
from netwright.train.distribute.reducing import Reducer
from netwright.train.distribute.updating import DividedUpdater
from netwright.train.update import Updater

__all__ = ["World"]

Value = TypeVar("Value")


class World(Processes):
    """Several processes that hold the same weights and learn from parts of the same batches.

    Small messages between hosts go over gloo, on the processor; gradients over what suits their
    device.

    Args:
        sync_batch_norm: batch normalisation sees the whole batch instead of each process's part.
    """

    def __init__(self, *, sync_batch_norm: bool = False) -> None:
        self._sync_batch_norm = sync_batch_norm
        self.share = Share(rank=dist.get_rank(), of=dist.get_world_size())
        self._wish = False
        self._stops = False

    @property
    def stops(self) -> bool:
        """See `Processes.stops`."""
        return self._stops

    def wish_to_stop(self) -> None:
        """See `Processes.wish_to_stop`; heard by all with the next update."""
        self._wish = True

    def agreed(self, flags: list[bool]) -> list[bool]:
        """Which of the flags any process has raised; takes the wish to stop along."""
        told = torch.tensor([self._wish, *flags], dtype=torch.uint8)
        dist.all_reduce(told, op=dist.ReduceOp.MAX)
        wish, *raised = told.tolist()
        self._stops = self._stops or bool(wish)
        return list(map(bool, raised))

    def start_sum(self, tensor: Tensor) -> dist.Work:
        """Begin to add `tensor` up over all, in place; wait on what is returned."""
        return dist.all_reduce(tensor, async_op=True)

    def union(self, names: Iterable[str]) -> tuple[str, ...]:
        """The names that any process has, in the order in which the first ranks have them."""
        every: list[Any] = [None] * self.share.of
        dist.all_gather_object(every, list(names))
        return tuple(dict.fromkeys(name for one in every for name in one))

    def pieces(self, streams: Streams, pieces: list[Streams]) -> list[Streams]:
        """The micro-batches of this process's part of a batch."""
        return pieces

    def reducer(self, parameters: Sequence[Tensor]) -> Reducer:
        """What adds up the gradients of some parameters, all of which ask for one."""
        return Reducer(parameters, world=self)

    def decided(self, decide: Callable[[], Value]) -> Value:
        """See `Processes.decided`; what can't be sent is told as its kind and sentence."""
        outcome: list[Any] = [None, None]
        failed: BaseException | None = None
        if self.first:
            try:
                outcome[0] = decide()
            except Exception as error:
                failed = error
                outcome[1] = _sendable(error)
        dist.broadcast_object_list(outcome, src=0, device=torch.device("cpu"))
        if failed is not None:
            raise failed
        if outcome[1] is not None:
            if isinstance(outcome[1], NetwrightError):
                outcome[1].met_by = 0
            raise outcome[1]
        return outcome[0]  # type: ignore[no-any-return]

    def gathered(self, value: Any) -> list[Any]:
        """See `Processes.gathered`."""
        values = [None] * self.share.of if self.first else None
        dist.gather_object(value, values, dst=0)
        return values or []

    def summed(self, number: int) -> int:
        """See `Processes.summed`."""
        total = torch.tensor(number, dtype=torch.int64)
        dist.all_reduce(total)
        return int(total)

    def answered(self, batches: Iterable[Value], answer: Callable[[Value], Any]) -> Iterator[Any]:
        """See `Processes.answered`; one round is held at a time."""
        own = iter(batches)
        while True:
            batch = next(own, None)
            present = self._flags_of_all(batch is not None)
            if not any(present):
                return
            batch = self._in_place_of_none(batch, present)
            given = None if batch is None else map_tensors(answer(batch), _to_host)
            for rank, one in enumerate(self.gathered(given)):
                if present[rank]:
                    yield one

    def begin(self, method: Method) -> None:
        """See `Processes.begin`."""
        self._spread([*method.parameters(), *method.buffers()])

    @torch.no_grad()
    def merged(self, weights: Mapping[str, Tensor], buffers: Iterable[str]) -> dict[str, Tensor]:
        """See `Processes.merged`; equal buffers keep their bits."""
        names = [name for name in buffers if name in weights]
        own = [weights[name].detach() for name in names]
        firsts = [tensor.clone() for tensor in own]
        self._spread(firsts)
        differ = self.agreed([not _same(a, b) for a, b in zip(own, firsts, strict=True)])
        result = {}
        for name, value, first, differs in zip(names, own, firsts, differ, strict=True):
            result[name] = first
            if differs and value.is_floating_point():
                mean = value.clone(memory_format=torch.contiguous_format)
                dist.all_reduce(mean)
                result[name] = mean.div_(self.share.of)
        return result

    def updater(self, method: Method, optimizers: Mapping[str, Any], **options: Any) -> Updater:
        """See `Processes.updater`."""
        return DividedUpdater(method, optimizers, world=self, **options)

    def worked_on(self, method: Method) -> Method:
        """See `Processes.worked_on`."""
        return copy.deepcopy(method) if self._sync_batch_norm else method

    def prepare(self, method: Method, device: torch.device) -> None:
        """Let batch normalisation see the whole batch where that is asked for."""
        if not self._sync_batch_norm:
            return
        if device.type == "cpu":
            raise must_be(
                "sync_batch_norm",
                "false on a processor: torch brings the statistics together on GPUs only",
                True,
            )
        nn.SyncBatchNorm.convert_sync_batchnorm(method)  # type: ignore[no-untyped-call]

    def whole(self, state: Any) -> Any:
        """The state: each holds all of it."""
        return state

    def laid_out(self, value: Tensor, like: Tensor) -> Tensor:
        """The value: each holds all of it."""
        return value

    def _in_place_of_none(self, batch: Any, present: Sequence[bool]) -> Any:
        """What a process answers that has no batch in this round."""
        return batch

    @torch.no_grad()
    def _spread(self, tensors: Iterable[Tensor]) -> None:
        """Copy the first process's values into those of the others."""
        for tensor in tensors:
            value = tensor.detach()
            sent = value.contiguous()
            dist.broadcast(sent.reshape(-1).view(torch.uint8), src=0)  # gloo knows few kinds
            if not value.is_contiguous():
                value.copy_(sent)

    def _flags_of_all(self, flag: bool) -> list[bool]:
        told = torch.zeros(self.share.of, dtype=torch.uint8)
        told[self.share.rank] = flag
        dist.all_reduce(told)
        return list(map(bool, told.tolist()))


def _same(one: Tensor, other: Tensor) -> bool:
    return torch.equal(one, other) or (torch.equal(one.isnan(), other.isnan()) and torch.equal(
        one.nan_to_num(), other.nan_to_num()
    ))  # fmt: skip


def _to_host(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu()


def _sendable(error: Exception) -> Exception:
    """The error, or its sentence where it holds what can't be sent."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return NetwrightError(f"the first process must be able to start, got {error!r}.")
    return error
