from __future__ import annotations

import signal
import time

import pytest

from phenovae.vae import interrupts
from phenovae.vae.interrupts import deferred


def test_interrupts_at_once_are_one_and_only_noted() -> None:
    with deferred() as came:
        assert not came()
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        assert came()


def test_a_second_interrupt_later_ends_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "_ONE", 0.01)
    with pytest.raises(KeyboardInterrupt), deferred():
        signal.raise_signal(signal.SIGINT)
        time.sleep(0.02)
        signal.raise_signal(signal.SIGINT)
