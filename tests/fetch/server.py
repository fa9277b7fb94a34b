"""A web server on this machine that misbehaves as it is told to, one request after the other."""

from __future__ import annotations

import hashlib
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from phenovae.fetch.halt import Halt
from phenovae.fetch.options import FetchOptions

QUICK = FetchOptions(timeout_s=5, attempts=4, backoff_s=0, longest_wait_s=100)


class NoWait(Halt):
    """Notes how long it was to wait, and does not."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.check()


@dataclass(frozen=True)
class Act:
    """What the server does to one GET; nothing odd unless told.

    `cut`: bytes of the body after which it closes the connection. `more`: added to the length that
    it tells. `shift`: added to the first byte of a range that it sends, without saying.
    """

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    more: int = 0
    shift: int = 0
    ranges: bool = True
    if_range: bool = True
    length: bool = True
    silent: bool = False
    content: bytes | None = None


@dataclass
class File:
    """What lies on the server; acts are used up one a GET, then it behaves."""

    content: bytes
    acts: list[Act] = field(default_factory=list)
    always: Act = Act()
    etag: bool = True
    date: str = "Wed, 21 Oct 2015 07:28:00 GMT"
    head: bool = True


@dataclass
class Server:
    """The server: its address, its files by path, and what it was asked."""

    base: str = ""
    files: dict[str, File] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    seen: list[dict[str, str]] = field(default_factory=list)
    let_go: threading.Event = field(default_factory=threading.Event)

    def gets(self, name: str) -> list[str]:
        """The ranges that GETs of a file asked for, empty for none."""
        return [span for method, path, span in self.asked if method == "GET" and path == f"/{name}"]


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name above
            pass

        def do_HEAD(self) -> None:
            self._note()
            file = server.files.get(self.path.lstrip("/"))
            if file is None or not file.head:
                self._send(404, {}, b"")
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(file.content)))
            self.end_headers()

        def do_GET(self) -> None:
            self._note()
            file = server.files.get(self.path.lstrip("/"))
            if file is None:
                self._send(404, {}, b"no such file")
                return
            with lock:
                act = file.acts.pop(0) if file.acts else file.always
            if act.silent:
                server.let_go.wait(20)
                self.close_connection = True
                return
            if act.status is not None:
                self._send(act.status, act.headers, b"")
                return
            self._send_file(file, act)

        def _note(self) -> None:
            with lock:
                server.asked.append((self.command, self.path, self.headers.get("Range", "")))
                server.seen.append(dict(self.headers.items()))

        def _send_file(self, file: File, act: Act) -> None:
            content = file.content if act.content is None else act.content
            told = dict(act.headers)
            if file.etag:
                told.setdefault("ETag", f'"{hashlib.sha256(content).hexdigest()[:16]}"')
            if file.date:
                told.setdefault("Last-Modified", file.date)
            status, first = 200, 0
            span = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            condition = self.headers.get("If-Range")
            same = condition is None or condition in (told.get("ETag"), told.get("Last-Modified"))
            if span and act.ranges and (same or not act.if_range):
                status, first = 206, int(span[1]) + act.shift
                if first >= len(content):
                    self._send(416, {"Content-Range": f"bytes */{len(content)}"}, b"")
                    return
                told["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
            body = content[first:]
            if act.length:
                told["Content-Length"] = str(len(body) + act.more)
            self._send(status, told, body if act.cut is None else body[: act.cut], whole=False)

        def _send(
            self, status: int, headers: dict[str, str], body: bytes, *, whole: bool = True
        ) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if whole:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.close_connection = True
            try:
                self.wfile.write(body)
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass

    return Handler


@contextmanager
def serving() -> Iterator[Server]:
    """A server for the time of a block."""
    server = Server()
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    httpd.daemon_threads = True
    server.base = f"http://127.0.0.1:{httpd.server_address[1]}/"
    thread = threading.Thread(target=httpd.serve_forever, args=(0.004,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.let_go.set()
        httpd.shutdown()
        httpd.server_close()
        thread.join()
