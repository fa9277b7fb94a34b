from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from phenovae.base.errors import TrainingError, UsageError
from phenovae.vae.hello import ADDRESS, NOTE, Hello
from phenovae.vae.joining import Ended, Member, find_meeting
from phenovae.vae.meeting import Meeting
from phenovae.vae.wire import GoneError, Wire, is_proven, proof

_HERE = "127.0.0.1"


@pytest.fixture(autouse=True)
def _loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ADDRESS, _HERE)
    monkeypatch.setattr("phenovae.vae.wire._LAST_WORDS", 0.05)


@pytest.fixture
def open_meeting(tmp_path: Path) -> Iterator[Callable[..., Meeting]]:
    opened: list[Meeting] = []

    def make(nodes: int = 2, launch: str = "", refuses: object = None) -> Meeting:
        asked = refuses if callable(refuses) else (lambda _hello: "")
        opened.append(Meeting(tmp_path, nodes, launch, asked))
        return opened[-1]

    yield make
    for each in opened:
        each.end("the test is over")


@pytest.fixture
def join(tmp_path: Path) -> Iterator[Callable[..., Member]]:
    joined: list[Member] = []

    def make(node: int = 0) -> Member:
        member = find_meeting(tmp_path, Hello(_HERE, node), 5)
        assert isinstance(member, Member)
        joined.append(member)
        return member

    yield make
    for each in joined:
        each.close()


def _pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server((_HERE, 0)) as listener:
        one = socket.create_connection(listener.getsockname())
        return one, listener.accept()[0]


def test_those_who_join_are_numbered_and_told_to_begin(
    tmp_path: Path, open_meeting: Callable[..., Meeting], join: Callable[..., Member]
) -> None:
    meeting = open_meeting(nodes=3)
    third = join(node=3)
    second = join()
    assert [second.name, third.name] == ["node 2 of 3 (127.0.0.1)", "node 3 of 3 (127.0.0.1)"]
    meeting.gather(5)
    for each in (second, third):
        each.say("ready", {"fingerprint": "abc", "device": "cpu"})
    meeting.prepare("abc", "cpu", 5, resume=False)
    meeting.go(1234)
    for each in (second, third):
        assert each.next(5) == {"train": {"resume": False}}
        assert each.next(5) == {"go": {"port": 1234}}
    meeting.end("the training has ended")
    assert [each.next(5) for each in (second, third)] == [
        Ended("the training has ended", False)
    ] * 2
    # Asked again, it says the same: a connection that was closed since is no loss.
    second.watch()
    assert second.verdict() == Ended("the training has ended", False)
    assert not (tmp_path / NOTE).exists()


def test_the_key_is_for_the_owner_of_the_run_alone(
    tmp_path: Path, open_meeting: Callable[..., Meeting]
) -> None:
    open_meeting()
    assert (tmp_path / NOTE).stat().st_mode & 0o077 == 0


def test_a_node_that_does_not_come_is_named(
    tmp_path: Path, open_meeting: Callable[..., Meeting], join: Callable[..., Member]
) -> None:
    meeting = open_meeting(nodes=4)
    join(node=3)
    with pytest.raises(TrainingError, match=r"^nodes 2, 4 of the training did not join") as caught:
        meeting.gather(0.2)
    assert "phenovae join --run" in str(caught.value)


def test_a_node_that_left_before_training_is_missed_and_may_come_again(
    tmp_path: Path, open_meeting: Callable[..., Meeting], join: Callable[..., Member]
) -> None:
    meeting = open_meeting()
    join().close()
    with pytest.raises(TrainingError, match="node 2 of the training did not join"):
        meeting.gather(0.2)
    assert join().node == 2
    meeting.gather(5)


def test_a_refusal_is_told_on_both_sides(
    tmp_path: Path, open_meeting: Callable[..., Meeting]
) -> None:
    meeting = open_meeting(refuses=lambda hello: "it has other versions: torch 1.0 (here 2.0)")
    with pytest.raises(UsageError, match="does not take this machine: it has other versions"):
        find_meeting(tmp_path, Hello(_HERE), 5)
    with pytest.raises(TrainingError, match=r"127.0.0.1 was refused: it has other versions"):
        meeting.gather(0.1)


def test_no_more_join_than_there_are_nodes_before_and_in_training(
    tmp_path: Path, open_meeting: Callable[..., Meeting], join: Callable[..., Member]
) -> None:
    meeting = open_meeting()
    first = join()
    for gathered in (False, True):
        if gathered:
            meeting.gather(5)
        with pytest.raises(UsageError, match="all 2 nodes have joined already"):
            find_meeting(tmp_path, Hello(_HERE), 5)
    assert first.next(0.0) is None


def test_a_number_is_given_once(
    tmp_path: Path, open_meeting: Callable[..., Meeting], join: Callable[..., Member]
) -> None:
    open_meeting(nodes=3)
    join(node=3)
    for node in (1, 3, 4):
        with pytest.raises(UsageError, match=f"node {node} of 3 has joined already"):
            find_meeting(tmp_path, Hello(_HERE, node), 5)


def test_tasks_of_another_launch_are_refused_and_those_too_late_are_told_the_end(
    tmp_path: Path, open_meeting: Callable[..., Meeting]
) -> None:
    meeting = open_meeting(launch="7.0.0")
    with pytest.raises(UsageError, match="started by another command"):
        find_meeting(tmp_path, Hello(_HERE, 2, "8.0.0"), 5)
    meeting.end("the run failed on node 1: no disk", failed=True)
    late = find_meeting(tmp_path, Hello(_HERE, 2, "7.0.0"), 5)
    assert late == Ended("the run failed on node 1: no disk", True)
    with pytest.raises(TrainingError, match="no training on several machines was found"):
        find_meeting(tmp_path, Hello(_HERE, 2, "8.0.0"), 0)


