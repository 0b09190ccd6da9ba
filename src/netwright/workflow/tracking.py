"""What a run writes for TensorBoard while it goes on, and what is written of a finished one."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from netwright._errors import must_be
from netwright.probes.distributions import Distributions
from netwright.probes.histogram import Bins, histogram
from netwright.probes.schedule import every
from netwright.runs.finished import WEIGHTS
from netwright.runs.recipe import TensorBoardPart
from netwright.runs.records import Ended
from netwright.runs.store import RunFolder
from netwright.runs.trackers.tensorboard import EventFiles, Mirror, export_scalars, has_event_files
from netwright.train.control import Command, Observer, ReplaceModule, View

__all__ = ["TensorBoard", "export_tensorboard", "tensorboard_for"]

_FOLDER = "tensorboard"
_PAUSE = 5.0  # seconds between looks at the record within an epoch


class TensorBoard(Observer):
    """Copies the record as it is written, and adds histograms of the network that trains.

    It changes no bit of the run. Histograms are those of a training step: its weights after the
    update, the gradients that made it, and what each layer gave.

    Args:
        run: folder of the run, whose record is being written.
        files: where to.
        histogram_every: steps between histograms; 0 for none.
        bins: of each histogram.
    """

    def __init__(
        self,
        run: Path,
        files: EventFiles,
        *,
        histogram_every: int,
        bins: Bins,
    ) -> None:
        self._files = files
        self._mirror = Mirror(run, files)
        self._every = histogram_every
        self._bins = bins
        self._probe: Distributions | None = None
        self._looked = time.monotonic()

    def started(self, view: View) -> None:
        """Put the hooks on."""
        self._mirror.follow()
        self._watch(view)

    def stepped(self, view: View) -> None:
        """Write the histograms of the step that was done, where they are due."""
        if self._probe is not None:
            self._probe.read()
            if self._probe.found:
                self._mirror.follow()
                self._write(self._probe, step=view.step - 1)
            self._probe.at(view.step)
        if time.monotonic() - self._looked > _PAUSE:
            self._follow()

    def epoch_ended(self, view: View, *, loss: float, examples: int, seconds: float) -> None:
        """Write what was recorded."""
        self._follow()

    def validated(self, view: View, *, metrics: Mapping[str, float]) -> None:
        """Write what was recorded."""
        self._follow()

    def commanded(self, view: View, *, command: Command) -> None:
        """Watch the module that replaces another; a roll-back is one of the record."""
        self._follow()
        if isinstance(command, ReplaceModule):
            self._watch(view)
        elif self._probe is not None:
            self._probe.at(view.step)

    def ended(self, view: View, *, ended: Ended) -> None:
        """Write what was recorded."""
        self._follow()

    def close(self) -> None:
        """Take the hooks off and write what is left, also when the run broke off."""
        if self._probe is not None:
            self._probe.detach()
        self._follow()
        self._files.close()

    def _watch(self, view: View) -> None:
        if not self._every:
            return
        if self._probe is not None:
            self._probe.detach()
        self._probe = _WhileTraining(view.method, when=every(self._every), bins=self._bins)
        self._probe.__enter__()
        self._probe.at(view.step)

    def _write(self, probe: Distributions, *, step: int) -> None:
        for name, one in probe.found.items():
            self._files.histogram(name, one.to_json(), step=step)
            if one.dead is not None and name.startswith("activations/"):
                self._files.scalar(f"dead units/{name.partition('/')[2]}", one.dead, step=step)
        self._files.flush()

    def _follow(self) -> None:
        self._looked = time.monotonic()
        self._mirror.follow()
        self._files.flush()


class _WhileTraining(Distributions):
    """Leaves out the passes of a validation, which come between the steps."""

    @property
    def active(self) -> bool:
        return super().active and self.module.training


def tensorboard_for(part: TensorBoardPart, folder: RunFolder, *, whole: bool) -> TensorBoard:
    """The observer that a recipe asks for.

    Args:
        part: of the recipe.
        folder: of the run.
        whole: whether a process has whole parameters, which can be counted.

    Raises:
        MissingExtra: the package `tensorboard` is not installed.
        BadValue: histograms where no process has whole parameters.
    """
    if part.histogram_every and not whole:
        rule, fix = "0 with fsdp", "No process has whole parameters to count."
        raise must_be("tensorboard.histogram_every", rule, part.histogram_every, fix)
    return TensorBoard(
        folder.path,
        EventFiles(folder.path / _FOLDER),
        histogram_every=part.histogram_every,
        bins=part.bins,
    )


def export_tensorboard(
    run: str | os.PathLike[str] | RunFolder,
    *,
    into: str | os.PathLike[str] | None = None,
    root: str | os.PathLike[str] = "runs",
) -> Path:
    """Write the record of a run as event files: what was recorded, the figures, the last weights.

    Args:
        run: path, name under `root`, or the beginning of a name.
        into: a folder; None for `tensorboard` within the run.
        root: folder of all runs.

    Returns:
        The folder, for `tensorboard --logdir`.

    Raises:
        MissingExtra: the package `tensorboard` is not installed.
        BadValue: there are event files already, or nothing is recorded.
    """
    folder = run if isinstance(run, RunFolder) else RunFolder.find(run, root=root)
    place = folder.path / _FOLDER if into is None else Path(into)
    if has_event_files(place):
        raise must_be(
            "folder",
            "one without event files",
            str(place),
            f"Look at them: tensorboard --logdir {place}; or name another folder with -o.",
        )
    with EventFiles(place) as files:
        last = export_scalars(folder.path, files)
        for name, value in _figures(folder):
            files.scalar(name, value, step=last)
        if folder.has(WEIGHTS):
            for name, weight in folder.read_tensors(WEIGHTS).items():
                if weight.is_floating_point() and weight.numel():
                    counted = histogram(weight, unit_axis=0).to_json()
                    files.histogram(f"weights/{name}", counted, step=last)
    return place


def _figures(folder: RunFolder) -> Iterator[tuple[str, float]]:
    for split in ("val", "test"):
        if folder.has(f"evaluation/{split}.json"):
            metrics = folder.read_json(f"evaluation/{split}.json")["metrics"]
            yield from ((f"judged/{split} {name}", one["value"]) for name, one in metrics.items())
