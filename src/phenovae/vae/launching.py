"""The processes of one training on one machine, and the end of all when one of them ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

from lightning_fabric import Fabric
from torch import multiprocessing
from torch.multiprocessing.spawn import (
    ProcessContext,
    ProcessExitedException,
    ProcessRaisedException,
    start_processes,
)

from phenovae.base.errors import PhenovaeError, TrainingError
from phenovae.vae.devices import make_fabric
from phenovae.vae.options import TrainOptions

SILENCE = timedelta(minutes=30)
"""How long a process waits for the others before it takes them for lost."""

_START = "spawn"
_GRACE = 30.0
_LOOK = 0.5
_MEND = (
    "run the same command again: training goes on from its newest checkpoint; where memory ran "
    "out, set train.devices, train.batch or train.workers lower"
)


_LOST = re.compile(r"gloo|nccl|Dist\w*Error|imed out|Connection (?:reset|closed|refused)", re.I)
"""How a process fails for another that is gone."""

_MESSAGE = re.compile(r"^[\w.]+: ", re.MULTILINE)


class LostError(TrainingError):
    """A process failed, perhaps only because another was gone."""


@dataclass(frozen=True)
class Place:
    """A machine among those of a training, counted from 0, and where all processes meet.

    `name` is what a person calls it; port 0 is any that is free.
    """

    node: int = 0
    nodes: int = 1
    host: str = "127.0.0.1"
    port: int = 0
    name: str = ""


class _News(Protocol):
    """A queue between processes: errors that a user can understand, or None for Ctrl-C."""

    def put(self, item: PhenovaeError | None) -> None: ...

    def get(self) -> PhenovaeError | None: ...

    def empty(self) -> bool: ...


def run_processes(
    work: Callable[[Fabric], None],
    options: TrainOptions,
    silence: timedelta = SILENCE,
    place: Place | None = None,
    watch: Callable[[], None] = lambda: None,
) -> None:
    """Do the work in `train.devices` processes at once; none of them is left when this returns.

    `work` is pickled. Where one process ends before its time, so do the others; and where `watch`,
    which is called all the while, raises.

    Raises what a process raised if that is a PhenovaeError, TrainingError where one was killed,
    failed otherwise or has not answered the others for as long as `silence`: LostError where that
    may be for one on another machine. And what `watch` raises.
    """
    place = place or Place()
    news: _News = multiprocessing.get_context(_START).SimpleQueue()
    context: ProcessContext = start_processes(  # type: ignore[no-untyped-call]
        _process,
        args=(work, options, silence, replace(place, port=place.port or free_port()), news),
        nprocs=options.devices,
        join=False,
        start_method=_START,
    )
    patience = _GRACE
    try:
        while not context.join(_LOOK):
            patience = 0.0
            watch()
            patience = _GRACE
    except (ProcessExitedException, ProcessRaisedException) as error:
        raise _told(context, news, error, place) from error
    finally:
        _end(context, patience)
    if not news.empty():
        raise KeyboardInterrupt


def _process(
    rank: int,
    work: Callable[[Fabric], None],
    options: TrainOptions,
    silence: timedelta,
    place: Place,
    news: _News,
) -> None:
    # All of it, since a scheduler of a cluster may have left other values for processes of its own.
    os.environ.update(
        LOCAL_RANK=str(rank),
        NODE_RANK=str(place.node),
        MASTER_ADDR=place.host,
        MASTER_PORT=str(place.port),
    )
    threading.Thread(target=_follow_parent, daemon=True).start()
    try:
        fabric = make_fabric(options, silence)
        fabric.launch()
        work(fabric)
    except PhenovaeError as error:
        news.put(error)
        raise
    except KeyboardInterrupt:
        news.put(None)
        raise


def _follow_parent() -> None:
    """End this process soon after its parent, even where it hangs or hears no signal."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        # On Linux a signal has come too, and there is time to write a checkpoint first.
        time.sleep(_GRACE)
        os._exit(1)


def _told(
    context: ProcessContext,
    news: _News,
    error: ProcessExitedException | ProcessRaisedException,
    place: Place,
) -> BaseException:
    """What is said of processes that have all ended, one of them too early."""
    while not news.empty():
        said = news.get()
        return KeyboardInterrupt() if said is None else said
    count = len(context.processes)
    on = f" on {place.name}" if place.name else ""
    for rank, process in enumerate(context.processes):
        # The one that was killed is named, even if another was heard to fail for the loss first.
        code = process.exitcode or 0
        first = rank == error.error_index
        if code < 0 and (first or code != -signal.SIGTERM):
            return TrainingError(
                f"process {rank + 1} of {count}{on} was ended by {signal.Signals(-code).name}, and "
                "the others with it",
                mend=_MEND,
            )
    if isinstance(error, ProcessRaisedException):
        last = _said_last(str(error))
        what = "waited in vain for the others" if "imed out" in last else "failed"
        return (LostError if _LOST.search(last) else TrainingError)(
            f"process {error.error_index + 1} of {count}{on} {what}, and all have ended:{error}",
            mend=_MEND,
        )
    return TrainingError(
        f"process {error.error_index + 1} of {count}{on} ended with exit code {error.exit_code}, "
        "and the others with it",
        mend=_MEND,
    )


def _said_last(trace: str) -> str:
    """The message of the error that a traceback ends with, of one line or several."""
    starts = [found.start() for found in _MESSAGE.finditer(trace)]
    return trace[starts[-1] :] if starts else trace


def _end(context: ProcessContext, patience: float) -> None:
    """Wait for processes that a terminal's Ctrl-C has reached too, then interrupt, then kill."""
    for send, grace in ((None, patience), (signal.SIGINT, _GRACE), (signal.SIGKILL, _GRACE)):
        living = [each for each in context.processes if each.is_alive()]
        for each in living:
            if send is not None and each.pid is not None:
                os.kill(each.pid, send)
        until = time.monotonic() + grace
        for each in living:
            each.join(max(0.0, until - time.monotonic()))


def free_port() -> int:
    """A port of this machine that nothing listens at."""
    with socket.socket() as found:
        found.bind(("", 0))
        port: int = found.getsockname()[1]
        return port
