"""Plates of few fields, whose light is told from their whole batch."""

from __future__ import annotations

import csv
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from phenovae.base.tables import read_table
from phenovae.images.illumination_files import ILLUMINATION, TABLE, load_illumination
from phenovae.pipeline.config import load_config
from phenovae.pipeline.execute import run_verbs
from phenovae.twin.options import TwinOptions
from phenovae.twin.screen import make_twin

OPTIONS = TwinOptions(
    batches=2,
    replicates=2,
    compounds=1,
    doses=1,
    annotated_doses=1,
    negative_controls=2,
    positive_controls=2,
    height=240,
    width=288,
    illumination=0.4,
)
WHY = "3 fields, and 8 are needed"


@dataclass(frozen=True)
class Lent:
    """A run whose light was told, its files of light and what was said."""

    run: Path
    files: dict[str, bytes]
    messages: list[str]


class Records(logging.Handler):
    """Keeps what is said."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two batches of two plates; all plates but the first have three fields."""
    folder = tmp_path_factory.mktemp("lent") / "twin"
    make_twin(OPTIONS, folder, 0)
    table = folder / "BBBC021_v1_image.csv"
    with table.open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    place = header.index("Image_Metadata_Plate_DAPI")
    plates = sorted({row[place] for row in rows})
    assert len(plates) == 4
    left = {plate: 3 if number != 0 else len(rows) for number, plate in enumerate(plates)}
    kept = []
    for row in rows:
        left[row[place]] -= 1
        if left[row[place]] >= 0:
            kept.append(row)
    with table.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *kept])
    return folder


def illuminated(twin: Path, run: Path, *settings: str) -> dict[str, bytes]:
    named = (
        "input.source=raw",
        f"input.images={twin / 'images'}",
        f"input.metadata={twin / 'BBBC021_v1_image.csv'}",
        "input.channels=[DAPI, Actin, Tubulin]",
        "workers.count=1",
    )
    run_verbs(("sites", "illuminate"), load_config(None, [*named, *settings]), run)
    folder = run / "illumination"
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def without_settings(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: held for name, held in files.items() if name != "settings.json"}


@pytest.fixture(scope="module")
def lent(twin: Path, tmp_path_factory: pytest.TempPathFactory) -> Lent:
    """The twin's light, each plate in one part."""
    run = tmp_path_factory.mktemp("lent light") / "run"
    logger, records = logging.getLogger("phenovae"), Records()
    logger.addHandler(records)
    try:
        files = illuminated(twin, run, "workers.fields=50")
    finally:
        logger.removeHandler(records)
    return Lent(run, files, records.messages)


def test_a_plate_of_few_fields_leans_on_its_batch_and_every_place_says_so(
    twin: Path, lent: Lent
) -> None:
    table = read_table(lent.run / "illumination" / TABLE, ILLUMINATION)
    plates = sorted(set(table["Metadata_Plate"]))
    by_plate = {
        str(plate): (set(here["Light_Lent"]), set(here["Light_Fallback"]))
        for plate, here in table.groupby("Metadata_Plate")
    }
    whole, few, *rest = plates
    assert by_plate[whole] == ({""}, {""})
    assert by_plate[few] == ({WHY}, {""})
    assert [by_plate[plate] for plate in rest] == [({""}, {WHY})] * 2
    told = " | ".join(lent.messages)
    assert f"the light is that of the whole batch: {few} DAPI: {WHY}, and 2 more" in told
    assert f"the light counts as even: {rest[0]} DAPI: {WHY}, and 5 more" in told
    lights = load_illumination(lent.run / "illumination", few)
    truth = np.load(twin / "truth" / "illumination.npz")
    for channel, light in lights.items():
        # The twin lights each plate by itself, around one dome: even light is further off.
        true = truth[f"{few}_{channel}"]
        assert light.lent == WHY
        assert np.std(light.full / true) < np.std(1 / true)


def test_lent_light_is_the_same_whatever_the_parts(twin: Path, lent: Lent, tmp_path: Path) -> None:
    other = illuminated(twin, tmp_path / "other", "workers.fields=2")
    assert without_settings(lent.files) == without_settings(other)
    assert len(lent.files) > 4


@pytest.mark.slow
def test_lent_light_is_the_same_from_two_workers(twin: Path, lent: Lent, tmp_path: Path) -> None:
    two = illuminated(twin, tmp_path / "two", "workers.count=2", "workers.fields=3")
    assert without_settings(lent.files) == without_settings(two)
