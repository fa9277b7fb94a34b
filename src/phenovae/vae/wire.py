"""Messages between the machines of one training: lines of JSON, and a key that both must have."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import select
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import TypeAlias

from phenovae.base.errors import PhenovaeError

Message: TypeAlias = Mapping[str, object]

_LONGEST = 1 << 20
_LAST_WORDS = 1.0
_KEEP_ALIVE = (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))
"""A machine that is gone without a word is noticed by the kernel after about 75 s."""


class GoneError(PhenovaeError):
    """The other machine has closed the connection, or is not there any more."""


class Wire:
    """A connection that carries messages both ways."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._held = b""
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEP_ALIVE:
            if hasattr(socket, name):  # macOS and Windows have names of their own
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    def send(self, message: Message) -> None:
        """Send a message. Raises GoneError where nobody is there to take it."""
        try:
            self._connection.sendall(json.dumps(message).encode() + b"\n")
        except OSError as error:
            raise GoneError(f"the connection was lost: {error.strerror or error}") from error

    def receive(self, seconds: float | None = None) -> Message | None:
        """The next message, or None where none comes within so many seconds.

        Raises GoneError where the other end has closed, or says what is no message.
        """
        while b"\n" not in self._held:
            if not self._read(seconds):
                return None
        line, _, self._held = self._held.partition(b"\n")
        try:
            told = json.loads(line)
        except ValueError as error:
            raise GoneError("what was said is no message") from error
        if not isinstance(told, dict):
            raise GoneError("what was said is no message")
        return told

    def is_gone(self) -> bool:
        """Whether the other end has closed; what it has said before is kept for `receive`."""
        try:
            self._read(0.0)
        except GoneError:
            return True
        return False

    def _read(self, seconds: float | None) -> bool:
        try:
            ready, _, _ = select.select([self._connection], [], [], seconds)
            if not ready:
                return False
            more = self._connection.recv(1 << 16)
        except (OSError, ValueError) as error:
            raise GoneError(f"the connection was lost: {error}") from error
        self._held += more
        if not more or len(self._held) > _LONGEST:
            raise GoneError("the connection was closed")
        return True

    def close(self) -> None:
        """Close the connection, once the other end has read what was sent, or after a second."""
        with suppress(OSError, ValueError):
            self._connection.shutdown(socket.SHUT_WR)
            self._connection.settimeout(_LAST_WORDS)
            while self._connection.recv(1 << 16):
                pass
        self._connection.close()


def challenge() -> str:
    """A word that was never said before, to be proven with."""
    return secrets.token_hex(16)


def proof(key: str, word: str, message: Message) -> str:
    """What only who has the key can say of a word and a message."""
    said = word + json.dumps(message, sort_keys=True)
    return hmac.new(key.encode(), said.encode(), hashlib.sha256).hexdigest()


def is_proven(key: str, word: str, message: Message, given: object) -> bool:
    """Whether a proof was made with the key."""
    return isinstance(given, str) and hmac.compare_digest(proof(key, word, message), given)
