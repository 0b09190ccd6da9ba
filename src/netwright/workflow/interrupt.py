"""Ctrl-C during a run: the first ends it after the present step, the second at once."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from netwright.train.loop import Loop

__all__ = ["stops_on_interrupt"]


@contextmanager
def stops_on_interrupt(loop: Loop, *, settling: float = 0.0) -> Iterator[None]:
    """Within the block, an interrupt asks `loop` to stop; the caller's handler is put back after.

    Outside the main thread Python allows no handlers; interrupts then go where they went before.

    Args:
        loop: that is running.
        settling: seconds in which further interrupts are taken for the same one: a terminal and a
            launcher both tell a process of it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT) or signal.SIG_DFL  # None: set by foreign code

    asked: list[float] = []

    def ask(number: int, frame: FrameType | None) -> None:
        asked.append(time.monotonic())
        if asked[-1] - asked[0] < settling or len(asked) == 1:
            loop.request_stop()
            if not settling:
                signal.signal(signal.SIGINT, before)
            return
        signal.signal(signal.SIGINT, before)
        signal.raise_signal(signal.SIGINT)

    signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
