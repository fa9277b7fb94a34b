"""Memory that a process keeps for itself between steps which ask for the same again."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

_TRIM_THRESHOLD = -1
_MMAP_MAX = -4
_NEVER = 2**31 - 1
_DEFAULT_TRIM_THRESHOLD = 128 * 1024
_DEFAULT_MMAP_MAX = 65536


class _Allocator(NamedTuple):
    mallopt: Callable[[int, int], int]
    malloc_trim: Callable[[int], int]


@contextmanager
def keeping_memory() -> Iterator[None]:
    """Within the block, memory that tensors leave is not given back to the system.

    Every step of a training asks for the same hundreds of megabytes again. glibc fetches each large
    block anew, and the system fills it with zeros, page by page, which on a CPU takes as long as a
    convolution. Afterwards the settings are glibc's own again and what is free is given back. Where
    the C library is another one nothing happens.
    """
    allocator = _glibc()
    if allocator is None:
        yield
        return
    allocator.mallopt(_MMAP_MAX, 0)
    allocator.mallopt(_TRIM_THRESHOLD, _NEVER)
    try:
        yield
    finally:
        allocator.mallopt(_MMAP_MAX, _DEFAULT_MMAP_MAX)
        allocator.mallopt(_TRIM_THRESHOLD, _DEFAULT_TRIM_THRESHOLD)
        allocator.malloc_trim(0)


def _glibc() -> _Allocator | None:
    try:
        library = ctypes.CDLL(None)
        return _Allocator(library.mallopt, library.malloc_trim)
    except (OSError, AttributeError, TypeError):
        return None
