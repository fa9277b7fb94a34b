"""The same function over many parts of a screen: in this process, in local ones, on a cluster.

Parts are independent and each leaves files of its own, so the outcome does not depend on how many
workers there are, on which of them does what, or on how often one is killed and its part redone.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from pydantic import Field
from threadpoolctl import threadpool_limits

from phenovae.base.errors import PhenovaeError, UsageError
from phenovae.base.hush import hushed
from phenovae.base.options import Options
from phenovae.base.progress import Progress

if TYPE_CHECKING:
    from distributed import Client

logger = logging.getLogger(__name__)

Part = TypeVar("Part")
Result = TypeVar("Result")

_TRIES_WHERE_KILLED = 5
_ANSWER_WITHIN = "30s"


class WorkersOptions(Options):
    """Who does the work on fields. What comes out is the same, whoever does it."""

    count: int = Field(
        0,
        ge=0,
        description="local worker processes, one thread each; 1: this process alone; 0: one for "
        "each core, or for each part where there are fewer",
    )
    scheduler: str | None = Field(
        None, description="address of a Dask scheduler, tcp://HOST:PORT, instead of local workers"
    )
    fail_fast: bool = Field(
        default=False,
        description="end the run at the first field that cannot be read, instead of listing it",
    )
    fields: int = Field(
        16, ge=1, description="fields of one plate that are one part of the work [fields]"
    )


def map_parts(
    function: Callable[[Part], Result],
    parts: Sequence[Part],
    options: WorkersOptions,
    progress: Progress,
    label: str,
) -> list[Result]:
    """Apply a function to every part and return what it gives, in the order of the parts.

    `function` must be importable and its parts picklable. What it raises is raised here as it is,
    from whichever worker. Raises PhenovaeError where the scheduler does not answer or one part
    keeps on killing its workers.
    """
    results: dict[int, Result] = {}
    with progress.bar(label, len(parts)) as bar:
        for place, result in _each(function, parts, options):
            results[place] = result
            bar.advance()
    return [results[place] for place in range(len(parts))]


def _each(
    function: Callable[[Part], Result], parts: Sequence[Part], options: WorkersOptions
) -> Iterator[tuple[int, Result]]:
    count = min(options.count or os.cpu_count() or 1, len(parts))
    if options.scheduler is None and count <= 1:
        for place, part in enumerate(parts):
            yield place, _on_one_thread(function, part)
        return
    from distributed import KilledWorker, as_completed

    with _client(options.scheduler, count) as client, client.as_current():
        work = partial(_on_one_thread, function)
        futures = client.map(work, parts, pure=False, key=function.__name__, retries=0)
        place_of = {future.key: place for place, future in enumerate(futures)}
        try:
            for future in as_completed(futures):
                result: Result = future.result()  # a worker's own error is raised here as it is
                yield place_of[future.key], result
        except KilledWorker as error:
            raise PhenovaeError(
                f"a part of the work has killed {_TRIES_WHERE_KILLED} workers, one after the "
                f"other: {parts[place_of[error.task]]}",
                mend="most often memory ran out: fewer workers.count, or more memory a worker; "
                "the same command goes on from there",
            ) from error
        finally:
            client.cancel(futures)


def _on_one_thread(function: Callable[[Part], Result], part: Part) -> Result:
    # With more threads, sums may come out otherwise in their last bit.
    with threadpool_limits(limits=1):
        return function(part)


@contextmanager
def _client(scheduler: str | None, count: int) -> Iterator[Client]:
    import dask
    from distributed import Client, LocalCluster

    settings = {
        "distributed.scheduler.allowed-failures": _TRIES_WHERE_KILLED - 1,
        "distributed.comm.timeouts.connect": _ANSWER_WITHIN,
    }
    # The engine speaks of its workers, and ours says what matters of them.
    engine = hushed("distributed", logging.CRITICAL)
    with dask.config.set(settings), engine, _own_environment():
        if scheduler is not None:
            try:
                client = Client(scheduler, timeout=_ANSWER_WITHIN, set_as_default=False)
            except (OSError, TimeoutError, ValueError) as error:
                raise UsageError(
                    f"no Dask scheduler answers at {scheduler}: {error}",
                    mend="start one with `dask scheduler`, and name it as tcp://HOST:PORT",
                ) from error
            with client:
                yield client
            return
        with (
            LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                processes=True,
                # No page to look at; and its port is any free one, not that of another cluster.
                dashboard_address=None,
                scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
                memory_limit=0,
                silence_logs=logging.CRITICAL,
            ) as cluster,
            Client(cluster, set_as_default=False) as client,
        ):
            yield client


@contextmanager
def _own_environment() -> Iterator[None]:
    """Give this process its environment back: the engine leaves what it sets for its workers.

    One thread for every library is among it, and would stay for the training that follows.
    """
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