def test_what_a_killed_run_left_behind_is_not_taken_for_a_meeting(tmp_path: Path) -> None:
    with socket.create_server((_HERE, 0)) as other:
        port = other.getsockname()[1]

        def answer() -> None:
            with suppress(OSError), other.accept()[0] as taken:
                taken.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        note = {"host": _HERE, "port": port, "key": "k", "launch": ""}
        (tmp_path / NOTE).write_text(json.dumps(note), encoding="utf-8")
        for _ in ("another program has the port", "nothing answers"):
            with pytest.raises(TrainingError, match="no training on several machines was found"):
                find_meeting(tmp_path, Hello(_HERE), 0)
            other.close()
    (tmp_path / NOTE).write_text("[1]", encoding="utf-8")
    with pytest.raises(TrainingError, match="no training on several machines was found"):
        find_meeting(tmp_path, Hello(_HERE), 0)


def test_who_has_not_the_key_is_not_let_in(
    tmp_path: Path, open_meeting: Callable[..., Meeting], join: Callable[..., Member]
) -> None:
    meeting = open_meeting()
    note = json.loads((tmp_path / NOTE).read_text(encoding="utf-8"))
    for said in (b'{"hello": {"host": "x"}, "proof": "0"}\n', b"[]\n", b"no message\n"):
        with socket.create_connection((_HERE, note["port"]), timeout=5) as stranger:
            stranger.sendall(said)
            assert b"welcome" not in b"".join(iter(lambda: stranger.recv(4096), b""))
    with pytest.raises(TrainingError, match="node 2 of the training did not join"):
        meeting.gather(0.1)


def test_a_machine_that_is_gone_is_named_on_either_side(
    tmp_path: Path, open_meeting: Callable[..., Meeting], join: Callable[..., Member]
) -> None:
    meeting = open_meeting()
    member = join()
    meeting.gather(5)
    member.close()
    with pytest.raises(TrainingError, match=r"^node 2 of 2 \(127.0.0.1\) is gone without a word"):
        while True:
            meeting.watch()
    one, other = _pair()
    with one:
        other.close()
        with pytest.raises(TrainingError, match=r"^node 1 of 2 \(first\) is gone without a word"):
            Member(Wire(one), 2, 2, "first", "second").watch()


def test_a_machine_that_would_train_otherwise_is_named(
    tmp_path: Path, open_meeting: Callable[..., Meeting], join: Callable[..., Member]
) -> None:
    meeting = open_meeting()
    member = join()
    meeting.gather(5)
    member.say("ready", {"fingerprint": "other", "device": "cpu"})
    with pytest.raises(TrainingError, match=r"node 2 of 2 .* other cells or with other settings"):
        meeting.prepare("own", "cpu", 5, resume=True)
    member.say("ready", {"fingerprint": "own", "device": "cuda"})
    with pytest.raises(TrainingError, match=r"node 2 of 2 .* would train on cuda, node 1 of 2"):
        meeting.prepare("own", "cpu", 5, resume=True)
    with pytest.raises(TrainingError, match=r"node 2 of 2 .* was not ready in time"):
        meeting.prepare("own", "cpu", 0.1, resume=True)


def test_a_process_that_failed_for_another_is_not_taken_for_the_cause(
    tmp_path: Path, open_meeting: Callable[..., Meeting], join: Callable[..., Member]
) -> None:
    meeting = open_meeting(nodes=3)
    lost, cause = join(), join()
    meeting.gather(5)
    lost.say("failed", {"what": "connection closed by peer", "mend": None, "lost": True})
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(meeting.wait_for_reports)
        cause.say("failed", {"what": "process 1 of 1 was ended by SIGKILL", "lost": False})
        with pytest.raises(TrainingError, match="was ended by SIGKILL"):
            waits.result()


def test_a_run_that_fails_before_training_tells_who_waits(
    tmp_path: Path, join: Callable[..., Member]
) -> None:
    with (
        pytest.raises(TrainingError, match="a broken table"),
        Meeting(tmp_path, 2) as meeting,
        ThreadPoolExecutor(1) as pool,
    ):
        member = pool.submit(join).result()
        meeting.gather(5)
        raise TrainingError("a broken table")
    end = member.verdict()
    assert end == Ended("the run failed on node 1 of 2 (127.0.0.1): a broken table", True)


def test_messages_come_whole_and_in_order_however_they_are_cut() -> None:
    one, other = _pair()
    with one, other, ThreadPoolExecutor(1) as pool:
        wire = Wire(other)
        one.sendall(b'{"a": 1}\n{"b"')
        assert wire.receive(1) == {"a": 1}
        assert wire.receive(0.0) is None
        one.sendall(b": 2}\n")
        assert wire.receive(1) == {"b": 2}
        pool.submit(one.sendall, b"x" * (4 << 20))
        with pytest.raises(GoneError):
            wire.receive(5)
        other.close()


def test_a_proof_is_of_one_key_one_word_and_one_message() -> None:
    given = proof("key", "word", {"node": 2})
    assert is_proven("key", "word", {"node": 2}, given)
    assert not is_proven("key", "other word", {"node": 2}, given)
    assert not is_proven("key", "word", {"node": 3}, given)
    assert not is_proven("other key", "word", {"node": 2}, given)
    assert not is_proven("key", "word", {"node": 2}, None)
