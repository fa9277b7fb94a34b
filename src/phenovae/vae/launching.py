"""Several processes of one training on one machine, and the end of all when one of them ends."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
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

_GRACE = 30.0
_MEND = (
    "run the same command again: training goes on from its newest checkpoint; where memory ran "
    "out, set train.devices, train.batch or train.workers lower"
)


class _News(Protocol):
    """A queue between processes: errors that a user can understand, or None for Ctrl-C."""

    def put(self, item: PhenovaeError | None) -> None: ...

    def get(self) -> PhenovaeError | None: ...

    def empty(self) -> bool: ...


def run_processes(
    work: Callable[[Fabric], None], options: TrainOptions, silence: timedelta = SILENCE
) -> None:
    """Do the work in `train.devices` processes at once; none of them is left when this returns.

    `work` is pickled. Where one process ends before its time, so do the others.

    Raises what a process raised if that is a PhenovaeError, TrainingError where one was killed,
    failed otherwise or has not answered the others for as long as `silence`.
    """
    news: _News = multiprocessing.get_context("spawn").SimpleQueue()
    context: ProcessContext = start_processes(  # type: ignore[no-untyped-call]
        _process,
        args=(work, options, silence, _free_port(), news),
        nprocs=options.devices,
        join=False,
        start_method="spawn",
    )
    try:
        while not context.join():
            pass
    except (ProcessExitedException, ProcessRaisedException) as error:
        raise _told(context, news, error) from error
    finally:
        _end(context)
    if not news.empty():
        raise KeyboardInterrupt


def _process(
    rank: int,
    work: Callable[[Fabric], None],
    options: TrainOptions,
    silence: timedelta,
    port: int,
    news: _News,
) -> None:
    # All of it, since a scheduler of a cluster may have left other values for processes of its own.
    os.environ.update(
        LOCAL_RANK=str(rank), NODE_RANK="0", MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port)
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
) -> BaseException:
    """What is said of processes that have all ended, one of them too early."""
    while not news.empty():
        said = news.get()
        return KeyboardInterrupt() if said is None else said
    count = len(context.processes)
    for rank, process in enumerate(context.processes):
        # The one that was killed is named, even if another was heard to fail for the loss first.
        code = process.exitcode or 0
        first = rank == error.error_index
        if code < 0 and (first or code != -signal.SIGTERM):
            return TrainingError(
                f"process {rank + 1} of {count} was ended by {signal.Signals(-code).name}, and the "
                "others with it",
                mend=_MEND,
            )
    if isinstance(error, ProcessRaisedException):
        lost = "imed out" in str(error)
        what = "waited in vain for the others" if lost else "failed"
        return TrainingError(
            f"process {error.error_index + 1} of {count} {what}, and all have ended:{error}",
            mend=_MEND,
        )
    return TrainingError(
        f"process {error.error_index + 1} of {count} ended with exit code {error.exit_code}, and "
        "the others with it",
        mend=_MEND,
    )


def _end(context: ProcessContext) -> None:
    """Wait for processes that a terminal's Ctrl-C has reached too, then interrupt, then kill."""
    for send in (None, signal.SIGINT, signal.SIGKILL):
        living = [each for each in context.processes if each.is_alive()]
        for each in living:
            if send is not None and each.pid is not None:
                os.kill(each.pid, send)
        until = time.monotonic() + _GRACE
        for each in living:
            each.join(max(0.0, until - time.monotonic()))


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
