"""A stand-in for a hub of models on this machine: keeps what is pushed, and what it was asked."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SHA = "a" * 40


@dataclass
class Hub:
    """The hub: its address, the token that may write, models by name, and what it was asked."""

    base: str = ""
    token: str = "hf_right"
    private: dict[str, bool] = field(default_factory=dict)
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    broken: bool = False


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name above
            pass

        def do_GET(self) -> None:
            hub.asked.append(("GET", self.path))
            self._send(200, {"sha": SHA, "siblings": [], "id": "owner/model"})

        def do_PUT(self) -> None:
            hub.asked.append(("PUT", self.path))
            hub.blobs[self.path.rpartition("/")[2]] = self._body()
            self._send(200, {})

        def do_POST(self) -> None:
            hub.asked.append(("POST", self.path))
            body = self._body()
            if self.headers.get("Authorization") != f"Bearer {hub.token}":
                self._send(401, {"error": "Invalid credentials"})
            elif hub.broken:
                self._send(501, {"error": "under repair"})
            elif self.path == "/api/repos/create":
                self._create(json.loads(body))
            elif self.path == "/api/validate-yaml":
                self._send(200, {"errors": [], "warnings": []})
            elif "/preupload/" in self.path:
                self._preupload(json.loads(body))
            elif self.path.endswith("/info/lfs/objects/batch"):
                self._batch(json.loads(body))
            elif "/commit/" in self.path:
                self._commit(body.decode())
            else:
                self._send(404, {"error": f"no {self.path}"})

        def _create(self, told: dict[str, object]) -> None:
            name = f"{told.get('organization', 'owner')}/{told['name']}"
            if name in hub.private:
                self._send(409, {"error": "there already", "url": f"{hub.base}/{name}"})
                return
            hub.private[name] = told.get("visibility") == "private"
            self._send(200, {"url": f"{hub.base}/{name}", "id": name, "name": name})

        def _preupload(self, told: dict[str, list[dict[str, object]]]) -> None:
            answers = [
                {
                    "path": each["path"],
                    "uploadMode": "lfs" if str(each["path"]).endswith("tensors") else "regular",
                    "shouldIgnore": False,
                    "oid": None,
                }
                for each in told["files"]
            ]
            self._send(200, {"files": answers})

        def _batch(self, told: dict[str, list[dict[str, object]]]) -> None:
            objects = [
                {**each, "actions": {"upload": {"href": f"{hub.base}/lfs/{each['oid']}"}}}
                for each in told["objects"]
            ]
            self._send(200, {"transfer": "basic", "objects": objects})

        def _commit(self, text: str) -> None:
            name = self.path.removeprefix("/api/models/").partition("/commit/")[0]
            files = hub.files.setdefault(name, {})
            for line in text.splitlines():
                told = json.loads(line)
                value = told["value"]
                if told["key"] == "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                elif told["key"] == "lfsFile":
                    files[value["path"]] = hub.blobs[value["oid"]]
            self._send(
                200,
                {"commitUrl": f"{hub.base}/{name}/commit/{SHA}", "commitOid": SHA, "success": True},
            )

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") == "chunked":
                parts = []
                while size := int(self.rfile.readline(), 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(parts)
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        def _send(self, status: int, told: object) -> None:
            body = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


@contextmanager
def hub_serving() -> Iterator[Hub]:
    """A hub for the time of a block."""
    hub = Hub()
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    httpd.daemon_threads = True
    hub.base = f"http://127.0.0.1:{httpd.server_address[1]}"
    thread = threading.Thread(target=httpd.serve_forever, args=(0.004,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()
