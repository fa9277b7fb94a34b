"""The machines of one training, as the first has them: who has joined, what each says, the end."""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from phenovae.base.errors import PhenovaeError, TrainingError
from phenovae.base.files import writing
from phenovae.vae.hello import ADDRESS, NOTE, Hello, node_name, own_address
from phenovae.vae.wire import GoneError, Message, Wire, challenge, is_proven

_LOG = logging.getLogger("phenovae.vae")


_HANDSHAKE = 5.0
_REPORTS = 10.0
"""How long is waited for a machine that knows why a process died [s]."""


@dataclass
class _Joined:
    name: str
    host: str
    wire: Wire
    done: bool = False


class Meeting:
    """Where the other machines of a training join, from the run's beginning to the training's end.

    `refuses` is asked of each that comes, and says why it may not join, or nothing.
    """

    def __init__(
        self,
        run: Path,
        nodes: int,
        launch: str = "",
        refuses: Callable[[Hello], str] = lambda _hello: "",
    ) -> None:
        self.nodes = nodes
        self.host = own_address()
        self.name = node_name(1, nodes, self.host)
        self._run = run
        self._launch = launch
        self._refuses = refuses
        self._key = secrets.token_hex(32)
        self._joined: dict[int, _Joined] = {}
        self._refused: list[str] = []
        self._lock = threading.Lock()
        self._came = threading.Condition(self._lock)
        self._gathered = False
        self._over = False
        try:
            # Named, it is listened at that address alone; else at all, as names may resolve to
            # another address on the machine that has them than elsewhere.
            listens = self.host if os.environ.get(ADDRESS) else ""
            self._listener = socket.create_server((listens, 0))
        except OSError as error:
            raise TrainingError(
                f"other machines cannot join at {self.host}: {error.strerror or error}",
                mend=f"set {ADDRESS} to an address of this machine that the others reach",
            ) from error
        self._note({"port": self._listener.getsockname()[1]})
        threading.Thread(target=self._listen, daemon=True, name="phenovae-meeting").start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        del kind, trace
        if error is None:
            self.end("the run ended, and its training was finished before")
        elif isinstance(error, KeyboardInterrupt):
            self.end(f"the run was interrupted on {self.name}", failed=True)
        else:
            what = error.what if isinstance(error, PhenovaeError) else repr(error)
            self.end(f"the run failed on {self.name}: {what}", failed=True)

    def gather(self, seconds: float) -> None:
        """Wait until all have joined. Raises TrainingError, naming who has not come, after that."""
        until = time.monotonic() + seconds
        said = False
        with self._came:
            while missing := self._missing():
                left = until - time.monotonic()
                if left <= 0:
                    raise self._lacks(missing, seconds)
                if not said:
                    _LOG.info("waiting for %s of the training to join", _numbers(missing))
                    said = True
                self._came.wait(min(left, 1.0))
            self._gathered = True

    def prepare(self, fingerprint: str, device: str, seconds: float, *, resume: bool) -> None:
        """Have all make ready. Raises TrainingError where one cannot, or would train otherwise."""
        self._send({"train": {"resume": resume}})
        until = time.monotonic() + seconds
        for each in self._joined.values():
            told = self._ready(each, until)
            if told.get("device") != device:
                raise TrainingError(
                    f"{each.name} would train on {told.get('device')}, {self.name} on {device}",
                    mend="set train.device and train.precision to what all have",
                )
            if told.get("fingerprint") != fingerprint:
                raise TrainingError(
                    f"{each.name} would train on other cells or with other settings than "
                    f"{self.name}",
                    where=self._run,
                    mend="all machines must see one and the same run and have the same program",
                )

    def go(self, port: int) -> None:
        """Have all start their processes, which meet at this port of this machine."""
        self._send({"go": {"port": port}})

    def watch(self) -> None:
        """Raise what ends all: a machine that is gone, one of its processes, or Ctrl-C there."""
        for each in self._joined.values():
            self._hear(each, seconds=0.0)

    def wait_for_reports(self) -> None:
        """Wait a little for a machine that knows why a process died; raises it as `watch` does."""
        until = time.monotonic() + _REPORTS
        while time.monotonic() < until:
            self.watch()
            time.sleep(0.1)

    def end(self, what: str, *, failed: bool = False) -> None:
        """Tell all that it is over, and how; a second time does nothing."""
        with self._lock:
            if self._over:
                return
            self._over = True
            joined = list(self._joined.values())
        end: Message = {"end": {"what": what, "failed": failed}}
        for each in joined:
            with suppress(GoneError):
                each.wire.send(end)
            each.wire.close()
        self._listener.close()
        if self._launch:
            self._note(end)  # for those of this launch that come too late
        else:
            (self._run / NOTE).unlink(missing_ok=True)

    def _note(self, more: Message) -> None:
        note = {"host": self.host, "key": self._key, "launch": self._launch, **more}
        with writing(self._run / NOTE) as partial:
            partial.touch(mode=0o600)
            partial.write_text(json.dumps(note), encoding="utf-8")

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # closed: the meeting is over
            wire = Wire(connection)
            try:
                welcome = self._greet(wire)
            except GoneError:
                welcome = False
            if not welcome:
                wire.close()

    def _greet(self, wire: Wire) -> bool:
        word = challenge()
        wire.send({"word": word})
        said = wire.receive(_HANDSHAKE) or {}
        given = said.get("hello")
        if not isinstance(given, dict) or not is_proven(self._key, word, given, said.get("proof")):
            return False
        hello = Hello.of(given)
        with self._came:
            refusal, number = self._place(hello)
            refusal = refusal or self._refuses(hello)
            if refusal:
                self._refused.append(f"{hello.host} was refused: {refusal}")
                _LOG.warning("%s may not join: %s", hello.host, refusal)
                wire.send({"refused": refusal})
                return False
            name = node_name(number, self.nodes, hello.host)
            wire.send({"welcome": {"node": number, "nodes": self.nodes, "host": self.host}})
            self._joined[number] = _Joined(name, hello.host, wire)
            _LOG.info("%s has joined", name)
            self._came.notify_all()
        return True

    def _place(self, hello: Hello) -> tuple[str, int]:
        if hello.launch and hello.launch != self._launch:
            return "it was started by another command than the run", 0
        missing = [] if self._gathered else self._missing()
        if not missing:
            return f"all {self.nodes} nodes have joined already", 0
        if hello.node and hello.node not in missing:
            return f"node {hello.node} of {self.nodes} has joined already, or there is none", 0
        return "", hello.node or missing[0]

    def _missing(self) -> list[int]:
        """Numbers of those that have not joined, or have left before training began."""
        for number, each in list(self._joined.items()):
            if each.wire.is_gone():
                _LOG.warning("%s has left before training began", each.name)
                each.wire.close()
                del self._joined[number]
        return [number for number in range(2, self.nodes + 1) if number not in self._joined]

    def _lacks(self, missing: list[int], seconds: float) -> TrainingError:
        told = [*dict.fromkeys(self._refused)][-3:]
        said = "".join(f"; {each}" for each in told)
        return TrainingError(
            f"{_numbers(missing)} of the training did not join within {seconds:g} s{said}",
            mend=f"start 'phenovae join --run {self._run}' on each other machine, or all by one "
            f"srun; each must reach {self.host}, else set {ADDRESS}; or set train.nodes to 1",
        )

    def _send(self, message: Message) -> None:
        for each in self._joined.values():
            try:
                each.wire.send(message)
            except GoneError as error:
                raise self._lost(each) from error

    def _ready(self, each: _Joined, until: float) -> Message:
        while True:
            told = self._hear(each, max(0.0, until - time.monotonic()))
            if told is None:
                raise TrainingError(
                    f"{each.name} was not ready in time",
                    mend="set train.nodes_wait higher, or look what that machine does",
                )
            ready = told.get("ready")
            if isinstance(ready, dict):
                return ready

    def _hear(self, each: _Joined, seconds: float) -> Message | None:
        try:
            told = each.wire.receive(seconds)
        except GoneError as error:
            if each.done:
                return None
            raise self._lost(each) from error
        if told is None:
            return None
        failed = told.get("failed")
        if isinstance(failed, dict) and not failed.get("lost"):
            mend = failed.get("mend")
            raise TrainingError(str(failed.get("what")), mend=str(mend) if mend else None)
        if "interrupted" in told:
            raise KeyboardInterrupt
        each.done = each.done or "done" in told
        return told

    def _lost(self, each: _Joined) -> TrainingError:
        return TrainingError(
            f"{each.name} is gone without a word, and all others end with it",
            mend="look what became of it; the same commands go on from the newest checkpoint",
        )


def _numbers(missing: list[int]) -> str:
    return f"node{'s' if len(missing) > 1 else ''} {', '.join(map(str, missing))}"
