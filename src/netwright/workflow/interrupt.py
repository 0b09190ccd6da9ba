"""Ctrl-C during a run: the first ends it after the present step, the second at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from netwright.train.loop import Loop

__all__ = ["stops_on_interrupt"]


@contextmanager
def stops_on_interrupt(loop: Loop) -> Iterator[None]:
    """Within the block, an interrupt asks `loop` to stop; the caller's handler is put back after.

    Outside the main thread Python allows no handlers; interrupts then go where they went before.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT) or signal.SIG_DFL  # None: set by foreign code

    def ask(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        loop.request_stop()

    signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
