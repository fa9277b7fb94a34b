"""One seed for a run, split by name into independent streams; no global random state."""

from __future__ import annotations

import hashlib

import numpy as np


def _sequence(seed: int, names: tuple[str | int, ...]) -> np.random.SeedSequence:
    text = "\x1f".join(str(name) for name in names)
    words = np.frombuffer(hashlib.sha256(text.encode()).digest(), dtype="<u4")
    return np.random.SeedSequence([seed, *(int(word) for word in words)])


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """The random stream of this name under this seed: always the same, unlike any other's."""
    return np.random.Generator(np.random.PCG64(_sequence(seed, names)))


def integer(seed: int, *names: str | int) -> int:
    """A seed in [0, 2**63) for another library's generator, by name."""
    return int(_sequence(seed, names).generate_state(1, np.uint64)[0] >> np.uint64(1))
