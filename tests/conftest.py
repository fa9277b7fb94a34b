"""Where the tests find public data, if they have any, and tiny runs that several rooms look at."""

from __future__ import annotations

import os
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import settings
from tests.pipeline.runs import TINY_CROPS, TINY_TWIN, call, of_crops, write_crops

# A busy machine is no finding.
settings.register_profile("phenovae", deadline=None)
settings.load_profile("phenovae")


@pytest.fixture(scope="session")
def public_data() -> Path:
    """The folder of public test data; tests that need it are skipped without it."""
    named = os.environ.get("PHENOVAE_TEST_DATA")
    if not named:
        pytest.skip("PHENOVAE_TEST_DATA names no folder of public data")
    return Path(named)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with twin.yaml and crops.yaml, the smallest runs of both kinds."""
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "twin.yaml").write_text(TINY_TWIN, encoding="utf-8")
    (folder / "crops.yaml").write_text(TINY_CROPS, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def twin_run(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole run on a tiny synthetic screen; not to be changed."""
    run = tmp_path_factory.mktemp("twin") / "run"
    with mock.patch.object(os, "cpu_count", return_value=1):
        told = call("run", tiny / "twin.yaml", "--out", run)
    assert told.code == 0, told.err
    return run


@pytest.fixture(scope="session")
def made_crops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with crops/ and metadata.csv; not to be changed."""
    return write_crops(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="session")
def crops_run(tiny: Path, made_crops: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole run on the made crops; not to be changed."""
    run = tmp_path_factory.mktemp("crops") / "run"
    told = call("run", tiny / "crops.yaml", *of_crops(made_crops), "--out", run)
    assert told.code == 0, told.err
    return run
