"""What a run keeps in memory, counted on real tensors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from netwright import _random
from netwright.data.batch import Batch, Streams
from netwright.data.dataset import InMemory
from netwright.methods.base import Method, Phase
from netwright.train.control import Observer, View
from netwright.train.precision import Precision
from netwright.workflow.prepare import Prepared
from netwright.workflow.timing.judging import examples_of
from netwright.workflow.timing.result import Memory

if TYPE_CHECKING:
    from netwright.train.loop import Loop

__all__ = ["Kept", "available_bytes", "bytes_of"]

_MARGIN = 0.8  # of what is available
# what a step takes at its peak, as a multiple of what its graph keeps: 1.5 to 1.9 as measured on a
# processor with a small residual net; a device that counts tells it itself
_AT_THE_PEAK = 2.0
_MEMINFO = Path("/proc/meminfo")
_LIMITS = Path("/sys/fs/cgroup")


def bytes_of(tensors: Iterable[Tensor]) -> int:
    """Bytes of the storages behind the tensors, each once."""
    return sum(_storages(tensors).values())


class Kept(Observer):
    """Counts what a running loop keeps; hears each update, and computes each phase's first loss.

    Args:
        method: that learns.
        precision: of the forward pass.
        device: where it computes.
    """

    def __init__(self, method: Method, *, precision: Precision, device: torch.device) -> None:
        self.loop: Loop
        self._method, self._precision, self._device = method, precision, device
        self._first: dict[str, tuple[Phase, Streams]] = {}
        self._activations: dict[str, int] = {}
        self._gradients = 0
        self._optimizer = 0

    def first_loss(self, phase: Phase, streams: Streams) -> Any:
        """The loss, with what it keeps for its backward pass noted."""
        loss, self._activations[phase.name] = self._counted(phase, streams)
        self._first[phase.name] = (phase, streams)
        return loss

    def stepped(self, view: View) -> None:
        """Count gradients and what the optimisers remember; only where that may have grown."""
        if view.stage_step <= 2:
            self._count()

    def memory(self, *, prepared: Any, batch_size: int, peak: int | None) -> Memory:
        """All of it; call when the loop has ended."""
        self._count()
        hungriest = max(self._activations, key=self._activations.__getitem__, default=None)
        activations = self._activations.get(hungriest, 0) if hungriest else 0
        example = self._example(hungriest) if hungriest else 0.0
        an_example = example + (self._slope(hungriest) if hungriest else 0.0)
        available = available_bytes(self._device)
        kept = Memory(
            parameters=bytes_of(self._method.parameters()),
            buffers=bytes_of(self._method.buffers()),
            gradients=self._gradients,
            optimizer=self._optimizer,
            average=0
            if self.loop.average is None
            else bytes_of(self.loop.average.weights.values()),
            activations=activations,
            batch=round(example * batch_size),
            an_example=an_example,
            data=_bytes_of_data(prepared),
            peak=peak,
            available=available,
            fits=None,
        )
        most = max(examples_of(prepared)["train"], batch_size)
        return replace(kept, fits=_fits(kept, most=most))

    def _count(self) -> None:
        optimizers = self.loop.optimizers.values()
        held = [p for o in optimizers for group in o.param_groups for p in group["params"]]
        gradients = bytes_of(p.grad for p in held if p.grad is not None)
        self._gradients = max(self._gradients, gradients)
        remembered = bytes_of(_tensors([dict(o.state) for o in optimizers]))
        self._optimizer = max(self._optimizer, remembered)

    def _counted(self, phase: Phase, streams: Streams) -> tuple[Any, int]:
        """The loss, and bytes that its graph keeps besides parameters and batch."""
        saved: list[Tensor] = []

        def keep(tensor: Tensor) -> Tensor:
            saved.append(tensor.detach())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = phase.loss(streams)
        held = [*self._method.parameters(), *self._method.buffers(), *_tensors_of(streams)]
        own = _storages(held)
        return loss, sum(size for at, size in _storages(saved).items() if at not in own)

    def _example(self, name: str) -> float:
        """Bytes of an example itself; elements are counted, as batches may share a storage."""
        _, streams = self._first[name]
        size = sum(one.numel() * one.element_size() for one in _tensors_of(streams))
        return size / _length(streams)

    def _slope(self, name: str) -> float:
        """The difference to the graph of half of the batch, where that can be had.

        Weights in another format are kept too, whatever the size of the batch.
        """
        phase, streams = self._first[name]
        whole = self._activations[name]
        if not isinstance(streams, Batch):
            return whole / _length(streams)
        half = len(streams) // 2
        if half < 2 or not phase.accumulates:
            return whole / len(streams)
        try:
            with _random.isolated(0), self._precision.autocast():
                loss, part = self._counted(phase, streams[:half])
        except Exception:  # a carried state of the batch's size: half of it is no batch
            return whole / len(streams)
        del loss
        return max(whole - part, 0) / (len(streams) - half)


def available_bytes(device: torch.device) -> int | None:
    """Bytes that could still be allocated there; None where the system does not say."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        reserved = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return free + reserved
    if device.type != "cpu":
        return None
    known = [bytes_left for bytes_left in (_left_in_machine(), _left_in_group()) if bytes_left]
    return min(known, default=None)


def _left_in_machine() -> int | None:
    try:
        lines = _MEMINFO.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    value = fields.get("MemAvailable", "").split()
    return int(value[0]) * 1024 if value else None


def _left_in_group() -> int | None:
    """What the container or the batch system leaves to its processes."""
    try:
        most = (_LIMITS / "memory.max").read_text(encoding="ascii").strip()
        used = (_LIMITS / "memory.current").read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(most) - int(used) if most.isdigit() else None


def _fits(kept: Memory, *, most: int) -> int | None:
    """The largest batch, to two digits that count; not more than there are examples."""
    if kept.available is None or not kept.an_example:
        return None
    # what is available was so while all but a batch and its graph was there
    largest = int(kept.available * _MARGIN / (kept.an_example * _growth(kept)))
    digits = max(len(str(largest)) - 2, 0)
    rounded = largest // int(10**digits) * int(10**digits)
    return min(rounded, most)


def _growth(kept: Memory) -> float:
    """How much more a step takes at its peak than its graph keeps."""
    if kept.peak is None:
        return _AT_THE_PEAK
    grown = kept.peak - (kept.total - kept.activations - kept.batch)
    return max(grown / max(kept.activations + kept.batch, 1), 1.0)


def _bytes_of_data(prepared: Any) -> int:
    if not isinstance(prepared, Prepared):
        return 0
    held = [prepared.samples.values] if isinstance(prepared.samples, InMemory) else []
    targets = prepared.data.target.values
    return bytes_of([*held, *([] if targets is None else [targets])])


def _length(streams: Streams) -> int:
    if isinstance(streams, Batch):
        return len(streams)
    return max(len(batch) for batch in streams.values())


def _tensors_of(streams: Streams) -> list[Tensor]:
    batches = [streams] if isinstance(streams, Batch) else list(streams.values())
    return list(_tensors([vars(batch) for batch in batches]))


def _storages(tensors: Iterable[Tensor]) -> dict[int, int]:
    found = {}
    for tensor in tensors:
        if tensor.layout is torch.strided:
            storage = tensor.untyped_storage()
            found[storage.data_ptr()] = storage.nbytes()
        else:
            found[id(tensor)] = tensor._nnz() * tensor.element_size()
    return found


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)
