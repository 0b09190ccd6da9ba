"""What was measured of a step."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Loading", "Memory", "Part", "StageTime", "Timing"]

PREPARING = ("augment", "preprocess")


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of a step, in seconds a step.

    Attributes:
        name: load, augment, preprocess, forward (with the loss), backward, update, record, fit (a
            closed form) or other. "other" is what the parts leave of the whole step; below 0 where
            they overlap in it, as on an accelerator that works while the host goes on.
        phase: of the method; empty for what belongs to none.
        seconds: the median over the steps that were measured.
        low: lower end of its 95 % interval.
        high: upper end.
    """

    name: str
    phase: str = ""
    seconds: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class StageTime:
    """A step of one stage.

    Attributes:
        name: of the stage.
        whole: the step, measured without looking into it.
        mean: seconds a step on average.
        parts: measured one by one, "other" last; they add up to `whole`.
        measured: steps that `whole` is the median of.
        examples: learned from in a step.
        steps: that the whole run takes in this stage.
        epochs: passes over the data.
    """

    name: str
    whole: Part
    mean: float
    parts: tuple[Part, ...]
    measured: int
    examples: float
    steps: int
    epochs: int

    def seconds_of(self, *names: str) -> float:
        """The parts of these names together."""
        return sum(part.seconds for part in self.parts if part.name in names)

    def share(self, part: Part) -> float:
        """Of the whole step."""
        return part.seconds / self.whole.seconds


@dataclass(frozen=True, kw_only=True)
class Loading:
    """How loading compares with computing, in the stage whose steps wait the longest for data.

    Attributes:
        waiting: share of the step that passes until its batches are there.
        bound: whether that is more than a fifth.
        workers: processes that read; None where the data are in memory.
        reading: seconds that one process needs to read what a step takes; None where nothing is
            read, or where a loader's own processes do it.
        computing: seconds of the step without loading.
        enough: workers that read as fast as the step computes, if they have a core each.
        cores: that this process may use.
    """

    waiting: float
    bound: bool
    workers: int | None
    reading: float | None
    computing: float
    enough: int | None
    cores: int


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Bytes on the device that learns; the working memory of single operations comes on top.

    Attributes:
        parameters: the method's.
        buffers: likewise.
        gradients: as many as there are at one time.
        optimizer: what the optimisers remember.
        average: of the weights, where one is kept.
        activations: that the hungriest phase keeps for its backward pass.
        batch: what is learned from at a time.
        an_example: what one more example adds to those two.
        data: examples and targets that are kept in memory.
        peak: the most that was allocated at one time; None where the device does not count it.
        available: what was left on the device, or in the machine, while all of this was there.
        fits: about the largest batch for which it would do; None where that is not known.
    """

    parameters: int
    buffers: int
    gradients: int
    optimizer: int
    average: int
    activations: int
    batch: int
    an_example: float
    data: int
    peak: int | None
    available: int | None
    fits: int | None

    @property
    def total(self) -> int:
        """All of it."""
        own = self.parameters + self.buffers + self.gradients + self.optimizer + self.average
        return own + self.activations + self.batch + self.data


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Where the time of a run goes.

    Attributes:
        data: how they were understood, in one line.
        device: where it computes.
        precision: of the forward pass.
        model: name of the model; empty where a method brought its own.
        batch_size: examples a batch.
        micro_batch_size: examples whose graph is held at a time; None for the whole batch.
        stages: a step of each.
        validation: seconds that judging the held-out split once takes; None where none is judged.
        run: seconds that the whole run takes, about; early stopping may end it before.
        loading: against computing.
        memory: estimated, from tensors that were counted.
        advice: a sentence each; only what the figures justify.
    """

    data: str
    device: str
    precision: str
    model: str
    batch_size: int
    micro_batch_size: int | None
    stages: tuple[StageTime, ...]
    validation: float | None
    run: float
    loading: Loading
    memory: Memory
    advice: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain data, with the shares and rates that people read."""
        plain = asdict(self)
        for stage, record in zip(self.stages, plain["stages"], strict=True):
            for part, entry in zip(stage.parts, record["parts"], strict=True):
                entry["share"] = stage.share(part)
            record["steps_per_second"] = 1 / stage.mean
            record["examples_per_second"] = stage.examples / stage.mean
        plain["memory"]["total"] = self.memory.total
        return plain
