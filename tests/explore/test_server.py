"""Who is answered, and what: the API without a browser."""

from __future__ import annotations

import base64
import io
import json
import socket
import threading
from typing import Any
from urllib.parse import quote

import numpy as np
import PIL.Image
import pytest
from tests.explore.conftest import IMAGE, QUOTED
from tests.explore.served import Served

from phenovae.base.errors import PhenovaeError, UsageError
from phenovae.explore.answers import Answers
from phenovae.explore.guard import Guard
from phenovae.explore.page import BOKEH, SCRIPTS, STYLES
from phenovae.explore.server import bound
from phenovae.explore.waiting import Later, StillWorkingError

ADDRESSES = (
    "/", "/assets/main.js", "/bokeh/bokeh.min.js", "/api/start", "/api/level?level=cells",
    "/api/plane?level=cells&name=pca", "/api/column?level=cells&name=Metadata_MoA",
    "/api/cell?row=0", "/api/field?row=0", "/api/latents?row=0", "/api/crop?row=0",
    "/api/decode?row=0",
)  # fmt: skip


@pytest.mark.parametrize("address", [*ADDRESSES, "/nowhere"])
def test_without_the_token_nothing_is_told(served: Served, address: str) -> None:
    assert served.ask(address, token=False).status == 403
    wrong = {"Cookie": f"{served.guard.cookie}={'x' * 43}"}
    refused = served.ask(address, token=False, headers=wrong)
    assert refused.status == 403
    assert "odd run" not in refused.body.decode()


@pytest.mark.parametrize("address", ADDRESSES)
def test_with_the_token_every_address_answers(served: Served, address: str) -> None:
    answer = served.ask(address)
    assert answer.status == 200
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Server" not in answer.headers


def test_the_token_of_the_address_becomes_a_cookie_for_this_site_alone(served: Served) -> None:
    answer = served.ask(f"/?token={served.guard.token}", token=False)
    assert answer.status == 200
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"{served.guard.cookie}={served.guard.token};")
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert served.guard.token not in answer.body.decode()
    assert served.ask("/?token=guess", token=False).status == 403


@pytest.mark.parametrize("host", [
    "evil.example", "evil.example:{port}", "127.0.0.1", "", "[::1]:{port}",
    "127.0.0.1.evil.example:{port}",
])  # fmt: skip
def test_a_request_by_another_name_is_refused_even_with_the_token(
    served: Served, host: str
) -> None:
    name = host.format(port=served.guard.port)
    answer = served.ask(f"/?token={served.guard.token}", headers={"Host": name})
    assert answer.status in (400, 421)
    assert "Set-Cookie" not in answer.headers
    assert served.ask("/", headers={"Host": f"localhost:{served.guard.port}"}).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_nothing_but_get_is_answered(served: Served, method: str) -> None:
    answer = served.ask("/api/start", method=method, headers={"Content-Length": "0"})
    assert answer.status == 405
    assert not any(name.startswith("Access-Control") for name in answer.headers)


@pytest.mark.parametrize("path", [
    "/assets/../page.html", "/assets/..%2f..%2fpage.py", "/assets/%2e%2e/guard.py",
    "/bokeh/../../x", "/assets/page.html", "/assets//etc/passwd", "/bokeh/compiler.js",
    "/../../etc/passwd", "/assets/main.js%00.css", "/bokeh/%2fetc%2fpasswd",
])  # fmt: skip
def test_no_path_leads_out_of_the_page_s_own_files(served: Served, path: str) -> None:
    assert served.ask(path).status == 404


def test_every_file_of_the_page_is_there(served: Served) -> None:
    page = served.ask("/").body.decode()
    for name in (*SCRIPTS, *STYLES):
        assert f'"assets/{name}"' in page
        assert served.ask(f"/assets/{name}").status == 200
    for name in BOKEH:
        assert served.ask(f"/bokeh/{name}").status == 200
    assert "http://" not in page
    assert "https://" not in page


@pytest.mark.parametrize("row", ["-1", "1.5", "x", "", "99999999999999999999", "0x1", "１"])
@pytest.mark.parametrize("what", ["cell", "crop", "field", "latents", "decode"])
def test_a_row_that_is_no_whole_number_is_refused(served: Served, what: str, row: str) -> None:
    assert served.ask(f"/api/{what}?row={quote(row)}").status == 400


@pytest.mark.parametrize("what", ["cell", "crop", "field", "latents", "decode"])
def test_a_row_beyond_the_store_is_not_there(served: Served, what: str) -> None:
    assert served.ask(f"/api/{what}?row=100000").status == 404


@pytest.mark.parametrize("query", [
    "z=0:nan", "z=0:inf", "z=0", "z=a:1", "z=0:1e99", "z=-1:0", "share=nan", "toward=x",
    "toward=-1",
])  # fmt: skip
def test_latents_that_are_no_numbers_are_refused(served: Served, query: str) -> None:
    assert served.ask(f"/api/decode?row=0&{query}").status == 400


@pytest.mark.parametrize("query", ["z=99:1", "toward=999&share=1"])
def test_latents_and_treatments_that_are_not_there_are_told(served: Served, query: str) -> None:
    answer = served.ask(f"/api/decode?row=0&{query}")
    assert answer.status == 404
    assert answer.json()["error"]


