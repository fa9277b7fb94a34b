from __future__ import annotations

import threading
from contextlib import closing

import pytest

from phenovae.fetch.halt import Halt
from phenovae.fetch.together import together


def test_all_work_is_done_and_what_fails_stops_no_other() -> None:
    def work(number: int) -> int:
        if number == 3:
            raise ValueError("three")
        return number * number

    outcomes = {each.key: each for each in together(range(6), work, 2, Halt())}
    assert {key: each.result for key, each in outcomes.items() if each.error is None} == {
        0: 0, 1: 1, 2: 4, 4: 16, 5: 25,
    }  # fmt: skip
    assert str(outcomes[3].error) == "three"
    assert list(together([], work, 2, Halt())) == []


def test_as_much_is_done_at_once_as_is_asked_for() -> None:
    lock, most, now = threading.Lock(), 0, 0
    both = threading.Barrier(2)

    def work(_: int) -> None:
        nonlocal most, now
        with lock:
            now += 1
            most = max(most, now)
        both.wait(20)
        with lock:
            now -= 1

    assert len(list(together(range(6), work, 2, Halt()))) == 6
    assert most == 2


def test_who_stops_listening_ends_the_work() -> None:
    halt = Halt()
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        if number:
            halt.wait(60)
        return number

    def listen() -> None:
        with closing(together(range(100), work, 2, halt)) as outcomes:
            assert next(outcomes).key == 0
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        listen()
    assert len(begun) <= 3
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("together")]
