"""What a run that began with whole fields has to show of them, a handful of fields read again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.base.errors import InputError
from phenovae.base.tables import empty_table, read_batches, read_table
from phenovae.cells.field_parts import files_of_site, label_path
from phenovae.cells.nuclei import FIELDS, NUCLEI, Fate
from phenovae.cells.refusals import ERRORS
from phenovae.figures.colours import in_order
from phenovae.figures.fields import FieldPicture, field_picture
from phenovae.figures.overlays import overlay_of
from phenovae.images.field_measures import measure_name
from phenovae.images.illumination_files import ILLUMINATION, TABLE, load_illumination
from phenovae.images.label_files import read_own_labels
from phenovae.images.reading import Image, read_site
from phenovae.pipeline import paths
from phenovae.pipeline.config import Config
from phenovae.pipeline.screens import BBBC021, channels_of_run, images_of_run
from phenovae.report.facts import listed, mapping
from phenovae.report.field_content import Example, FieldContent, Light
from phenovae.screen.design import treatment_text
from phenovae.screen.sites import SITES, Role
from phenovae.screen.unmatched import UNMATCHED, Kind

EXAMPLES, THROWN, LIGHTS = 3, 12, 3

_THROWN_SIDE = 192
_MARKS, _LEAST = 80, 5  # marks to the longer side of a field, and px of one at least
_OF_FIELDS = (Kind.PLATE, Kind.WELL, Kind.SITE)
_PLACES = ["Metadata_Field", "Metadata_Cell", "Position_Row", "Position_Column", "Fate"]


def gather_fields(
    run: Path, config: Config, told: Mapping[str, Mapping[str, object]], *, lit: bool
) -> FieldContent:
    """Read what the report shows of the fields of a run.

    `told` are the facts of the run's stages; `lit` says that the light was looked at. Images that
    are gone are sentences of the content. Raises InputError where a table of the run is missing.
    """
    sites = read_table(run / paths.SITES, SITES)
    fields = read_table(run / paths.FIELDS, FIELDS)
    matched = mapping(mapping(told.get("sites")).get("images"))
    unmatched = _unmatched(run)
    tabled = None
    if mapping(told.get("sites")).get("screen") == BBBC021:
        absent = unmatched["Kind"].isin([str(kind) for kind in _OF_FIELDS])
        tabled = len(sites) + int(unmatched.loc[absent, "Count"].sum())
    flags = fields.loc[fields["Field_Flag"] != "", "Field_Flag"].value_counts().sort_index()
    chosen = chosen_fields(fields)
    fates, places = _nuclei(run, [str(field) for field in chosen["Metadata_Field"]])
    reader = _Reader(run, config, sites)
    examples, missing_examples = _examples(reader, chosen, places)
    thrown, missing_thrown = _thrown(reader, fields)
    light, missing_light = _light(run) if lit else (None, "")
    return FieldContent(
        channels=reader.channels,
        layout=config.cells.layout,
        tabled=tabled,
        found=len(sites),
        read=len(fields),
        flags={str(flag): int(count) for flag, count in flags.items()},
        flagged_kept=config.cells.flagged_fields == "keep",
        fates=fates,
        errors=read_table(run / paths.ERRORS, ERRORS),
        unmatched=unmatched,
        dropped={
            rule: count
            for rule, count in mapping(matched.get("dropped")).items()
            if isinstance(count, int)
        },
        notes=[str(note) for note in listed(matched.get("notes"))],
        examples=examples,
        missing_examples=missing_examples,
        thrown=thrown,
        missing_thrown=missing_thrown,
        light=light,
        missing_light=missing_light,
    )


def chosen_fields(fields: pd.DataFrame, count: int = EXAMPLES) -> pd.DataFrame:
    """A few good fields: a negative control if there is one, the others spread over the plates.

    Of several, the one is taken whose number of nuclei is nearest to what is usual among them.
    """
    good = fields.loc[fields["Field_Flag"] == ""]
    control = good["Metadata_Role"] == str(Role.NEGATIVE_CONTROL)
    rows: list[int] = []
    for pool in _pools(good, control, count):
        left = pool.loc[~pool.index.isin(rows)]
        if len(left) and len(rows) < count:
            away = (left["Count_Nuclei"] - left["Count_Nuclei"].median()).abs()
            order = pd.DataFrame({"away": away, "field": left["Metadata_Field"]})
            rows.append(int(order.sort_values(["away", "field"]).index[0]))
    return fields.loc[rows]


def _pools(good: pd.DataFrame, control: pd.Series, count: int) -> Iterator[pd.DataFrame]:
    """Where each example may come from, in turn."""
    by_plate = {str(plate): here for plate, here in good.groupby("Metadata_Plate")}
    yield good.loc[control]
    for plate in spread(in_order(list(by_plate)), count):
        here = by_plate[plate]
        yield here.loc[~control[here.index]]
    for _ in range(count):
        yield good


def spread(names: list[str], count: int) -> list[str]:
    """At most `count` of the names, evenly from first to last."""
    places = np.linspace(0, len(names) - 1, min(count, len(names))).round().astype(int)
    return [names[place] for place in places]


class _Reader:
    """Fields of a run, read again by name."""

    def __init__(self, run: Path, config: Config, sites: pd.DataFrame) -> None:
        self.channels = channels_of_run(config, run)
        self.labels = run / paths.SEGMENTATION
        self.crop = config.input.crop_size
        self.layout = config.cells.layout
        self._images = images_of_run(config, run)
        self._sites = sites

    def images(self, field: str) -> dict[str, Image]:
        """The channels of a field, raw. Raises InputError where one is gone."""
        site = self._sites.loc[self._sites["Metadata_Field"] == field].iloc[0]
        found = read_site(self._images, files_of_site(site, self.channels))
        return dict(zip(self.channels, found, strict=True))


def _examples(
    reader: _Reader, chosen: pd.DataFrame, places: pd.DataFrame
) -> tuple[list[Example], list[str]]:
    found: list[Example] = []
    missing: list[str] = []
    for _, row in chosen.iterrows():
        field = str(row["Metadata_Field"])
        here = places.loc[places["Metadata_Field"] == field]
        try:
            found.append(_example(reader, row, here))
        except InputError as error:
            missing.append(f"There is no picture of {_place(row)}: {error.what}.")
    return found, missing


def _example(reader: _Reader, row: pd.Series, here: pd.DataFrame) -> Example:
    field, plate = str(row["Metadata_Field"]), str(row["Metadata_Plate"])
    images = reader.images(field)
    shape = images[reader.channels[0]].shape
    bodies = None
    if reader.layout == "grid":
        nuclei = _squares((shape[0], shape[1]), here, reader.crop)
    elif reader.layout == "positions":
        nuclei = _squares((shape[0], shape[1]), here, max(_LEAST, max(shape) // _MARKS))
    else:
        nuclei = read_own_labels(label_path(reader.labels, plate, field, "nuclei"))
        outlines = label_path(reader.labels, plate, field, "cells")
        bodies = read_own_labels(outlines) if outlines.exists() else None
    kept = here.loc[here["Fate"] == str(Fate.KEPT), "Metadata_Cell"]
    try:
        drawn = overlay_of(images, reader.channels, nuclei, bodies, set(kept))
    except ValueError as error:
        raise InputError(str(error)) from error
    return Example(
        field,
        _place(row),
        _treatment(row),
        _counted(Counter(here["Fate"])),
        drawn,
    )


def _treatment(row: pd.Series) -> str:
    compound = str(row["Metadata_Compound"])
    if row["Metadata_Role"] == str(Role.NEGATIVE_CONTROL):
        return f"{compound} (negative control)"
    return treatment_text(compound, float(row["Metadata_Concentration"])) if compound else ""


def _squares(shape: tuple[int, int], here: pd.DataFrame, side: int) -> npt.NDArray[np.int32]:
    """Squares of `side` px around what was found, as a label image."""
    labels = np.zeros(shape, dtype=np.int32)
    columns = ("Metadata_Cell", "Position_Row", "Position_Column")
    for number, row, column in zip(*(here[name] for name in columns), strict=True):
        top, left = int(row) - side // 2, int(column) - side // 2
        labels[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)] = number
    return labels


def _thrown(reader: _Reader, fields: pd.DataFrame) -> tuple[list[FieldPicture], list[str]]:
    """Some of the fields that were thrown out, each as bright as good fields of its plate."""
    flagged = fields.loc[fields["Field_Flag"] != ""]
    order = ["Field_Flag", "Metadata_Plate", "Metadata_Field"]
    names = spread([str(name) for name in flagged.sort_values(order)["Metadata_Field"]], THROWN)
    found: list[FieldPicture] = []
    missing: list[str] = []
    for name in names:
        row = flagged.loc[flagged["Metadata_Field"] == name].iloc[0]
        beside = fields.loc[fields["Metadata_Plate"] == row["Metadata_Plate"]]
        limits = _limits(beside.loc[beside["Field_Flag"] == ""], reader.channels)
        try:
            images, reason = reader.images(name), str(row["Field_Reason"])
            title = _place(row)
            found.append(
                field_picture(title, reason, images, reader.channels, limits, _THROWN_SIDE)
            )
        except InputError as error:
            missing.append(f"There is no picture of {_place(row)}: {error.what}.")
    return found, missing


def _limits(good: pd.DataFrame, channels: tuple[str, ...]) -> dict[str, tuple[float, float]]:
    """The levels of each channel [grey levels] that usual fields run from and to."""
    limits = {}
    for channel in channels:
        names = [measure_name(measure, channel) for measure in ("Level05", "Level999")]
        if len(good) and set(names) <= set(good.columns):
            low, high = (float(good[name].median()) for name in names)
            if np.isfinite(low) and high > low:
                limits[channel] = (low, high)
    return limits


def _nuclei(run: Path, chosen: list[str]) -> tuple[dict[str, int], pd.DataFrame]:
    """All nuclei by fate, and the rows of those in the chosen fields."""
    path = run / paths.NUCLEI
    if not path.exists():
        raise InputError(f"there is no {path.name}", where=path, mend="run the stage segment again")
    fates: Counter[str] = Counter()
    rows = [empty_table(NUCLEI)[_PLACES]]
    for batch in read_batches(path, NUCLEI, _PLACES):
        fates.update(batch["Fate"])
        here = batch.loc[batch["Metadata_Field"].isin(chosen)]
        if len(here):
            rows.append(here)
    return _counted(fates), pd.concat(rows[1:] or rows, ignore_index=True)


def _counted(fates: Counter[str]) -> dict[str, int]:
    return {str(fate): fates[str(fate)] for fate in Fate if fates[str(fate)]}


def _light(run: Path) -> tuple[Light | None, str]:
    folder = run / paths.ILLUMINATION
    try:
        table = read_table(folder / TABLE, ILLUMINATION)
        told = table.loc[table["Light_Fallback"] == "", "Metadata_Plate"]
        plates = spread(in_order([str(plate) for plate in told]), LIGHTS)
        return Light(table, {plate: load_illumination(folder, plate) for plate in plates}), ""
    except InputError as error:
        return None, f"The light is not shown: {error.what}."


def _unmatched(run: Path) -> pd.DataFrame:
    path = run / paths.UNMATCHED
    return read_table(path, UNMATCHED) if path.exists() else empty_table(UNMATCHED)


def _place(row: pd.Series) -> str:
    return f"{row['Metadata_Plate']} {row['Metadata_Well']}, site {row['Metadata_Site']}"
