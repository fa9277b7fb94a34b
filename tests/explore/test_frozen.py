"""The page as a folder of files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from phenovae.base.errors import UsageError
from phenovae.explore.frozen import cells_that_fit, write_frozen
from phenovae.explore.opening import open_run


@pytest.fixture(scope="session")
def frozen_page(odd_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("frozen") / "the page"
    write_frozen(open_run(odd_run), folder)
    return folder


def _data(folder: Path, name: str) -> Any:
    text = (folder / "data" / f"{name}.js").read_text(encoding="utf-8")
    found = re.search(r'window\.PHENOVAE_DATA\["[a-z0-9-]+"\] = (.*);\n$', text, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_the_page_names_only_files_that_lie_beside_it(frozen_page: Path) -> None:
    page = (frozen_page / "index.html").read_text(encoding="utf-8")
    named = re.findall(r'(?:src|href)="([^"#]+)"', page)
    local = [name for name in named if not name.startswith("data:")]
    assert "data/start.js" in local
    assert all((frozen_page / name).is_file() for name in local)
    assert "http" not in page


def test_every_cell_has_its_facts_its_crop_and_its_moves(frozen_page: Path) -> None:
    start = _data(frozen_page, "start")
    count = start["levels"]["cells"]["count"]
    facts, sheet = _data(frozen_page, "facts-000"), _data(frozen_page, "sheet-000")
    assert len(facts) == len(sheet["rows"]) == count
    assert set(facts) == {str(row) for row in sheet["rows"]}
    for cell in facts.values():
        assert (frozen_page / "data" / f"moves-{cell['start']:03d}.js").is_file()
    treatments = _data(frozen_page, "treatments")
    assert {cell["treatment"] for cell in facts.values()} <= set(treatments)
    assert "precomputed" in start["frozen"]


def test_a_run_of_large_pictures_has_fewer_cells_on_its_page() -> None:
    assert cells_that_fit(3, 64) == 2000
    assert cells_that_fit(5, 128) == 300
    assert cells_that_fit(5, 1024) == 100


def test_a_folder_of_other_things_is_left_alone(odd_run: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work", encoding="utf-8")
    with pytest.raises(UsageError, match="something else"):
        write_frozen(open_run(odd_run), tmp_path)
    with pytest.raises(UsageError, match="something else"):
        write_frozen(open_run(odd_run), tmp_path / "thesis.tex")
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_a_page_is_written_anew_over_an_older_one(odd_run: Path, frozen_page: Path) -> None:
    (frozen_page / "data" / "old.js").touch()
    told = write_frozen(open_run(odd_run), frozen_page)
    assert told.page == frozen_page / "index.html"
    assert not (frozen_page / "data" / "old.js").exists()
    assert 1 < told.megabytes < 5
