"""A flag that ends work in other threads between two of its steps."""

from __future__ import annotations

import threading


class HaltedError(Exception):
    """The work was asked to end; what it has done so far is kept."""


class Halt:
    """Asked by long work between its steps; set by who started it."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Ask all work that looks here to end."""
        self._event.set()

    def check(self) -> None:
        """Raise HaltedError where the work was asked to end."""
        if self._event.is_set():
            raise HaltedError

    def wait(self, seconds: float) -> None:
        """Sleep, and raise HaltedError at once when the work is asked to end."""
        if self._event.wait(seconds):
            raise HaltedError
