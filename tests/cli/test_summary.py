from __future__ import annotations

import json
from pathlib import Path

import pytest

from phenovae.cli.summary import tell_fields

TOLD = {
    "fields": 1207, "read_fields": 1202, "refused": 5, "flagged_fields": 3, "positions": 353,
    "kept": 309, "at_border": 40, "small": 0, "large": 1, "in_flagged_fields": 3, "imported": 309,
}  # fmt: skip


def test_a_run_of_fields_says_what_became_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "import.json").write_text(json.dumps(TOLD))
    tell_fields(tmp_path)
    assert capsys.readouterr().out.splitlines() == [
        "fields: 1,202 of 1,207 read, 5 unread, 3 flagged",
        "nuclei: 309 of 353 kept; 40 at a border, 1 too large, 3 in fields thrown out",
    ]
    for layout, what in (("grid", "tiles"), ("positions", "cells")):
        tell_fields(tmp_path, layout)
        assert f"{what}: 309 of 353 kept" in capsys.readouterr().out


@pytest.mark.parametrize("told", [None, {"imported": 5, "found": 5}, []])
def test_other_runs_say_nothing_of_fields(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], told: object
) -> None:
    if told is not None:
        (tmp_path / "import.json").write_text(json.dumps(told))
    tell_fields(tmp_path)
    assert capsys.readouterr().out == ""
