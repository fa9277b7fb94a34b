"""`phenovae download` as its user meets it: what it says, how it ends, what it leaves."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from tests.fetch.server import Act, File, Server, serving
from tests.fetch.zips import plate_zip
from tests.pipeline.runs import ALONE, MAIN, Told, call, program
from tests.screen.small_tables import as_csv, image_rows, moa_rows

from phenovae.base.lock import locked_folder
from phenovae.cli.console import Console, Style
from phenovae.cli.transfers import bytes_text, transfers

ONE, TWO = "Week1_22123", "Week2_24121"
HERE = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}


def archive_of(plate: str) -> str:
    return f"BBBC021_v1_images_{plate}.zip"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name, value in HERE.items():
        monkeypatch.setenv(name, value)
    with serving() as running:
        running.files["BBBC021_v1_image.csv"] = File(as_csv(image_rows()).encode())
        running.files["BBBC021_v1_moa.csv"] = File(as_csv(moa_rows()).encode())
        for plate in (ONE, TWO):
            names = [
                row[f"Image_FileName_{channel}"]
                for row in image_rows()
                if row["Image_Metadata_Plate_DAPI"] == plate
                for channel in ("DAPI", "Tubulin", "Actin")
            ]
            running.files[archive_of(plate)] = File(plate_zip(plate, names))
        yield running


def get(server: Server, to: Path, *arguments: object) -> Told:
    return call("download", *arguments, "--to", to, "--base", server.base)


def test_a_download_tells_source_terms_and_what_came(server: Server, tmp_path: Path) -> None:
    told = get(server, tmp_path / "to", "benchmark")
    assert told.code == 0, told.err
    assert told.out.startswith(f"Image set BBBC021v1, from {server.base}\n")
    assert "Caie" in told.out
    assert told.out.splitlines()[-2:] == [
        "2 of 2 plates, those with a treatment of known mechanism among them; "
        "2 of 2 DMSO wells are then used",
        f"plates fetched: 2, there before: 0, in {tmp_path / 'to'}",
    ]
    assert f"{ONE}: 24 of the 24 images in the table" in told.err.splitlines()
    again = get(server, tmp_path / "to", "benchmark")
    assert again.out.splitlines()[-1].startswith("plates fetched: 0, there before: 2")


def test_a_plate_that_failed_is_exit_3_with_the_reason(server: Server, tmp_path: Path) -> None:
    server.files[archive_of(TWO)].content = b"<html>please log in</html>"
    told = get(server, tmp_path / "to", "all")
    assert told.code == 3
    assert told.out.splitlines()[-2:] == [
        "plates failed: 1; the same command tries them again",
        f"  {TWO}: the archive is damaged: no zip archive came",
    ]
    assert f"warning: {TWO}: the archive is damaged" in told.err
    assert len(list((tmp_path / "to" / "images" / ONE).iterdir())) == 24


def test_a_dry_run_tells_what_it_would_fetch_and_writes_nothing(
    server: Server, tmp_path: Path
) -> None:
    told = get(server, tmp_path / "to", "Week1", TWO, "--dry-run")
    assert told.code == 0, told.err
    lines = told.out.splitlines()
    assert lines[0] == "2 of 2 plates; 2 of 2 DMSO wells are then used"
    assert lines[1:3] == [f"fetch  {ONE}  not there", f"fetch  {TWO}  not there"]
    assert " kB to fetch; " in lines[3]
    assert list(tmp_path.iterdir()) == []
    assert server.gets(archive_of(ONE)) == []
    get(server, tmp_path / "to", ONE)
    told = get(server, tmp_path / "to", "all", "--dry-run")
    assert told.out.splitlines()[1:3] == [f"done   {ONE}", f"fetch  {TWO}  not there"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["benchmrk"], "did you mean 'benchmark'"),
        (["week1"], "a week as in Week1"),
        (["all", "--base", "file:///etc"], "no address of a web server"),
        (["all", "--jobs", "0"], "--jobs"),
        ([], "WHAT"),
    ],
)
def test_wrong_usage_is_exit_2_and_leaves_nothing(
    tmp_path: Path, arguments: list[str], named: str
) -> None:
    told = call("download", *arguments, "--to", tmp_path / "to")
    assert told.code == 2
    assert named in told.err
    assert list(tmp_path.iterdir()) == []


def test_a_plate_that_is_in_no_table_is_wrong_usage(server: Server, tmp_path: Path) -> None:
    told = get(server, tmp_path / "to", "Week1_22132")
    assert told.code == 2
    assert f"did you mean '{ONE}'?" in told.err


def test_tables_that_cannot_be_had_are_exit_1(server: Server, tmp_path: Path) -> None:
    server.files.clear()
    told = get(server, tmp_path / "to", "all")
    assert told.code == 1
    assert "the server has no such file" in told.err
    assert f"{server.base}BBBC021_v1_image.csv" in told.err
    told = get(server, tmp_path / "to", "all", "--metadata", tmp_path / "none.csv")
    assert told.code == 1
    assert "there is no such table" in told.err


def test_a_file_in_the_place_of_the_folder(server: Server, tmp_path: Path) -> None:
    (tmp_path / "to").write_text("mine")
    told = get(server, tmp_path / "to", "all")
    assert told.code == 1
    assert "--to" in told.err
    assert (tmp_path / "to").read_text() == "mine"


def test_a_second_download_to_one_folder_stops_and_names_the_first(
    server: Server, tmp_path: Path
) -> None:
    with locked_folder(tmp_path / "to", name="download", option="--to"):
        told = program("download", "all", "--to", tmp_path / "to", "--base", server.base)
    assert told.code == 1
    assert f"another process is at work on this download: process {os.getpid()}" in told.err
    assert told.out == ""
    assert server.asked == []


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.skipif(os.name == "nt", reason="signals are others there")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_download_that_is_stopped_or_killed_goes_on(
    server: Server, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    # The server sends a part of one plate, and then says nothing for as long as the test lasts.
    file = server.files[archive_of(TWO)]
    file.acts = [Act(cut=1000), Act(silent=True)]
    to = tmp_path / "to"
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, "download", "all", "--to", to, "--base", server.base],
        env={**os.environ, **ALONE, **HERE}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    for _ in range(2000):
        if len(server.gets(archive_of(TWO))) == 2 and ONE in _done(to):
            break
        time.sleep(0.02)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert b"Traceback" not in err
    if code == 130:
        assert b"the same command goes on from there" in err
    assert (to / "archives" / f"{archive_of(TWO)}.partial").stat().st_size == 1000
    server.let_go.set()
    server.asked.clear()
    told = get(server, to, "all")
    assert told.code == 0, told.err
    assert server.gets(archive_of(TWO)) == ["bytes=1000-"]
    assert server.gets(archive_of(ONE)) == []
    assert len(list((to / "images" / TWO).iterdir())) == 18
    assert sorted(path.name for path in to.iterdir()) == [
        ".lock", "BBBC021_v1_image.csv", "BBBC021_v1_moa.csv", "SOURCE.txt", "checksums",
        "download.json", "images",
    ]  # fmt: skip


def _done(to: Path) -> dict[str, object]:
    try:
        plates = json.loads((to / "download.json").read_text(encoding="utf-8"))["plates"]
    except (OSError, ValueError):
        return {}
    assert isinstance(plates, dict)
    return plates


def test_messages_are_json_where_that_is_asked_for(server: Server, tmp_path: Path) -> None:
    told = call("--log-json", "download", "all", "--to", tmp_path / "to", "--base", server.base)
    assert told.code == 0
    assert all("message" in json.loads(line) for line in told.err.splitlines())


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (9949, "9.9 kB"), (10_000, "10 kB"),
     (999_600, "1.0 MB"), (839e6, "839 MB"), (41.2e9, "41 GB"), (5e15, "5000 TB")],
)  # fmt: skip
def test_bytes_are_written_as_a_person_writes_them(count: float, text: str) -> None:
    assert bytes_text(count) == text


def test_elsewhere_than_on_a_terminal_one_line_tells_of_all_bars(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = mock.Mock(return_value=0.0)
    caplog.set_level(logging.INFO, "phenovae.progress")
    with (
        mock.patch.object(logging.getLogger("phenovae"), "propagate", new=True),
        mock.patch.object(time, "monotonic", clock),
        transfers(Console(Style.PLAIN)) as bars,
        bars.steps.bar("plates", 3) as plates,
        bars.files.bar(ONE, 839_000_000, 100_000_000) as one,
        bars.files.bar(TWO, 0) as two,
    ):
        plates.advance()
        one.advance(150_000_000)
        two.advance(5)
        assert caplog.messages == []
        clock.return_value = 15.0
        one.advance(150_000_000)
        two.advance(5)
    assert caplog.messages == [
        f"plates 1 of 3, {ONE} 400 MB of 839 MB, {TWO} 5 B; 20 MB/s",
    ]


def test_bars_go_side_by_side_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with (
        transfers(Console(Style.TERMINAL)) as bars,
        bars.steps.bar("plates", 3) as plates,
        bars.files.bar(ONE, 1000) as one,
        bars.files.bar(TWO, 0) as two,
    ):
        plates.advance()
        one.advance(500)
        one.advance(-500)
        two.advance(7)
    with transfers(Console(Style.QUIET)) as bars, bars.files.bar(ONE, 10) as one:
        one.advance(10)
    assert capsys.readouterr().out == ""
