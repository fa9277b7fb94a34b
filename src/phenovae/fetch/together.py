"""Several pieces of work at once, each in a thread; what fails stops no other."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from phenovae.fetch.halt import Halt, HaltedError

Key = TypeVar("Key")
Result = TypeVar("Result")

_LOOK_EVERY_S = 0.5
_GRACE_S = 1.0


@dataclass(frozen=True)
class Outcome(Generic[Key, Result]):
    """How one piece of work ended: its result, or the error that it raised."""

    key: Key
    result: Result | None = None
    error: Exception | None = None


def together(
    keys: Sequence[Key], work: Callable[[Key], Result], jobs: int, halt: Halt
) -> Generator[Outcome[Key, Result], None, None]:
    """Do the work of every key, `jobs` at once; outcomes as they come.

    Where the caller stops listening and closes this (Ctrl-C), `halt` is set, and threads that still
    wait for a server after a moment are left behind: they end with the process.
    """
    waiting: queue.SimpleQueue[Key] = queue.SimpleQueue()
    ended: queue.SimpleQueue[Outcome[Key, Result]] = queue.SimpleQueue()
    for key in keys:
        waiting.put(key)

    def labour() -> None:
        while True:
            try:
                key = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                halt.check()
                ended.put(Outcome(key, result=work(key)))
            except HaltedError:
                return
            except Exception as error:  # noqa: BLE001  handed to the caller, who judges it
                ended.put(Outcome(key, error=error))

    threads = [
        threading.Thread(target=labour, daemon=True, name=f"together-{number}")
        for number in range(min(jobs, len(keys)))
    ]
    for thread in threads:
        thread.start()
    try:
        for _ in keys:
            yield _next(ended)
    except BaseException:
        halt.set()
        for thread in threads:
            thread.join(_GRACE_S / len(threads))
        raise


def _next(ended: queue.SimpleQueue[Outcome[Key, Result]]) -> Outcome[Key, Result]:
    # A wait without an end cannot be interrupted on every system.
    while True:
        try:
            return ended.get(timeout=_LOOK_EVERY_S)
        except queue.Empty:
            continue
