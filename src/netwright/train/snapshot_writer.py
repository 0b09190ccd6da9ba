"""Snapshots written beside the training: it only waits while the tensors are copied.

One is written at a time. Where the disk is slower than the training, the next snapshot waits for
the last: none is left out, so that a run does the same on any disk.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from types import TracebackType
from typing import Self, TypeAlias

import torch
from torch import Tensor

from netwright.data.batch import map_tensors
from netwright.train.snapshot import SnapshotFolder, State
from netwright.train.snapshot_file import to_host

__all__ = ["HostMemory", "SnapshotWriter"]

_Form: TypeAlias = tuple[torch.dtype, torch.Size, tuple[int, ...]]


class HostMemory:
    """Copies states to host memory, the last copy's memory used again where the forms agree.

    Fresh memory costs several times the copying: the system hands it out page by page.
    """

    def __init__(self) -> None:
        self._taken: dict[_Form, list[Tensor]] = {}

    def copy(self, state: State) -> State:
        """A copy that shares no tensor with `state`; the copy before is overwritten."""
        free, taken = self._taken, defaultdict[_Form, list[Tensor]](list)

        def copied(tensor: Tensor) -> Tensor:
            if tensor.layout is not torch.strided or tensor.is_quantized:
                return to_host(tensor)
            form = tensor.dtype, tensor.shape, tensor.stride()
            old = free.get(form)
            held = old.pop().copy_(tensor.detach()) if old else to_host(tensor)
            taken[form].append(held)
            return held

        copy: State = map_tensors(state, copied)
        self._taken = taken
        return copy


class SnapshotWriter:
    """Writes the snapshots of a run in the background.

    An error there (a full disk) is raised by the next `check`, `take` or `wait`, once. At the end
    of a `with` block the last write is waited for.

    Args:
        folder: where they go.
    """

    def __init__(self, folder: SnapshotFolder) -> None:
        self._folder = folder
        self._memory = HostMemory()
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def name(self, step: int) -> str:
        """Of the file of the snapshot taken after `step` steps."""
        return self._folder.file(step).name

    def take(self, step: int, state: State) -> None:
        """Copy `state` and begin to write it.

        Raises:
            DamagedRun: the write before could not be finished.
            BadType: the state before held what can't be kept.
        """
        self.wait()
        copy = self._memory.copy(state)
        self._thread = threading.Thread(
            target=self._write, args=(step, copy), name="snapshot", daemon=True
        )
        self._thread.start()

    def check(self) -> None:
        """Raise what went wrong in the background, if anything did."""
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def wait(self) -> None:
        """Wait for the write that is going on, and `check` it."""
        self._join()
        self.check()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._join()
        if error is None:
            self.check()

    def _join(self) -> None:
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _write(self, step: int, state: State) -> None:
        try:
            self._folder.write(step, state)
        except BaseException as error:  # it must reach the training, whatever it is
            self._error = error
