"""What of a run's state belongs to one process, in and out of the snapshot they share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netwright import _random
from netwright.data.batch import map_tensors
from netwright.data.source import Share
from netwright.train.snapshot import State

if TYPE_CHECKING:
    from netwright.train.loop import Loop

__all__ = ["change_of_world", "gathered_state", "own_state"]

_OWN = ("random", "stateful", "sources")


def gathered_state(loop: Loop, state: State) -> State:
    """The state of all processes, from that of each: whole on the first, its own on the others.

    Weights and optimisers are the same on all. Of buffers it holds one for all and, under `ranks`,
    those of each, as it does of random numbers, `Stateful` parts and sources.
    """
    processes = loop.processes
    if processes.share.of == 1:
        return state
    buffers = [name for name, _ in loop.method.named_buffers() if name in state["method"]]
    average = state["average"].get("average", {})
    own: dict[str, Any] = {name: state[name] for name in _OWN}
    own["examples"] = state["counters"]["examples"]
    own["buffers"] = {name: state["method"][name] for name in buffers}
    own["averages"] = {name: average[name] for name in buffers if name in average}
    ranks = processes.gathered(map_tensors(own, lambda tensor: tensor.detach().cpu()))
    examples = processes.summed(state["counters"]["examples"])
    method = {**state["method"], **processes.merged(state["method"], buffers)}
    if average:
        average = {**average, **processes.merged(average, buffers)}
        state = {**state, "average": {**state["average"], "average": average}}
    counters = {**state["counters"], "examples": examples}
    return {**state, "method": method, "counters": counters, "ranks": ranks}


def own_state(state: State, share: Share, *, seed: int) -> State:
    """What a process goes on from.

    With as many processes as before it is its own state again. With another number the first takes
    up what is one for all, and the others draw anew and begin with a copy of its parts.

    Args:
        state: of a snapshot.
        share: which process, of how many.
        seed: of the run.
    """
    ranks = state.get("ranks", ())
    common = {name: value for name, value in state.items() if name != "ranks"}
    if share.of > 1 and len(ranks) == share.of:
        own = ranks[share.rank]
        counters = {**state["counters"], "examples": own["examples"]}
        method = {**state["method"], **own["buffers"]}
        average = dict(state["average"])
        if average:
            average["average"] = {**average["average"], **own["averages"]}
        told = {name: own[name] for name in _OWN}
        return {**common, **told, "counters": counters, "method": method, "average": average}
    if share.rank == 0:
        return common
    with _random.isolated(
        _random.derive(seed, "train", "rank", share.rank, state["counters"]["step"])
    ):
        drawn = _random.capture()
    counters = {**state["counters"], "examples": 0}
    sources: dict[str, Any] = {name: {} for name in state["sources"]}
    return {**common, "random": drawn, "counters": counters, "sources": sources}


def change_of_world(state: State, share: Share) -> list[str]:
    """What goes on and what does not where a run is taken up by another number of processes."""
    before = len(state.get("ranks", ())) or 1
    if before == share.of:
        return []
    return [
        f"The snapshot is of {before} {'process' if before == 1 else 'processes'} and the run goes "
        f"on in {share.of}: weights, optimisers and the order of the data go on as they were; "
        "random numbers and parts with a state of their own go on in the first process alone, so "
        "the run does not end with the same bits."
    ]
