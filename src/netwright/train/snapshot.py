"""The whole state of a run at one moment, in memory and on disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from netwright._errors import DamagedRun, must_be
from netwright.data.batch import map_tensors
from netwright.train.snapshot_file import State, read_snapshot, to_host, write_snapshot

__all__ = ["Ring", "SnapshotFolder", "State", "own_copy", "read_snapshot", "write_snapshot"]


def own_copy(value: Any) -> Any:
    """A copy that shares no tensor with `value`, on the same devices."""
    return map_tensors(value, lambda tensor: tensor.detach().clone())


class Ring:
    """The last few snapshots, in host memory.

    Args:
        size: how many are kept.
    """

    def __init__(self, size: int) -> None:
        if size < 1:
            raise must_be("size", "at least 1", size)
        self._kept: deque[tuple[int, State]] = deque(maxlen=size)

    def add(self, step: int, state: State) -> None:
        """Keep a copy of `state`, taken after `step` steps."""
        self._kept.append((step, map_tensors(state, to_host)))

    def latest(self, step: int) -> State:
        """The newest taken at `step` or before.

        Raises:
            BadValue: none is that old.
        """
        for taken, state in reversed(self._kept):
            if taken <= step:
                return own_copy(state)  # type: ignore[no-any-return]
        held = [taken for taken, _ in self._kept]
        raise must_be("step", f"at or after the oldest snapshot in memory, of {held}", step)

    def forget_after(self, step: int) -> None:
        """Drop those taken after `step`: the run has gone back."""
        while self._kept and self._kept[-1][0] > step:
            self._kept.pop()


class SnapshotFolder:
    """The snapshots of a run on disk, the oldest dropped first.

    Args:
        path: the folder; made when the first is written.
        keep: how many are kept.
        budget: bytes that they may take together; None for any number. The newest is kept however
            large it is.
        beforehand: called when a snapshot is on the disk, before it takes its name: what it relies
            on (the record) must be on the disk by then.
    """

    def __init__(
        self,
        path: Path,
        *,
        keep: int = 2,
        budget: int | None = None,
        beforehand: Callable[[], None] | None = None,
    ) -> None:
        if keep < 1:
            raise must_be("keep", "at least 1", keep)
        if budget is not None and budget < 0:
            raise must_be("budget", "at least 0 bytes", budget)
        self.path = path
        self._keep = keep
        self._budget = budget
        self._beforehand = beforehand

    def file(self, step: int) -> Path:
        """Where the snapshot taken after `step` steps lies, or is going to."""
        return self.path / f"step-{step:09d}.snapshot"

    def write(self, step: int, state: State) -> Path:
        """Write a snapshot and drop those beyond the kept number and the budget.

        Those of later steps go too: the run has gone back, and they are of a course it left.

        Raises:
            DamagedRun: the disk is full or refuses.
        """
        file = self.file(step)
        write_snapshot(file, state, beforehand=self._beforehand)
        files = self.files()
        here = files.index(file)
        kept = self._within_budget(files[: here + 1])
        for other in files:
            if other not in kept:
                other.unlink(missing_ok=True)
        return file

    def _within_budget(self, files: Sequence[Path]) -> list[Path]:
        """The newest of `files`, as many as are wished for and have room."""
        kept: list[Path] = []
        room = self._budget
        for file in reversed(files[-self._keep :]):
            if room is not None:
                room -= file.stat().st_size
                if kept and room < 0:
                    break
            kept.append(file)
        return kept

    def files(self) -> list[Path]:
        """All of them, oldest first."""
        return sorted(self.path.glob("step-*.snapshot"))

    def newest(self) -> tuple[Path, State, Sequence[str]]:
        """The newest that is whole, and a sentence for each damaged one that was passed over.

        Raises:
            DamagedRun: there is none.
        """
        complaints: list[str] = []
        for file in reversed(self.files()):
            try:
                return file, read_snapshot(file), complaints
            except DamagedRun as error:
                complaints.append(str(error))
        raise DamagedRun(
            f"snapshots must be in {self.path} to go on from, got "
            f"{'; '.join(complaints) if complaints else 'none'}. Start the run anew from its "
            "recipe: netwright train --recipe RUN/recipe.yaml"
        )
