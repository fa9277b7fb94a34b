"""Ctrl-C that waits for the end of a step, so that the state it leaves is whole."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_ONE = 0.5
"""Seconds within which interrupts are one: Linux sends a killed parent's once for every thread."""


@contextmanager
def deferred() -> Iterator[Callable[[], bool]]:
    """Within the block, Ctrl-C is only noted; the function given tells whether it came.

    A second Ctrl-C, half a second later or more, interrupts at once. Outside the main thread
    nothing changes.
    """
    came = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield came.is_set
        return
    first = 0.0
    before = signal.getsignal(signal.SIGINT)

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal first
        del number, frame
        if not came.is_set():
            first = time.monotonic()
            came.set()
        elif time.monotonic() - first > _ONE:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, note)
    try:
        yield came.is_set
    finally:
        signal.signal(signal.SIGINT, before)
