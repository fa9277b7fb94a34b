"""One file by HTTP: gone on with where it stopped, tried again while trying helps."""

from __future__ import annotations

import http.client
import logging
import random
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Self

from phenovae.base.errors import FetchError
from phenovae.base.progress import SILENT, Bar, Progress
from phenovae.fetch.halt import Halt
from phenovae.fetch.http import PassingFaultError, RangeError, ask, reason_of
from phenovae.fetch.options import FetchOptions
from phenovae.fetch.partial import Partial, Version, version_of

logger = logging.getLogger(__name__)

_RANGE = re.compile(r"\s*bytes\s+(\d{1,18})-(\d{1,18})/(\d{1,18}|\*)\s*", re.ASCII)
_CHANCE = random.SystemRandom()


@dataclass(frozen=True)
class Fetched:
    """A file that has come whole: its bytes, and what the server told of its version.

    `resumed` where it came in more than one part.
    """

    url: str
    size: int
    etag: str
    last_modified: str
    resumed: bool


def length_at(url: str, options: FetchOptions) -> int | None:
    """Bytes of a file as its server tells them without sending it; None where it does not."""
    try:
        with ask(url, timeout_s=options.timeout_s, method="HEAD") as answer:
            text = answer.headers.get("Content-Length", "")
    except (PassingFaultError, RangeError, FetchError):
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def fetch(
    url: str,
    path: Path,
    *,
    most_bytes: int,
    label: str | None = None,
    options: FetchOptions | None = None,
    progress: Progress = SILENT,
    halt: Halt | None = None,
) -> Fetched:
    """Fetch a file to `path`, whose folder is there; a part is kept beside it and gone on with.

    A part is only gone on with while the server has the same version. `label` is what messages and
    the bar call the file. Raises FetchError where the
    server refuses, sends more than `most_bytes`, or keeps failing; HaltedError; and PhenovaeError
    where the file cannot be written.
    """
    options, halt, label = options or FetchOptions(), halt or Halt(), label or path.name
    partial = Partial(path, url)
    resumed = partial.whole
    failures = 0
    with _Gauge(progress, label) as gauge:
        while not partial.whole:
            before, begun = partial.size, partial.begun
            resumed |= before > 0
            try:
                _attempt(partial, url, most_bytes, options, gauge, halt)
                break
            except PassingFaultError as fault:
                grown = partial.size > before and partial.begun == begun
                failures = 1 if grown else failures + 1
                if failures >= options.attempts or partial.begun >= options.attempts:
                    raise FetchError(
                        f"{path.name} cannot be fetched: {fault.reason}",
                        where=url,
                        mend="check connection and address, or run the same command again later; "
                        "what has come is kept",
                    ) from fault
                seconds = _pause(fault, failures, options, url)
                logger.info("%s: %s; again in %.1f s", label, fault.reason, seconds)
                halt.wait(seconds)
    version, size = partial.version or Version(), partial.size
    partial.finish()
    return Fetched(url, size, version.etag, version.last_modified, resumed)


def _pause(fault: PassingFaultError, failures: int, options: FetchOptions, url: str) -> float:
    """Seconds to the next try: as the server asks, else longer each time and never in step."""
    if fault.wait_s is None:
        backoff = options.backoff_s * 2.0 ** (failures - 1) * _CHANCE.uniform(0.5, 1.5)
        return min(backoff, options.longest_wait_s)
    if fault.wait_s > options.longest_wait_s:
        raise FetchError(
            f"{fault.reason} and asks to wait {fault.wait_s:.0f} s",
            where=url,
            mend="run the same command again then; what has come is kept",
        ) from fault
    return fault.wait_s


class _Gauge:
    """Tells a bar how many bytes there are, across tries and beginnings anew."""

    def __init__(self, progress: Progress, label: str) -> None:
        self._progress, self._label = progress, label
        self._stack = ExitStack()
        self._bar: Bar | None = None
        self._told = 0

    def tell(self, size: int, total: int | None) -> None:
        if self._bar is None:
            bar = self._progress.bar(self._label, total or 0, size)
            self._bar = self._stack.enter_context(bar)
        else:
            self._bar.advance(size - self._told)
        self._told = size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None:
        self._stack.close()


def _attempt(
    partial: Partial, url: str, most_bytes: int, options: FetchOptions, gauge: _Gauge, halt: Halt
) -> None:
    """One request, and all that it brings. Raises PassingFaultError where bytes are missing."""
    halt.check()
    held = partial.size
    headers = {}
    if held and partial.version is not None:
        headers["Range"] = f"bytes={held}-"
        if partial.version.validator:
            headers["If-Range"] = partial.version.validator
    try:
        answer = ask(url, timeout_s=options.timeout_s, headers=headers)
    except RangeError as error:
        partial.discard()
        raise PassingFaultError(f"{error}: the file is another now", 0.0) from error
    with answer:
        if answer.status == HTTPStatus.PARTIAL_CONTENT:
            _check_range(partial, held, answer)
        else:
            partial.begin(version_of(answer.headers, answer.length))
        length = partial.version.length if partial.version else None
        if length is not None and length > most_bytes:
            partial.discard()
            raise FetchError(f"the file has {length} bytes, more than {most_bytes}", where=url)
        size = partial.size
        gauge.tell(size, length)
        most = most_bytes if length is None else length
        with partial.open() as file:
            for block in _blocks(answer, options, halt):
                size += len(block)
                if size > most:
                    break
                partial.add(file, block)
                gauge.tell(size, length)
    if size > most:
        partial.discard()
        raise FetchError(f"the server sends more than {most} bytes", where=url)
    if length is not None and size < length:
        raise PassingFaultError(f"the connection ended after {size} of {length} bytes")


def _check_range(partial: Partial, size: int, answer: http.client.HTTPResponse) -> None:
    """Check that an answer goes on where the part ends, in the same version of the file."""
    told = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    total = int(told[3]) if told and told[3] != "*" else None
    version = partial.version
    if version is None or told is None or int(told[1]) != size:
        partial.discard()
        raise PassingFaultError("the server sends another part than it was asked for", 0.0)
    if version.differs(version_of(answer.headers, total)):
        partial.discard()
        raise PassingFaultError("the file has changed on the server", 0.0)


def _blocks(answer: http.client.HTTPResponse, options: FetchOptions, halt: Halt) -> Iterator[bytes]:
    """The bytes of an answer. Raises PassingFaultError where they cease to come, or trickle."""
    since, came = time.monotonic(), 0
    while True:
        halt.check()
        try:
            block = answer.read1(options.block_bytes)
        except (OSError, http.client.HTTPException) as error:
            raise PassingFaultError(reason_of(error)) from error
        if not block:
            return
        yield block
        came += len(block)
        passed = time.monotonic() - since
        if passed > options.timeout_s:
            if came < options.slowest_bytes_s * passed:
                raise PassingFaultError(f"only {came} bytes came in {passed:.0f} s")
            since, came = time.monotonic(), 0
