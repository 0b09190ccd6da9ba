"""What the figures say could be done; nothing where they say nothing."""

from __future__ import annotations

from netwright.workflow.timing.result import PREPARING, Loading, Memory, StageTime

__all__ = ["advice"]

_MUCH = 0.4  # share of a step from which a part is worth a change


def advice(
    stage: StageTime, *, loading: Loading, memory: Memory, batch_size: int
) -> tuple[str, ...]:
    """A sentence for each thing that stands out.

    Args:
        stage: the one with most of the run's time.
        loading: against computing.
        memory: estimated.
        batch_size: examples a batch.
    """
    found = [_of_loading(loading), _of_preparing(stage), _of_watching(stage)]
    found += [_of_update(stage, memory, batch_size), _of_memory(memory, batch_size)]
    return tuple(sentence for sentence in found if sentence)


def _of_loading(loading: Loading) -> str:
    if not loading.bound or loading.workers is None:
        return ""
    waits = f"A step waits {loading.waiting:.0%} of its time for data"
    if loading.enough is None:
        return f"{waits}: give the DataLoader more workers (num_workers=...)."
    if loading.enough <= loading.workers:
        return (
            f"{waits}, though {loading.workers} workers should do: other processes, or the disk, "
            "hold them up."
        )
    times = (loading.reading or 0.0) / max(loading.computing, 1e-9)
    said = f"{waits}; reading takes {times:.1f} times as long as computing"
    if loading.enough <= loading.cores:
        return f"{said}: set training.workers={loading.enough}."
    if loading.workers < loading.cores:
        return (
            f"{said}: set training.workers={loading.cores}, one a core; {loading.enough} would be "
            "needed, so smaller pictures (data.image_size) help too."
        )
    return f"{said}, and every core has its worker: smaller pictures (data.image_size) would help."


def _of_preparing(stage: StageTime) -> str:
    share = stage.seconds_of(*PREPARING) / stage.whole.seconds
    if share < _MUCH:
        return ""
    return (
        f"Augmenting and preprocessing take {share:.0%} of a step: a shorter list under augment "
        "would make it faster."
    )


def _of_watching(stage: StageTime) -> str:
    share = stage.seconds_of("record") / stage.whole.seconds
    if share < _MUCH / 2:
        return ""
    return f"Recording takes {share:.0%} of a step: a larger training.record_every costs less."


def _of_update(stage: StageTime, memory: Memory, batch_size: int) -> str:
    share = stage.seconds_of("update") / stage.whole.seconds
    larger = 2 * batch_size
    if share < _MUCH or memory.fits is None or memory.fits < larger:
        return ""
    return (
        f"The update takes {share:.0%} of a step, whatever the batch's size: with "
        f"training.batch_size={larger} there would be half as many (and another learning rate may "
        "suit)."
    )


def _of_memory(memory: Memory, batch_size: int) -> str:
    if memory.fits is None or memory.fits >= batch_size:
        return ""
    return (
        "A batch of this size may not fit into the memory that is left: set "
        "training.micro_batch_size to half of it or less; the gradient stays the same."
    )
