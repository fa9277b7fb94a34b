"""The light of every plate on disk: one archive a plate, and one table of figures for all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from phenovae.base.errors import InputError, nearest
from phenovae.base.file_names import quoted
from phenovae.base.files import writing
from phenovae.base.tables import Column, Schema, write_table
from phenovae.images.array_files import read_arrays
from phenovae.images.illumination import Illumination

TABLE = "illumination.parquet"

ILLUMINATION = Schema(
    name="illumination",
    version=2,
    columns=(
        Column("Metadata_Plate", "string", "plate, as the screen names it"),
        Column("Channel", "string", "channel"),
        Column("Light_Fields", "int64", "fields that were seen"),
        Column("Light_Degree", "int64", "degree of the polynomial; 0 where light counts as flat"),
        Column("Light_Dark", "float64", "level without light", "grey levels"),
        Column("Light_Lowest", "float64", "darkest place of the function, whose mean is 1"),
        Column("Light_Highest", "float64", "brightest place of the function"),
        Column(
            "Light_Error", "float64", "expected error, root mean square", "share", nullable=True
        ),
        Column("Light_FlatnessBefore", "float64", "flatness uncorrected", "share", nullable=True),
        Column("Light_FlatnessAfter", "float64", "flatness corrected", "share", nullable=True),
        Column("Light_FlatnessChance", "float64", "flatness by chance", "share", nullable=True),
        Column("Light_Fallback", "string", "why the light counts as flat; else empty"),
        Column("Light_Lent", "string", "why the light is that of the batch; else empty"),
    ),
)

_FORMAT = 1
_WHAT = "the light of a plate"


class _Card(BaseModel):
    """What an archive says of one function, beside its values."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    channel: str
    shape: tuple[int, int]
    side: int
    dark_level: float
    fields: int
    degree: int
    error: float | None
    flatness_before: float | None
    flatness_after: float | None
    flatness_chance: float | None
    fallback: str
    lent: str = ""


def illumination_path(folder: Path, plate: str) -> Path:
    """Where the light of a plate lies."""
    return folder / f"{quoted(plate)}.npz"


def save_illumination(folder: Path, plate: str, lights: Mapping[str, Illumination]) -> Path:
    """Write the light of all channels of a plate into `folder`; the same light, the same bytes.

    Raises PhenovaeError where the folder cannot be written.
    """
    path = illumination_path(folder, plate)
    cards = [_card(channel, light).model_dump(mode="json") for channel, light in lights.items()]
    text = json.dumps({"plate": plate, "channels": cards}, ensure_ascii=False, allow_nan=False)
    fields = {f"field_{number}": light.field for number, light in enumerate(lights.values())}
    with writing(path) as partial, partial.open("wb") as file:
        np.savez_compressed(
            file,
            format=np.int64(_FORMAT),
            card=np.frombuffer(text.encode(), dtype=np.uint8),
            allow_pickle=False,
            **fields,
        )
    return path


def load_illumination(folder: Path, plate: str) -> dict[str, Illumination]:
    """The light of all channels of a plate.

    Raises InputError where there is none for it, or the file is damaged or newer.
    """
    path = illumination_path(folder, plate)
    arrays = read_arrays(path, _WHAT, ("card",), _FORMAT)
    try:
        card = json.loads(bytes(arrays["card"].astype(np.uint8)).decode())
        cards = [_Card.model_validate(one) for one in card["channels"]]
        fields = [arrays[f"field_{number}"] for number in range(len(cards))]
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        raise InputError(
            f"the file of {_WHAT} makes no sense", where=path, mend="make it anew"
        ) from error
    return {
        one.channel: _light(one, np.asarray(field, dtype=np.float32))
        for one, field in zip(cards, fields, strict=True)
    }


def light_of(lights: Mapping[str, Illumination], channel: str, plate: str) -> Illumination:
    """The light of one channel. Raises InputError where the plate has none for it."""
    if channel not in lights:
        raise InputError(
            f"there is no light for channel {channel!r}", where=plate, mend=nearest(channel, lights)
        )
    return lights[channel]


def illumination_table(plates: Mapping[str, Mapping[str, Illumination]]) -> pd.DataFrame:
    """The figures of all functions, one row a plate and channel, as `ILLUMINATION` has them."""
    rows = [
        (
            plate,
            channel,
            light.fields,
            light.degree,
            light.dark_level,
            float(light.field.min()),
            float(light.field.max()),
            light.error,
            light.flatness_before,
            light.flatness_after,
            light.flatness_chance,
            light.fallback,
            light.lent,
        )
        for plate, lights in plates.items()
        for channel, light in lights.items()
    ]
    return pd.DataFrame(rows, columns=list(ILLUMINATION.names))


def write_illumination_table(
    folder: Path, plates: Mapping[str, Mapping[str, Illumination]]
) -> None:
    """Write the figures of all functions as `illumination.parquet`."""
    write_table(illumination_table(plates), folder / TABLE, ILLUMINATION)


def _card(channel: str, light: Illumination) -> _Card:
    return _Card(
        channel=channel,
        shape=light.shape,
        side=light.side,
        dark_level=light.dark_level,
        fields=light.fields,
        degree=light.degree,
        error=_known(light.error),
        flatness_before=_known(light.flatness_before),
        flatness_after=_known(light.flatness_after),
        flatness_chance=_known(light.flatness_chance),
        fallback=light.fallback,
        lent=light.lent,
    )


def _light(card: _Card, field: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Illumination:
    return Illumination(
        field=field,
        shape=card.shape,
        side=card.side,
        dark_level=card.dark_level,
        fields=card.fields,
        degree=card.degree,
        error=_or_nan(card.error),
        flatness_before=_or_nan(card.flatness_before),
        flatness_after=_or_nan(card.flatness_after),
        flatness_chance=_or_nan(card.flatness_chance),
        fallback=card.fallback,
        lent=card.lent,
    )


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value
