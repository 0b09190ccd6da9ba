"""The folder of a run: what lies where, made and found by name.

==================================  ============================================================
`recipe.yaml`                       everything that decides the run
`environment.json`                  versions, hardware, threads, commit
`events.jsonl`                      what happened, see `netwright.runs.events`
`data.json`                         {name, input_kind, input_shape, target: {kind, names}, splits:
                                    {train: {n, classes: {name: n}}, ...}, domains: {name: n},
                                    columns (of a table), skipped: [{what, why}], licence, origin,
                                    fingerprint, sample_size: {examples, parameters, bits,
                                    examples_per_parameter, and of classes pac_gap, confidence}}
`given.json`                        digest of the weights that a given module began with
`starting_weights.json`             trained weights that a named model began with: {source, model,
                                    digest, fresh: [keys], spread: [keys], about}
`preprocess.json`                   what was fitted on the training split
`snapshots/`                        whole states of the training, to go on from
`model.safetensors`                 the weights that the run ended with
`evaluation/SPLIT.json`             {split, n, metrics: {name: {value, low, high, n}}, confusion:
                                    [[...]] or null (rows are true, columns predicted), names,
                                    per_class: {name: {metric: value}}, confused_pairs: [{target,
                                    prediction, count}],
                                    selective: {area, coverage, risk, threshold} of a model that
                                    may abstain, or null; notes}
`calibration.json`                  what `netwright calibrate` fitted: {split, n, temperature,
                                    conformal, abstention, notes, judged}
`evaluation/SPLIT.safetensors`      outputs, probabilities (or logits), targets, index
`pictures/*.png`                    with `errors.json`: [{file, label, index, target, prediction,
                                    confidence}], the most confident first, and `samples.json`:
                                    [{file, label, target}] and `prototypes.json`: {split, left_out,
                                    nothing_right, classes: [{label, name, examined, examples:
                                    [{file, label, index, distance, map}]}]}; an error may have
                                    maps: {predicted: file, true: file}
`tensorboard/`                      event files for TensorBoard, where they were asked for
`report.html`                       all of it, for people
==================================  ============================================================
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from netwright._errors import DamagedRun, must_be, offenders, unknown
from netwright.runs.events import EVENTS, Recorder, events, history, last_attempt
from netwright.runs.files import decode, encode, replacing, saying_why, sync_folder, write_bytes

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

__all__ = ["EVENTS", "Recorder", "RunFolder", "events", "history", "last_attempt", "list_runs"]

PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class RunFolder:
    """A run on the disk.

    Attributes:
        path: of the folder.
    """

    path: Path

    @classmethod
    def create(cls, root: PathLike, name: str, *, exact: bool = False) -> Self:
        """Make a folder that no other process has made: `name-1`, `name-2`, ….

        Args:
            root: the folder of all runs; made if it isn't there.
            name: what the run is called, most often after its data.
            exact: take the name as it is.

        Raises:
            BadValue: not a name, or `exact` and it is taken.
            DamagedRun: the folder can't be made.
        """
        _require_name(name)
        root = Path(root)
        with saying_why(root, doing="created"):
            root.mkdir(parents=True, exist_ok=True)
        if exact:
            path = root / name
            if not _claim(path):
                raise must_be(
                    "name",
                    "a name that is not taken",
                    name,
                    f"{path} is there already: choose another name, or resume that run.",
                )
            return cls(path)
        number = 1 + max((_number(path.name, name) for path in root.iterdir()), default=0)
        while not _claim(root / f"{name}-{number}"):
            number += 1
        return cls(root / f"{name}-{number}")

    @classmethod
    def open(cls, path: PathLike) -> Self:
        """A run that is there.

        Raises:
            DamagedRun: nothing is there, or it isn't a run.
        """
        path = Path(path)
        if not path.is_dir():
            raise DamagedRun(
                f"path must be the folder of a run, got path={str(path)!r}, which is "
                f"{'a file' if path.exists() else 'not there'}. `netwright runs` lists the runs."
            )
        if not is_run(path):
            raise DamagedRun(
                f"path must be the folder of a run, got path={str(path)!r}, which holds neither "
                f"{EVENTS} nor recipe.yaml. `netwright runs` lists the runs."
            )
        return cls(path)

    @classmethod
    def find(cls, text: PathLike, *, root: PathLike = "runs") -> Self:
        """A run by its path, by its name under `root`, or by the beginning of its name.

        Raises:
            BadValue: no run is meant, or several are.
            DamagedRun: the path is there and isn't a run.
        """
        text = os.fspath(text)
        found = cls._at(text, root=root)
        if found is not None:
            return found
        named = list_runs(root)
        meant = [run for run in named if run.name.startswith(text)]
        if len(meant) == 1:
            return cls(meant[0].path)
        if meant:
            names = offenders(run.name for run in meant)
            raise must_be("run", "the beginning of one run's name", text, f"It begins {names}.")
        if Path(text).exists():
            return cls.open(text)
        raise unknown("run", text, [run.name for run in named], hint=f"Looked in {root}.")

    @classmethod
    def named(cls, text: PathLike, *, root: PathLike = "runs") -> Self:
        """A run by its path or its whole name under `root`.

        Raises:
            BadValue: there is none.
        """
        found = cls._at(os.fspath(text), root=root)
        if found is not None:
            return found
        hint = f"The whole name is asked for; looked in {root}."
        raise unknown("run", os.fspath(text), [run.name for run in list_runs(root)], hint=hint)

    @classmethod
    def _at(cls, text: str, *, root: PathLike) -> Self | None:
        places = (Path(text), Path(root) / text)
        return next((cls(path) for path in places if path.is_dir() and is_run(path)), None)

    @property
    def name(self) -> str:
        """What the run is called."""
        return self.path.resolve().name

    def __fspath__(self) -> str:
        return os.fspath(self.path)

    def has(self, name: str) -> bool:
        """Whether the run holds a file of that name."""
        return (self.path / name).is_file()

    def write_json(self, name: str, value: Any) -> Path:
        """Write plain data; NaN and the infinities are kept."""
        return self.write_text(name, encode(value, readable=True) + "\n")

    def read_json(self, name: str) -> Any:
        """Read what `write_json` wrote.

        Raises:
            DamagedRun: it isn't there, or isn't JSON.
        """
        text = self.read_text(name)
        try:
            return decode(text)
        except ValueError as error:
            raise _damaged(self.path / name, error) from error

    def write_text(self, name: str, text: str) -> Path:
        """Write text whole or not at all."""
        return self.write_bytes(name, text.encode())

    def read_text(self, name: str) -> str:
        """Read text.

        Raises:
            DamagedRun: it isn't there, or isn't text.
        """
        content = self.read_bytes(name)
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            raise _damaged(self.path / name, error) from error

    def write_bytes(self, name: str, content: bytes) -> Path:
        """Write bytes (a picture) whole or not at all."""
        path = self._place(name)
        write_bytes(path, content)
        return path

    def read_bytes(self, name: str) -> bytes:
        """Read a file as it is."""
        path = self._place(name)
        with saying_why(path, doing="read"):
            return path.read_bytes()

    def write_tensors(
        self, name: str, tensors: Mapping[str, Tensor], *, about: Mapping[str, str] | None = None
    ) -> Path:
        """Write named tensors whole or not at all, from whatever device they are on.

        Args:
            name: of the file, most often ending in .safetensors.
            tensors: those that share memory are each written out.
            about: words kept beside them.
        """
        from safetensors import SafetensorError
        from safetensors.torch import save_file

        path = self._place(name)
        with replacing(path) as temporary:
            try:
                save_file(_apart(tensors), temporary, metadata=dict(about) if about else None)
            except SafetensorError as error:
                raise _system_error(error) from error
        return path

    def read_tensors(self, name: str) -> dict[str, Tensor]:
        """Read named tensors, to the CPU.

        Raises:
            DamagedRun: the file isn't there, or is damaged.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        path = self._place(name)
        try:
            with saying_why(path, doing="read"):
                return dict(load_file(path))
        except SafetensorError as error:
            raise _damaged(path, error) from error

    def read_arrays(self, name: str) -> dict[str, np.ndarray[Any, Any]]:
        """Read named tensors as numpy arrays, without loading torch."""
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        path = self._place(name)
        try:
            with saying_why(path, doing="read"):
                return dict(load_file(path))
        except SafetensorError as error:
            raise _damaged(path, error) from error

    def _place(self, name: str) -> Path:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise must_be("name", "a path inside the run", name)
        return self.path / name


