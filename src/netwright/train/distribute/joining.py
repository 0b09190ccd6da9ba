"""Joining the other processes of a launch, and saying which of them has failed."""

from __future__ import annotations

import atexit
import datetime
import importlib
import os
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist

from netwright._errors import NetwrightError, must_be

if TYPE_CHECKING:
    from netwright.train.distribute.world import World

__all__ = ["OtherFailed", "explained", "join"]

_FAILED = "netwright/failed"
_ALIVE = "netwright/alive"
_PATIENCE = 3.0  # seconds in which the one that failed has said so, or is gone
# what gloo and NCCL say when another process has gone away
_LOST = ("closed by peer", "reset by peer", "timed out", "timeout", "remote process", "gloo")


class OtherFailed(NetwrightError, RuntimeError):
    """Another process of the run failed, and this one can't go on without it."""


def join(*, device: str, timeout: float, make: Callable[[], World]) -> World:
    """Meet the other processes, over gloo and, between GPUs, NCCL.

    A group that the calling script has made already is used as it is.

    Args:
        device: the recipe's; GPUs are given out by the rank on the machine.
        timeout: seconds that a process waits for the others before it gives up.
        make: from the processes that have met to how they work together.

    Raises:
        BadValue: there are fewer GPUs than processes, or one is asked for by its number.
    """
    uses_gpu = torch.cuda.is_available() and device.partition(":")[0] in ("auto", "cuda")
    if uses_gpu:
        _take_gpu(device)
    if not dist.is_initialized():
        # its functions keep the group as a default value where they are read after it is made: the
        # group then outlives its end, and its threads let go of tensors while Python shuts down
        importlib.import_module("torch.distributed.nn.functional")
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if uses_gpu else "gloo",
            timeout=datetime.timedelta(seconds=timeout),
        )
        atexit.register(_leave)
    return make()


def _take_gpu(device: str) -> None:
    local = int(os.environ.get("LOCAL_RANK", "0"))
    there = torch.cuda.device_count()
    if device != "cuda" and ":" in device:
        raise must_be("device", "auto, cuda or cpu with several processes", device)
    if local >= there:
        raise must_be(
            "processes",
            f"at most {there} on this machine, one for each GPU",
            local + 1,
            "Start fewer, or train on the processor: --device cpu.",
        )
    torch.cuda.set_device(local)


def _leave() -> None:
    if dist.is_initialized() and not _Failure.seen:
        dist.destroy_process_group()


class _Failure:
    seen = False


def explained(error: BaseException) -> BaseException:
    """What to raise for an error in one of several processes.

    Its own error is told to the others and to the launcher, with the traceback. Where the error is
    that another one is gone, the answer says which and what it said last.
    """
    _Failure.seen = True
    if not dist.is_initialized() or getattr(error, "met_by", None) is not None:
        return error
    lost = isinstance(error, RuntimeError) and any(word in str(error).lower() for word in _LOST)
    if isinstance(error, OtherFailed) or not lost:
        _tell(error)
        return error
    return _other(error)


def _tell(error: BaseException) -> None:
    from torch.distributed.elastic.multiprocessing.errors import get_error_handler

    rank = dist.get_rank()
    if isinstance(error, NetwrightError):
        error.met_by = rank
    trace = "".join(traceback.format_exception(error))
    _store().set(_FAILED, f"{rank}\n{trace}")
    if isinstance(error, Exception) and not isinstance(error, NetwrightError):
        get_error_handler().record_exception(error)


def _other(error: BaseException) -> OtherFailed:
    """Who is gone: the one that has said so, or the one that does not answer."""
    count = dist.get_world_size()
    try:
        store = _store()
        store.set(f"{_ALIVE}/{dist.get_rank()}", "yes")
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            if store.check([_FAILED]):
                rank, _, trace = store.get(_FAILED).decode().partition("\n")
                return OtherFailed(
                    f"process {rank} of {count} must go on for the run to go on, got its error:\n"
                    f"{trace}"
                )
            time.sleep(0.1)
        silent = [rank for rank in range(count) if not store.check([f"{_ALIVE}/{rank}"])]
    except RuntimeError:  # the store is kept by the first process, or by the launcher
        silent = [0]
    gone = ", ".join(map(str, silent)) or "one"
    return OtherFailed(
        f"process {gone} of {count} must go on for the run to go on, got no answer from it "
        f"({str(error).splitlines()[0][:200]}). It was killed, or its machine is gone; "
        "netwright resume goes on from the newest snapshot, on any number of processes."
    )


def _store() -> dist.Store:
    return dist.distributed_c10d._get_default_store()
