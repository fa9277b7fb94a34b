"""Whatever a server does, a file comes whole and as it is there, or not at all with the reason."""

from __future__ import annotations

import errno
import io
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from http.client import HTTPMessage
from pathlib import Path
from unittest import mock
from urllib.request import Request

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fetch.server import QUICK, Act, File, NoWait, Server
from tests.pipeline.runs import ALONE

from phenovae.base.errors import FetchError, PhenovaeError, UsageError
from phenovae.fetch.halt import Halt, HaltedError
from phenovae.fetch.http import _Redirects, checked_base
from phenovae.fetch.partial import Partial
from phenovae.fetch.transfer import Fetched, fetch, length_at

CONTENT = bytes(range(256)) * 1000
OTHER = CONTENT[::-1]
PART = 100_000
MOST = 10_000_000
DATE = "Wed, 21 Oct 2015 07:28:00 GMT"


def get(server: Server, path: Path, name: str = "a.zip", halt: Halt | None = None) -> Fetched:
    return fetch(server.base + name, path, most_bytes=MOST, options=QUICK, halt=halt or NoWait())


def serve(
    server: Server, *acts: Act, content: bytes = CONTENT, etag: bool = True, dated: bool = True
) -> File:
    file = File(content, list(acts), etag=etag, date=DATE if dated else "")
    server.files["a.zip"] = file
    return file