def is_run(path: Path) -> bool:
    """Whether a folder is that of a run."""
    return (path / EVENTS).is_file() or (path / "recipe.yaml").is_file()


def list_runs(root: PathLike = "runs") -> list[RunFolder]:
    """All runs under `root`, by name, numbers in their order; none without such a folder."""
    root = Path(root)
    if not root.is_dir():
        return []
    with saying_why(root, doing="read"):
        found = [RunFolder(path) for path in root.iterdir() if path.is_dir() and is_run(path)]
    return sorted(found, key=lambda run: _by_numbers(run.name))


def _claim(path: Path) -> bool:
    """Make the folder of a run; False where another has it."""
    with saying_why(path, doing="created"):
        try:
            path.mkdir()
        except FileExistsError:
            return False
        try:
            (path / EVENTS).touch()
        except OSError:
            path.rmdir()
            raise
        sync_folder(path.parent)
    return True


def _require_name(name: str) -> None:
    if not name.strip() or name.startswith(".") or re.search(r"[/\\\0\n]", name):
        raise must_be(
            "name",
            "a folder's name: not empty, without slashes and not beginning with a dot",
            name,
            "The folder to put it in is given apart.",
        )


def _number(found: str, name: str) -> int:
    tail = found[len(name) + 1 :]
    return int(tail) if found.startswith(f"{name}-") and tail.isascii() and tail.isdigit() else 0


def _by_numbers(name: str) -> list[tuple[int, str]]:
    parts = re.split(r"([0-9]+)", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _damaged(path: Path, error: Exception) -> DamagedRun:
    return DamagedRun(
        f"{path} must be a whole file, got {str(error)!r}. "
        "Bring it back from a copy, or make the run again from its recipe."
    )


def _system_error(error: Exception) -> OSError:
    """The error of the system behind one that safetensors tells only in words."""
    number = re.search(r"os error (\d+)", str(error))
    if number is None:
        return OSError(None, str(error))
    return OSError(int(number[1]), os.strerror(int(number[1])))


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Contiguous tensors on the CPU, no two of which share memory."""
    seen: set[int] = set()
    apart = {}
    for name, tensor in tensors.items():
        own = tensor.detach().cpu().contiguous()
        place = own.untyped_storage().data_ptr()
        apart[name] = own.clone() if place in seen else own
        seen.add(place)
    return apart
