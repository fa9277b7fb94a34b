"""A machine that joins the training of another: how it finds it, and what it is told."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from phenovae.base.errors import InputError, PhenovaeError, TrainingError, UsageError
from phenovae.base.files import read_json
from phenovae.vae.hello import NOTE, Hello, node_name
from phenovae.vae.wire import GoneError, Message, Wire, proof

_AGAIN = 1.0
_CONNECT = 10.0
_VERDICT = 30.0
"""How long is waited for the first machine to say why all end [s]."""


@dataclass(frozen=True)
class Ended:
    """That it is over, and how: `failed` says whether otherwise than it should."""

    what: str
    failed: bool


class Member:
    """One machine of a meeting; `node` counts from 1, `main` is where the first is."""

    def __init__(self, wire: Wire, node: int, nodes: int, main: str, host: str) -> None:
        self._wire = wire
        self.node = node
        self.nodes = nodes
        self.main = main
        self.name = node_name(node, nodes, host)
        self._ended: Ended | None = None

    def next(self, seconds: float | None = None) -> Message | Ended | None:
        """What the first machine says next, None where nothing within so many seconds.

        Raises TrainingError where it is gone without having said that all is over.
        """
        if self._ended is not None:
            return self._ended
        try:
            told = self._wire.receive(seconds)
        except GoneError as error:
            raise TrainingError(
                f"{node_name(1, self.nodes, self.main)} is gone without a word, and all others "
                "end with it",
                mend="look what became of it; the same commands go on from the newest checkpoint",
            ) from error
        end = told.get("end") if told is not None else None
        if isinstance(end, dict):
            self._ended = Ended(str(end.get("what")), bool(end.get("failed")))
            return self._ended
        return told

    def watch(self) -> None:
        """Raise TrainingError where the first machine has said that all failed, or is gone."""
        told = self.next(0.0)
        if isinstance(told, Ended) and told.failed:
            raise TrainingError(told.what)

    def say(self, what: str, more: Mapping[str, object] | None = None) -> None:
        """Tell the first machine, if it is still there; whether it is, `next` tells."""
        with suppress(GoneError):
            self._wire.send({what: dict(more or {})})

    def verdict(self) -> Ended | None:
        """What the first machine says of an end, waited for a little."""
        until = time.monotonic() + _VERDICT
        with suppress(TrainingError):
            while (left := until - time.monotonic()) > 0:
                told = self.next(left)
                if isinstance(told, Ended):
                    return told
        return None

    def close(self) -> None:
        """Leave."""
        self._wire.close()


def find_meeting(run: Path, hello: Hello, seconds: float) -> Member | Ended:
    """Join the training of a run, waited for so long; or how it ended, where it is over.

    Raises UsageError where the first machine refuses this one, and TrainingError where there is
    no training to join in that time.
    """
    until = time.monotonic() + seconds
    while True:
        found = _try(run, hello)
        if found is not None:
            return found
        if time.monotonic() > until:
            raise TrainingError(
                f"no training on several machines was found within {seconds:g} s",
                where=run,
                mend="start phenovae run with train.nodes on the first machine, with this folder "
                "as its run; both must see one and the same folder",
            )
        time.sleep(_AGAIN)


def _try(run: Path, hello: Hello) -> Member | Ended | None:
    try:
        note = read_json(run / NOTE)
    except InputError:
        return None
    if not isinstance(note, dict):
        return None
    end = note.get("end")
    if isinstance(end, dict):
        own = bool(hello.launch) and note.get("launch") == hello.launch
        return Ended(str(end.get("what")), bool(end.get("failed"))) if own else None
    try:
        connection = socket.create_connection(
            (str(note.get("host")), int(str(note.get("port")))), timeout=_CONNECT
        )
    except (OSError, ValueError):
        return None  # killed and left behind, or not to be reached
    connection.settimeout(None)
    wire = Wire(connection)
    try:
        member = _introduce(wire, str(note.get("key")), hello)
    except GoneError:
        member = None  # another program has the port of one that was killed
    except PhenovaeError:
        wire.close()
        raise
    if member is None:
        wire.close()
    return member


def _introduce(wire: Wire, key: str, hello: Hello) -> Member | None:
    word = (wire.receive(_CONNECT) or {}).get("word")
    if not isinstance(word, str):
        return None
    said = asdict(hello)
    wire.send({"hello": said, "proof": proof(key, word, said)})
    told = wire.receive(_CONNECT) or {}
    if "refused" in told:
        raise UsageError(f"the training does not take this machine: {told['refused']}")
    welcome = told.get("welcome")
    if not isinstance(welcome, dict):
        return None
    node, nodes = int(welcome["node"]), int(welcome["nodes"])
    return Member(wire, node, nodes, str(welcome["host"]), hello.host)
