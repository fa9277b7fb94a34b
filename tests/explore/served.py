"""A server of the explorer in a thread, and requests to it that a browser would not make."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tornado.httpserver import HTTPServer

from phenovae.explore.answers import Answers
from phenovae.explore.guard import Guard
from phenovae.explore.handlers import Desk, application
from phenovae.explore.server import bound


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, object]:
        """The body as JSON."""
        found = json.loads(self.body)
        assert isinstance(found, dict)
        return found


@dataclass(frozen=True)
class Served:
    """A server that runs."""

    guard: Guard

    def ask(
        self,
        path: str,
        *,
        token: bool = True,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
    ) -> Answer:
        """One request, with the cookie of the token unless said otherwise; paths go as they are."""
        connection = http.client.HTTPConnection("127.0.0.1", self.guard.port, timeout=60)
        sent = {"Host": f"127.0.0.1:{self.guard.port}", **(headers or {})}
        if token:
            sent.setdefault("Cookie", f"{self.guard.cookie}={self.guard.token}")
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in sent.items():
                connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()


@contextlib.contextmanager
def serving(answers: Answers) -> Iterator[Served]:
    """Serve a run from a thread of this process while the block runs."""
    listening = bound(0)
    guard = Guard(int(listening.getsockname()[1]))
    up = threading.Event()
    ends: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        end = asyncio.Event()
        ends.append((asyncio.get_running_loop(), end))
        with ThreadPoolExecutor(2) as pool:
            server = HTTPServer(application(Desk(answers, guard, pool)))
            server.add_socket(listening)
            up.set()
            await end.wait()
            server.stop()
            await server.close_all_connections()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert up.wait(30)
        yield Served(guard)
    finally:
        loop, end = ends[0]
        loop.call_soon_threadsafe(end.set)
        thread.join(30)
