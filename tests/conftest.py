"""Where the tests find public data, if they have any, and tiny runs that several rooms look at."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from unittest import mock

import PIL.Image
import pytest
from filelock import FileLock
from hypothesis import settings
from tests.pipeline.runs import TINY_CROPS, TINY_TWIN, call, of_crops, write_crops

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# A busy machine is no finding.
settings.register_profile("complete", deadline=None)
settings.register_profile("quick", settings.get_profile("complete"), max_examples=30)
settings.load_profile("quick")


@pytest.fixture(scope="session")
def public_data() -> Path:
    """The folder of public test data; tests that need it are skipped without it."""
    named = os.environ.get("PHENOVAE_TEST_DATA")
    if not named:
        pytest.skip("PHENOVAE_TEST_DATA names no folder of public data")
    return Path(named)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--complete`: no test is left out for want of a package, and none is made smaller."""
    parser.addoption(
        "--complete",
        action="store_true",
        help="as CI does: a package that is not there is a failure, every picture is drawn, "
        "and properties are tried on more examples",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Let processes that test side by side take a core each, before they load anything."""
    if config.getoption("numprocesses", default=0):
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    if config.getoption("--complete"):
        settings.load_profile("complete")
        pytest.importorskip = importlib.import_module  # type: ignore[assignment]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what asks for public data; begin with the longest, so that none is left for the end."""
    for item in items:
        if "public_data" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.public_data)

    def allowed(item: pytest.Item) -> float:
        marker = item.get_closest_marker("timeout")
        return float(marker.args[0]) if marker else 0.0

    items.sort(key=lambda item: allowed(item) < 900)


MakeOnce = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture
def undrawn(request: pytest.FixtureRequest) -> Iterator[None]:
    """The pictures of reports are blank, but under `--complete` and in tests marked `drawn`.

    To draw them takes two thirds of a tiny run, and most tests look at other things.
    """
    if request.node.get_closest_marker("drawn"):
        yield
        return
    with blank_pictures(request.config):
        yield


@contextlib.contextmanager
def blank_pictures(config: pytest.Config) -> Iterator[None]:
    if config.getoption("--complete"):
        yield
        return
    with mock.patch("phenovae.report.pictures.to_bytes", _blank):
        yield


def _blank(figure: Figure, kind: Literal["svg", "png"], dpi: int = 0) -> bytes:
    if kind == "svg":
        return b'<svg xmlns="http://www.w3.org/2000/svg"/>'
    buffer = io.BytesIO()
    PIL.Image.new("RGB", (1, 1)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C is heard here and in child processes, also where a background job ignores it."""
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> MakeOnce:
    """Gives the folder of that name, filled by the first process of this test run to ask for it."""
    own = tmp_path_factory.getbasetemp()
    common = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    def made(name: str, make: Callable[[Path], object]) -> Path:
        folder, whole = common / name, common / f"{name}.whole"
        with FileLock(common / f"{name}.lock"):
            if not whole.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                make(folder)
                whole.touch()
        return folder

    return made


@pytest.fixture(scope="session")
def tiny(made_once: MakeOnce) -> Path:
    """A folder with twin.yaml and crops.yaml, the smallest runs of both kinds."""

    def make(folder: Path) -> None:
        (folder / "twin.yaml").write_text(TINY_TWIN, encoding="utf-8")
        (folder / "crops.yaml").write_text(TINY_CROPS, encoding="utf-8")

    return made_once("tiny", make)


@pytest.fixture(scope="session")
def twin_run(tiny: Path, made_once: MakeOnce, pytestconfig: pytest.Config) -> Path:
    """A whole run on a tiny synthetic screen; not to be changed."""

    def make(folder: Path) -> None:
        with mock.patch.object(os, "cpu_count", return_value=1), blank_pictures(pytestconfig):
            told = call("run", tiny / "twin.yaml", "--out", folder / "run")
        assert told.code == 0, told.err

    return made_once("twin", make) / "run"


@pytest.fixture(scope="session")
def made_crops(made_once: MakeOnce) -> Path:
    """A folder with crops/ and metadata.csv; not to be changed."""
    return made_once("made", write_crops)


@pytest.fixture(scope="session")
def crops_run(tiny: Path, made_crops: Path, made_once: MakeOnce) -> Path:
    """A whole run on the made crops; not to be changed."""

    def make(folder: Path) -> None:
        told = call("run", tiny / "crops.yaml", *of_crops(made_crops), "--out", folder / "run")
        assert told.code == 0, told.err

    return made_once("crops", make) / "run"
