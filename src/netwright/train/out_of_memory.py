"""A batch that does not fit into memory is cut into pieces and tried again; same gradient.

An update that fails for want of memory has changed random states, running statistics and whatever a
method remembers. They are put back, the gradients and the graph are dropped, and the update is
repeated on pieces of half the size. Keeping what is to be put back costs time, so it is all kept
only where memory may give out: in a phase's first updates, in which the optimisers still grow, and
on inputs larger than any before. At other times it is the random state of torch alone.
"""

from __future__ import annotations

import gc
from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from netwright._errors import OutOfMemory, must_be
from netwright.data.batch import Batch, Streams
from netwright.methods.base import Method, Phase, Prediction
from netwright.runs.records import Finding, Severity
from netwright.train.control import CutBatches
from netwright.train.precision import Precision

__all__ = ["Answering", "cut_batches", "free", "is_out_of_memory"]
__all__ += ["no_room_to_step", "smaller"]

# What torch says on a processor (alloc_cpu.cpp; "not enough memory" on Windows), what the C++
# library says, and what the libraries of a GPU say when they find no room for their own work.
_WORDS = (
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",
    "std::bad_alloc",
    "out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory gave out, on a processor or a device.

    Example:
        >>> is_out_of_memory(MemoryError()), is_out_of_memory(ValueError("out of memory"))
        (True, False)
    """
    if isinstance(error, OutOfMemory):
        return False  # it has been dealt with
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _WORDS)


def smaller(phase: Phase, streams: Streams, *, size: int | None) -> int:
    """Half the size of what did not fit.

    Args:
        phase: whose update failed.
        streams: the whole batch.
        size: of the pieces that were tried; None for the whole batch.

    Raises:
        OutOfMemory: it can't be cut, or not any further.
    """
    length = _length(streams)
    tried = length if size is None else min(size, length)
    if not phase.accumulates:
        raise must_be(
            "batch_size",
            f"small enough for the memory in phase {phase.name}, whose loss is not a sum over "
            "examples and can't be cut",
            length,
            f"Set training.batch_size={max(length // 2, 1)} or less.",
            error=OutOfMemory,
        )
    if tried <= 1:
        raise must_be(
            "inputs",
            f"small enough for the memory in phase {phase.name}, one example at a time",
            f"out of memory with pieces of {tried}",
            "Take a smaller model or smaller inputs (data.image_size), or training.precision=bf16.",
            error=OutOfMemory,
        )
    return tried // 2


def no_room_to_step(phase: Phase) -> Exception:
    """The error for optimisers that find no room for what they remember: no batch is too large."""
    return must_be(
        "optimizer",
        f"one whose state fits into memory beside the weights and gradients in phase {phase.name}",
        " and ".join(phase.optimizers),
        "Take a smaller model, or an optimiser that remembers less (optimizer.name=sgd).",
        error=OutOfMemory,
    )


def cut_batches(method: Method, phase: str, *, size: int, step: int) -> CutBatches:
    """The command that goes on with smaller pieces, with the finding that says so."""
    differs = (
        ", but batch normalisation computes its statistics over fewer examples"
        if any(isinstance(module, _BatchNorm) for module in method.modules())
        else ""
    )
    message = (
        f"Memory gave out in phase {phase} of step {step}: from now on its batches are cut into "
        f"pieces of {size}. The gradient stays that of the whole batch{differs}. "
        f"training.micro_batch_size={size} does so from the start."
    )
    finding = Finding(
        symptom="out-of-memory",
        severity=Severity.WARNING,
        where="loop",
        step=step,
        measurements={"phase": phase, "micro_batch_size": size},
        repairs=("micro-batch",),
        message=message,
    )
    return CutBatches(phase=phase, size=size, finding=finding)


def free() -> None:
    """Give back what nobody holds any more, to the device too."""
    gc.collect()
    if torch.accelerator.is_available():
        torch.accelerator.empty_cache()


class Answering:
    """Answers for batches, in pieces where memory gives out; the answers are the same.

    Args:
        method: in evaluation mode.
        precision: number format of the answers.
    """

    def __init__(self, method: Method, *, precision: Precision) -> None:
        self._method = method
        self._precision = precision
        self._size: int | None = None

    def __call__(self, batch: Batch) -> Prediction:
        """The answer for a whole batch."""
        while True:
            try:
                if self._size is None:
                    return self._answer(batch)
                return _joined([self._answer(piece) for piece in batch.split(self._size)])
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
            # here the error is gone, and with it what its frames held
            free()
            self._size = self._half(batch)

    def _answer(self, batch: Batch) -> Prediction:
        with self._precision.autocast():
            return self._method.predict(batch.inputs)

    def _half(self, batch: Batch) -> int:
        tried = len(batch) if self._size is None else min(self._size, len(batch))
        if tried <= 1:
            raise must_be(
                "inputs",
                "small enough for the memory to be judged one at a time",
                f"out of memory with {tried}",
                "Take a smaller model or smaller inputs (data.image_size).",
                error=OutOfMemory,
            )
        return tried // 2


def _joined(parts: list[Prediction]) -> Prediction:
    """The answers for pieces of a batch, as one."""
    return Prediction(
        outputs=_together([part.outputs for part in parts]),
        probabilities=_together([part.probabilities for part in parts]),
        logits=_together([part.logits for part in parts]),
        deviations=_together([part.deviations for part in parts]),
    )


def _together(parts: list[Any]) -> Any:
    if parts[0] is None:
        return None
    if isinstance(parts[0], Tensor):
        return torch.cat(parts)
    return [item for part in parts for item in part]


def _length(streams: Streams) -> int:
    """Examples of a batch, or of the longest of several streams."""
    if isinstance(streams, Batch):
        return len(streams)
    return max(len(batch) for batch in streams.values())
