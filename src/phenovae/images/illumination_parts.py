"""The light of a plate from parts of it: statistics of each part, one function from all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from phenovae.base.errors import InputError
from phenovae.base.file_names import quoted
from phenovae.images.illumination import Illumination, enough, estimate_plate
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


@dataclass(frozen=True)
class PlateParts:
    """All parts of a plate, and those of the other plates of its batch."""

    own: Sequence[IlluminationPart]
    others: Sequence[IlluminationPart]


def parts_of_plates(
    parts: Sequence[IlluminationPart], batches: Mapping[str, str]
) -> dict[str, PlateParts]:
    """The parts of each plate, with those that it may lean on; `batches` has plates with a batch.

    Sites are left out: their statistics are gathered.
    """
    found: dict[str, PlateParts] = {}
    bare = [replace(part, sites=part.sites.iloc[:0]) for part in parts]
    for plate in dict.fromkeys(part.plate for part in parts):
        batch = batches.get(plate)
        found[plate] = PlateParts(
            [part for part in bare if part.plate == plate],
            [
                part
                for part in bare
                if part.plate != plate and batch is not None and batches.get(part.plate) == batch
            ],
        )
    return found


def light_of_plate(parts: PlateParts) -> dict[str, Illumination]:
    """The light of each channel of a plate, from the statistics of all of its parts.

    Where they are too few, those of its batch are taken in, as far as the images are of one size
    and depth. A channel without a readable image has none.
    """
    options = parts.own[0].options
    merged: dict[str, IlluminationStatistics] = {}
    batch: dict[str, IlluminationStatistics] = {}
    for channel in parts.own[0].channels:
        usual = _largest(list(_by_kind(parts.own, channel).values()))
        if usual is None:
            continue
        merged[channel] = usual
        if parts.others and not enough(usual, options):
            batch[channel] = _by_kind([*parts.own, *parts.others], channel)[usual.kind]
    return estimate_plate(merged, options, batch) if merged else {}


def _by_kind(
    parts: Sequence[IlluminationPart], channel: str
) -> dict[tuple[int, int, int] | None, IlluminationStatistics]:
    """Statistics of a channel over parts, by the size and depth of the images."""
    by_kind: dict[tuple[int, int, int] | None, IlluminationStatistics] = {}
    for part in parts:
        found = IlluminationStatistics.load(part.statistics(channel))
        if not found.fields:
            continue
        if found.kind in by_kind:
            by_kind[found.kind].merge(found)
        else:
            by_kind[found.kind] = found
    return by_kind


def _largest(found: Sequence[IlluminationStatistics]) -> IlluminationStatistics | None:
    """Those of the most fields: of images of several sizes, the usual one has a light."""
    return max(found, key=lambda each: each.fields, default=None)