def only(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_comes_whole_with_what_the_server_tells_of_it(
    server: Server, tmp_path: Path
) -> None:
    serve(server)
    got = get(server, tmp_path / "a b.zip")
    assert (tmp_path / "a b.zip").read_bytes() == CONTENT
    assert (got.size, got.last_modified, got.resumed) == (
        256_000,
        DATE,
        False,
    )
    assert got.etag.startswith('"')
    assert only(tmp_path) == ["a b.zip"]
    assert server.seen[0]["User-Agent"].startswith("phenovae/")


def test_an_empty_file_comes_too(server: Server, tmp_path: Path) -> None:
    serve(server, content=b"")
    assert get(server, tmp_path / "a.zip").size == 0
    assert (tmp_path / "a.zip").read_bytes() == b""


@pytest.mark.parametrize(("etag", "dated"), [(True, True), (False, True), (False, False)])
def test_cut_connections_are_gone_on_from_byte_to_byte(
    server: Server, tmp_path: Path, etag: bool, dated: bool
) -> None:
    cuts = [Act(cut=PART), Act(cut=1), Act(cut=0), Act(cut=50_000)]
    serve(server, *cuts, etag=etag, dated=dated)
    got = get(server, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    assert got.resumed
    assert server.gets("a.zip") == [
        "", "bytes=100000-", "bytes=100001-", "bytes=100001-", "bytes=150001-",
    ]  # fmt: skip


def test_a_file_that_changed_between_tries_is_begun_anew(server: Server, tmp_path: Path) -> None:
    file = serve(server, Act(cut=PART, content=OTHER), etag=True)
    get(server, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == file.content
    assert server.gets("a.zip") == ["", "bytes=100000-"]  # answered with 200, as If-Range asks


@pytest.mark.parametrize("etag", [True, False])
def test_a_server_that_ignores_if_range_is_found_out_by_tag_or_length(
    server: Server, tmp_path: Path, etag: bool
) -> None:
    other = OTHER if etag else OTHER + b"more"
    ignoring = Act(if_range=False)
    serve(server, Act(cut=PART, content=other), ignoring, etag=etag)
    get(server, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    assert server.gets("a.zip") == ["", "bytes=100000-", ""]


def test_a_weak_tag_is_not_asked_by(server: Server, tmp_path: Path) -> None:
    weak = {"ETag": 'W/"1"'}
    serve(server, Act(cut=PART, headers=weak), Act(headers=weak))
    get(server, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    assert server.seen[1]["If-Range"] == DATE


def test_a_server_that_ignores_ranges_sends_all_again_and_not_twice(
    server: Server, tmp_path: Path
) -> None:
    serve(server, Act(cut=PART), Act(ranges=False))
    get(server, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == CONTENT


def test_a_server_that_sends_another_range_is_not_believed(server: Server, tmp_path: Path) -> None:
    serve(server, Act(cut=PART), Act(shift=7))
    get(server, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    assert server.gets("a.zip") == ["", "bytes=100000-", ""]


def test_a_file_that_shrank_answers_416_and_is_begun_anew(server: Server, tmp_path: Path) -> None:
    short = CONTENT[:1000]
    file = serve(server, Act(cut=PART, content=CONTENT), content=short, etag=False, dated=False)
    get(server, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == file.content
    assert server.gets("a.zip") == ["", "bytes=100000-", ""]


def test_a_server_that_always_answers_416_is_given_up(server: Server, tmp_path: Path) -> None:
    serve(server).always = Act(status=416)
    with pytest.raises(FetchError, match="416"):
        get(server, tmp_path / "a.zip")
    assert len(server.gets("a.zip")) == QUICK.attempts


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_passing_faults_are_tried_again(server: Server, tmp_path: Path, status: int) -> None:
    serve(server, Act(status=status), Act(status=status))
    get(server, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    assert len(server.gets("a.zip")) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_lasting_faults_are_not_tried_again(server: Server, tmp_path: Path, status: int) -> None:
    serve(server).always = Act(status=status)
    with pytest.raises(FetchError, match="no such file" if status == 404 else str(status)):
        get(server, tmp_path / "a.zip")
    assert len(server.gets("a.zip")) == 1
    assert only(tmp_path) == []


def test_faults_without_end_are_given_up_and_what_came_is_kept(
    server: Server, tmp_path: Path
) -> None:
    serve(server, Act(cut=PART)).always = Act(status=500)
    with pytest.raises(FetchError, match="500") as caught:
        get(server, tmp_path / "a.zip")
    assert "is kept" in str(caught.value)
    assert len(server.gets("a.zip")) == QUICK.attempts
    server.files["a.zip"].always = Act()
    get(server, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    assert server.gets("a.zip")[-1] == "bytes=100000-"


def test_waits_grow_and_never_are_in_step(server: Server, tmp_path: Path) -> None:
    serve(server).always = Act(status=500)
    options = QUICK.model_copy(update={"attempts": 6, "backoff_s": 1.0, "longest_wait_s": 6.0})
    halts = [NoWait(), NoWait()]
    for halt in halts:
        with pytest.raises(FetchError):
            fetch(
                server.base + "a.zip", tmp_path / "a", most_bytes=MOST, options=options, halt=halt
            )
    for halt in halts:
        assert len(halt.waits) == 5
        for number, wait in enumerate(halt.waits):
            assert min(0.5 * 2**number, 6) <= wait <= min(1.5 * 2**number, 6)
    assert halts[0].waits != halts[1].waits


def test_a_server_is_given_the_time_that_it_asks_for(server: Server, tmp_path: Path) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    serve(
        server,
        Act(status=429, headers={"Retry-After": "17"}),
        Act(status=503, headers={"Retry-After": date}),
        Act(status=503, headers={"Retry-After": "soon"}),
    )
    halt = NoWait()
    get(server, tmp_path / "a.zip", halt=halt)
    assert halt.waits[0] == 17
    assert 50 < halt.waits[1] <= 60
    assert halt.waits[2] == 0


def test_a_server_that_asks_for_an_hour_is_left(server: Server, tmp_path: Path) -> None:
    serve(server, Act(status=429, headers={"Retry-After": "3600"}))
    with pytest.raises(FetchError, match="asks to wait 3600 s"):
        get(server, tmp_path / "a.zip")


def test_a_length_that_is_too_great_is_found_out_at_the_end(server: Server, tmp_path: Path) -> None:
    serve(server).always = Act(more=10)
    with pytest.raises(FetchError, match=r"416|256000 of 256010"):
        get(server, tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()
    assert len(server.gets("a.zip")) <= 2 * QUICK.attempts


def test_a_length_that_is_too_great_once_does_no_harm(server: Server, tmp_path: Path) -> None:
    serve(server, Act(more=10))
    get(server, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == CONTENT


def test_without_any_length_the_end_of_the_connection_is_the_end(
    server: Server, tmp_path: Path
) -> None:
    serve(server, Act(length=False))
    assert get(server, tmp_path / "a.zip").size == len(CONTENT)


@pytest.mark.parametrize("length", [True, False])
def test_no_more_comes_than_is_allowed(server: Server, tmp_path: Path, length: bool) -> None:
    serve(server, Act(length=length))
    with pytest.raises(FetchError, match=r"more than 200000"):
        fetch(server.base + "a.zip", tmp_path / "a.zip", most_bytes=200_000, options=QUICK)
    assert only(tmp_path) == []


def test_a_file_that_changes_with_every_try_is_given_up(server: Server, tmp_path: Path) -> None:
    changing = [Act(cut=PART, content=bytes([number]) * 200_000) for number in range(20)]
    serve(server, *changing)
    with pytest.raises(FetchError, match="100000 of 200000"):
        get(server, tmp_path / "a.zip")
    assert len(server.gets("a.zip")) == QUICK.attempts


def test_compression_that_was_not_asked_for_is_refused(server: Server, tmp_path: Path) -> None:
    serve(server, Act(headers={"Content-Encoding": "gzip"}))
    with pytest.raises(FetchError, match="gzip"):
        get(server, tmp_path / "a.zip")


def test_redirects_lead_to_the_file_with_its_range(server: Server, tmp_path: Path) -> None:
    to = Act(status=302, headers={"Location": "/b.zip"})
    serve(server, to, to)
    server.files["b.zip"] = File(CONTENT, [Act(cut=PART)])
    get(server, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    assert server.gets("b.zip") == ["", "bytes=100000-"]


@pytest.mark.parametrize(
    "place", ["file:///etc/hostname", "ftp://127.0.0.1/a.zip", "data:,a", "//\0", "gopher://a/"]
)
def test_redirects_to_anything_but_the_web_are_refused(
    server: Server, tmp_path: Path, place: str
) -> None:
    serve(server).always = Act(status=302, headers={"Location": place})
    with pytest.raises(FetchError):
        get(server, tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()


def test_a_redirect_from_https_to_http_is_refused() -> None:
    request = Request("https://a.org/a.zip")
    redirect = partial(_Redirects().redirect_request, request, io.BytesIO(), 302, "Found")
    with pytest.raises(FetchError, match="not followed"):
        redirect(HTTPMessage(), "http://a.org/a.zip")
    followed = redirect(HTTPMessage(), "https://b.org/a.zip")
    assert followed is not None
    assert followed.full_url == "https://b.org/a.zip"


def test_redirects_in_a_circle_end(server: Server, tmp_path: Path) -> None:
    serve(server).always = Act(status=302, headers={"Location": "/a.zip"})
    with pytest.raises(FetchError, match="302"):
        get(server, tmp_path / "a.zip")


def test_a_silent_server_is_given_up_in_time(server: Server, tmp_path: Path) -> None:
    serve(server, *[Act(silent=True)] * 2)
    options = QUICK.model_copy(update={"timeout_s": 0.05, "attempts": 2})
    with pytest.raises(FetchError, match="does not answer in time"):
        fetch(server.base + "a.zip", tmp_path / "a.zip", most_bytes=MOST, options=options)


def test_a_server_that_trickles_is_given_up(server: Server, tmp_path: Path) -> None:
    serve(server)
    options = QUICK.model_copy(update={"attempts": 1, "block_bytes": 1})
    hours = iter(range(0, 10**9, 3600))
    with (
        mock.patch.object(time, "monotonic", lambda: next(hours)),
        pytest.raises(FetchError, match="only 1 bytes came in 3600 s"),
    ):
        fetch(server.base + "a.zip", tmp_path / "a.zip", most_bytes=MOST, options=options)


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="no connection") as caught:
        fetch(
            "http://127.0.0.1:9/a.zip", tmp_path / "a.zip",
            most_bytes=MOST, options=QUICK, halt=NoWait(),
        )  # fmt: skip
    assert "http://127.0.0.1:9/a.zip" in str(caught.value)


def test_a_full_disk_keeps_what_came(server: Server, tmp_path: Path) -> None:
    serve(server)
    real = Partial.add
    calls = 0

    def add(part: Partial, file: object, block: bytes) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            full = mock.Mock()
            full.write.side_effect = OSError(errno.ENOSPC, "No space left on device")
            real(part, full, block)
        real(part, file, block)  # type: ignore[arg-type]

    options = QUICK.model_copy(update={"block_bytes": 65_536})
    with (
        mock.patch.object(Partial, "add", add),
        pytest.raises(PhenovaeError, match="No space left") as caught,
    ):
        fetch(server.base + "a.zip", tmp_path / "a.zip", most_bytes=MOST, options=options)
    assert "make room" in str(caught.value)
    kept = (tmp_path / "a.zip.partial").stat().st_size
    assert 0 < kept <= 65_536
    get(server, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    assert server.gets("a.zip")[-1] == f"bytes={kept}-"


@pytest.mark.parametrize(
    "note",
    [
        None, "", "{", "[]", '{"url": "http://elsewhere/"}', '{"length": "9"}',
        '{"url": "URL", "length": true, "etag": 1, "last_modified": ""}',
        '{"url": "URL", "length": null, "etag": "", "last_modified": ""}',
        '{"url": "URL", "length": 3, "etag": "", "last_modified": ""}',
    ],
)  # fmt: skip
def test_a_part_whose_note_does_not_fit_is_begun_anew(
    server: Server, tmp_path: Path, note: str | None
) -> None:
    serve(server)
    (tmp_path / "a.zip.partial").write_bytes(b"something of elsewhere")
    if note is not None:
        text = note.replace("URL", server.base + "a.zip")
        (tmp_path / "a.zip.partial.json").write_text(text)
    get(server, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    assert server.gets("a.zip") == [""]
    assert only(tmp_path) == ["a.zip"]


def test_a_part_that_is_whole_is_not_asked_for_again(server: Server, tmp_path: Path) -> None:
    serve(server)
    with (
        mock.patch.object(Partial, "finish", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        get(server, tmp_path / "a.zip")
    assert get(server, tmp_path / "a.zip").resumed
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    assert len(server.gets("a.zip")) == 1


def test_work_that_is_asked_to_end_ends_and_goes_on_later(server: Server, tmp_path: Path) -> None:
    serve(server, Act(cut=PART))

    class Ending(NoWait):
        def wait(self, seconds: float) -> None:
            self.set()
            self.check()

    with pytest.raises(HaltedError):
        get(server, tmp_path / "a.zip", halt=Ending())
    assert (tmp_path / "a.zip.partial").stat().st_size == PART
    get(server, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == CONTENT


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is not there")
def test_a_killed_process_leaves_a_part_to_go_on_from(server: Server, tmp_path: Path) -> None:
    big = os.urandom(1 << 20) * 8
    server.files["a.zip"] = File(big, [Act(cut=len(big) // 2)])
    # The first try ends half-way; the process then waits for the next, and is killed.
    code = (
        "import sys; from pathlib import Path\n"
        "from phenovae.fetch.options import FetchOptions\n"
        "from phenovae.fetch.transfer import fetch\n"
        "options = FetchOptions(backoff_s=100, longest_wait_s=100)\n"
        "fetch(sys.argv[1], Path(sys.argv[2]), most_bytes=1 << 30, options=options)\n"
    )
    command = [sys.executable, "-c", code, server.base + "a.zip", str(tmp_path / "a.zip")]
    process = subprocess.Popen(command, env={**os.environ, **ALONE})
    part = tmp_path / "a.zip.partial"
    for _ in range(1000):
        if part.exists() and part.stat().st_size == len(big) // 2:
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    get(server, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == big
    assert server.gets("a.zip") == ["", f"bytes={len(big) // 2}-"]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.integers(0, 5000),
    acts=st.lists(
        st.one_of(
            st.integers(0, 5000).map(lambda cut: Act(cut=cut)),
            st.integers(0, 5000).map(lambda cut: Act(cut=cut, ranges=False)),
            st.integers(0, 5000).map(lambda cut: Act(cut=cut, content=b"other" * 900)),
            st.sampled_from([Act(status=500), Act(status=416), Act(shift=3), Act(more=5)]),
        ),
        max_size=6,
    ),
)
def test_whatever_happens_the_file_is_right_or_not_there(
    server: Server, tmp_path: Path, size: int, acts: list[Act]
) -> None:
    content = os.urandom(size)
    serve(server, *acts, content=content)
    path = tmp_path / "a.zip"
    path.unlink(missing_ok=True)
    try:
        get(server, path)
    except FetchError:
        assert not path.exists()
        server.files["a.zip"].acts = []
        get(server, path)
    assert path.read_bytes() in (content, b"other" * 900)


def test_lengths_are_asked_for_without_the_file(server: Server) -> None:
    serve(server)
    assert length_at(server.base + "a.zip", QUICK) == 256_000
    assert length_at(server.base + "none.zip", QUICK) is None
    assert length_at("http://127.0.0.1:9/a.zip", QUICK) is None
    assert [method for method, _, _ in server.asked] == ["HEAD", "HEAD"]


@pytest.mark.parametrize(
    ("base", "checked"),
    [
        ("https://a.org/b", "https://a.org/b/"),
        ("http://a.org", "http://a.org/"),
        (" https://a.org/b c/µ// ", "https://a.org/b%20c/%C2%B5/"),
        ("http://[::1]:80/", "http://[::1]:80/"),
    ],
)
def test_a_base_address_ends_with_one_slash(base: str, checked: str) -> None:
    assert checked_base(base) == checked


@pytest.mark.parametrize(
    "base",
    ["", "file:///etc/", "ftp://a/", "a.org/b", "https://", "https://u:p@a/", "https://a/?q",
     "https://a/#f", "http://a:port/", "http://[::1/"],
)  # fmt: skip
def test_what_is_no_base_address_is_refused(base: str) -> None:
    with pytest.raises(UsageError):
        checked_base(base)


def test_threads_wait_for_no_server_once_asked_to_end() -> None:
    halt = Halt()
    ended = threading.Event()

    def work() -> None:
        with pytest.raises(HaltedError):
            halt.wait(60)
        ended.set()

    thread = threading.Thread(target=work)
    thread.start()
    halt.set()
    assert ended.wait(10)
    thread.join()
