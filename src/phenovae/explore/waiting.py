"""Work that a page waits for without holding up the rest: done once, in the background."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Found = TypeVar("Found")


class StillWorkingError(Exception):
    """The answer is not there yet; `what` is under way."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(what)


class Later(Generic[Found]):
    """Answers by name, each made once by a thread of its own kind."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="phenovae-explore")
        self._lock = threading.Lock()
        self._known: dict[str, Future[Found]] = {}

    def get(
        self, name: str, what: str, make: Callable[[], Found], *, wait: float | None = 0.2
    ) -> Found:
        """The answer, if it is there within `wait` seconds (None: however long it takes).

        Raises StillWorkingError where it is not, and whatever `make` raised, once.
        """
        with self._lock:
            if name not in self._known:
                self._known[name] = self._pool.submit(make)
            future = self._known[name]
        try:
            return future.result(wait)
        except TimeoutError:
            if future.done():
                self._forget(name)
                raise
            raise StillWorkingError(what) from None
        except Exception:
            self._forget(name)
            raise

    def close(self) -> None:
        """Let nothing more begin; what is under way ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _forget(self, name: str) -> None:
        # A failure is told to who asked, and may be mended: the next one tries anew.
        with self._lock:
            self._known.pop(name, None)
