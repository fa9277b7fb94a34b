"""The light of a plate from parts of it: statistics of each part, one function from all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from phenovae.base.errors import InputError
from phenovae.base.file_names import quoted
from phenovae.images.illumination import Illumination, estimate_plate
from phenovae.images.illumination_statistics import IlluminationStatistics
from phenovae.images.options import IlluminationOptions
from phenovae.images.reading import read_plane
from phenovae.screen.sites import files_of


@dataclass(frozen=True)
class IlluminationPart:
    """Some sites of one plate; `key` names its files, `out` is the folder they go to."""

    key: str
    plate: str
    sites: pd.DataFrame
    images: Path
    channels: tuple[str, ...]
    options: IlluminationOptions
    out: Path

    def statistics(self, channel: str) -> Path:
        """Where the part's statistics of a channel are."""
        return self.out / "parts" / f"{quoted(self.key)} {quoted(channel)}.npz"


def gather_statistics(part: IlluminationPart) -> str:
    """Take in every readable image of a part, channel by channel; return its key.

    An image that cannot be read, or is unlike the others of its plate, is left out here: the work
    on its field says so. Done parts are left alone.
    """
    for place, channel in enumerate(part.channels):
        path = part.statistics(channel)
        if path.exists():
            continue
        by_kind: dict[tuple[object, ...], IlluminationStatistics] = {}
        for name, files in zip(
            part.sites["Metadata_Field"], files_of(part.sites, part.channels), strict=True
        ):
            file, plane = files[place]
            if file is None:
                continue
            try:
                image = read_plane(part.images / file, plane)
            except InputError:
                continue
            kind = (*image.shape, image.dtype.itemsize)
            by_kind.setdefault(kind, part.options.statistics()).add(image, str(name))
        usual = _largest(list(by_kind.values())) or part.options.statistics()
        usual.save(path)
    return part.key


def light_of_plate(parts: Sequence[IlluminationPart]) -> dict[str, Illumination]:
    """The light of each channel of a plate, from the statistics of all of its parts.

    A channel without a readable image has none.
    """
    merged: dict[str, IlluminationStatistics] = {}
    for channel in parts[0].channels:
        by_kind: dict[object, IlluminationStatistics] = {}
        for part in parts:
            found = IlluminationStatistics.load(part.statistics(channel))
            if not found.fields:
                continue
            shape = found.reduced().shape
            if shape in by_kind:
                by_kind[shape].merge(found)
            else:
                by_kind[shape] = found
        usual = _largest(list(by_kind.values()))
        if usual is not None:
            merged[channel] = usual
    return estimate_plate(merged, parts[0].options) if merged else {}


def _largest(found: Sequence[IlluminationStatistics]) -> IlluminationStatistics | None:
    """Those of the most fields: of images of several sizes, the usual one has a light."""
    return max(found, key=lambda each: each.fields, default=None)