@pytest.mark.parametrize("query", ["level=fields", "level=", "", "level=cells&name=" + "x" * 3000])
def test_levels_and_names_that_cannot_be_are_refused(served: Served, query: str) -> None:
    assert served.ask(f"/api/column?{query}").status == 400


def test_a_column_or_map_that_is_not_there_is_told(served: Served) -> None:
    assert served.ask("/api/column?level=cells&name=Nonsense").status == 404
    assert served.ask("/api/plane?level=cells&name=profiles:cells-mean@1").status == 404


def test_a_decoded_cell_is_as_many_bytes_as_its_picture_has_values(
    served: Served, answers: Answers
) -> None:
    answer = served.ask("/api/decode?row=3&z=0:1.5,2:-1")
    assert answer.body == answers.decoded(3, {0: 1.5, 2: -1.0}, None, 0.0).tobytes()
    assert len(answer.body) == 3 * 16 * 16
    assert answer.headers["Server-Timing"].startswith("decode;dur=")


def test_a_crop_is_a_grey_picture_of_all_channels(served: Served, answers: Answers) -> None:
    with PIL.Image.open(io.BytesIO(served.ask("/api/crop?row=3").body)) as picture:
        planes = np.asarray(picture)
    wanted = answers.pictures.planes(answers.pictures.images([3])[0])
    assert np.array_equal(planes.reshape(3, 16, 16), wanted)


def test_odd_names_come_as_they_are_within_json(served: Served) -> None:
    names = served.ask("/api/column?level=cells&name=Metadata_Compound").json()["names"]
    assert isinstance(names, list)
    assert {IMAGE, QUOTED, "=1+1"} <= set(names)
    assert served.ask("/api/start").headers["Content-Type"].startswith("application/json")


def test_a_number_that_is_missing_is_nan_in_a_column_and_null_in_a_cell(served: Served) -> None:
    column: Any = served.ask("/api/column?level=cells&name=Metadata_Concentration").json()
    values = np.frombuffer(base64.b64decode(column["values"]["data"]), "<f8")
    assert set(values) == {0.0, 0.3, 1.0, 3.0}
    cell: Any = served.ask("/api/cell?row=0").json()
    assert cell["metadata"]["Position_Row"] is None
    assert cell["metadata"]["Metadata_MoA"] is None
    assert cell["verdicts"] == []
    assert "control" in cell["why_no_verdict"]


def test_the_neighbours_of_a_cell_are_the_nearest_in_the_embedding(
    served: Served, answers: Answers
) -> None:
    told: Any = served.ask("/api/cell?row=5").json()
    cells = answers.points.cells
    apart = np.linalg.norm(cells.values - cells.values[5], axis=1)
    order = [each for each in np.argsort(apart, kind="stable") if each != 5][:8]
    assert [each["row"] for each in told["neighbours"]] == order
    assert [each["distance"] for each in told["neighbours"]] == pytest.approx(apart[order])
    wells = cells.table[["Metadata_Plate", "Metadata_Well"]].apply(tuple, axis=1)
    same = [bool(wells[each] == wells[5]) for each in order]
    assert [each["same_well"] for each in told["neighbours"]] == same


def test_cells_that_came_as_crops_say_that_they_have_no_field(served: Served) -> None:
    assert "single crops" in str(served.ask("/api/field?row=0").json()["missing"])


def test_a_port_that_is_taken_is_told_with_what_to_do() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(PhenovaeError, match="is taken") as raised:
            bound(other.getsockname()[1])
    assert "--port 0" in str(raised.value)


def test_the_server_listens_on_this_machine_alone() -> None:
    listening = bound(0)
    assert listening.getsockname()[0] == "127.0.0.1"
    listening.close()
    with pytest.raises(UsageError, match="cannot be listened on"):
        bound(70000)


def test_tokens_are_long_differ_and_are_compared_as_a_whole() -> None:
    first, second = Guard(1), Guard(1)
    assert first.token != second.token
    assert len(first.token) >= 40
    assert first.admits(first.token)
    assert not first.admits(first.token[:-1])
    assert not first.admits("")
    assert not first.admits("µ")


def test_what_takes_long_is_told_to_be_under_way_and_is_made_once() -> None:
    later: Later[int] = Later()
    go, made = threading.Event(), []

    def make() -> int:
        go.wait(20)
        made.append(1)
        return 7

    for _ in range(2):
        with pytest.raises(StillWorkingError, match="sums"):
            later.get("a", "sums", make, wait=0.01)
    go.set()
    assert later.get("a", "sums", make, wait=None) == 7
    assert later.get("a", "sums", make, wait=0.01) == 7
    assert made == [1]
    with pytest.raises(ZeroDivisionError):
        later.get("b", "more", lambda: 1 // 0, wait=None)
    assert later.get("b", "more", lambda: 1, wait=None) == 1
    later.close()


def test_all_that_is_told_is_json_without_nan(answers: Answers) -> None:
    json.dumps(answers.start(), allow_nan=False)
    for row in (0, 20, 59):
        json.dumps([answers.cell(row), answers.latents(row)], allow_nan=False)
