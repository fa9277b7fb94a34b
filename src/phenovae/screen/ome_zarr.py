"""The sites of a screen from OME-Zarr plates (NGFF 0.4 in Zarr 2, NGFF 0.5 in Zarr 3).

What the plates say of themselves is JSON, read here as it is; their pixels need the extra `zarr`.
Channels are planes of a field. Of several depths the maximum is taken when pixels are read;
several times are refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from phenovae.base.errors import Fault, FaultsError, InputError, UsageError, nearest
from phenovae.screen.assembling import Found, ImagePlace, assemble, missing_channels
from phenovae.screen.channels import ChannelSource
from phenovae.screen.scanning import scan_images
from phenovae.screen.unmatched import Kind, Unmatched
from phenovae.screen.wells import canonical_well

_FILES = ("zarr.json", ".zattrs")


def sites_by_ome_zarr(
    images: Path,
    platemap: pd.DataFrame | None,
    channels: Mapping[str, ChannelSource] | None = None,
    *,
    acquisition: int | None = None,
    batch_pattern: str | None = None,
) -> Found:
    """The sites table of the plates `*.zarr` below a folder.

    A plate's name is that of its folder, without `.zarr`. Fields of a well are sites 1, 2, … in
    the order of its metadata. `channels` gives each name a label of the images' metadata (`tag`)
    or a place on the axis of channels (`plane`); without it, labels are names. Where a plate was
    imaged several times, `acquisition` says which to take. `platemap` and `batch_pattern` are as
    in `assembling.assemble`. Raises FaultsError with all that is wrong with the plates at once.
    """
    scan = scan_images(images)
    if not scan.stores:
        mend = "name the folder that the plates *.zarr are in"
        raise InputError("there is no OME-Zarr in the folder", where=images, mend=mend)
    faults: list[Fault] = []
    fields: list[_Field] = []
    left_out: list[Unmatched] = []
    for store in scan.stores:
        try:
            for field in _fields_of_plate(images, store, acquisition):
                labels = _labels(images / field.path)
                fields.append(replace(field, labels=labels))
                if labels is None:
                    reason = "the field has no metadata of an image"
                    left_out.append(
                        Unmatched(
                            Kind.SITE, reason, field.plate, field.well, field.site, field.path
                        )
                    )
        except InputError as error:
            faults.append(
                Fault(error.what, str(error.where or images / store), mend=error.mend or "")
            )
    if faults:
        raise FaultsError("OME-Zarr plates cannot be used", faults)
    sources = _chosen(channels, fields, images)
    places = [
        ImagePlace(field.plate, field.well, field.site, name, field.path, plane)
        for field in fields
        for name, source in sources.items()
        if (plane := _plane(source, field.labels)) is not None
    ]
    if not places:
        raise InputError("no field of the plates has images", where=images)
    sites, lost = assemble(places, list(sources), platemap, images, batch_pattern)
    left_out += [*lost, *missing_channels(sites, list(sources))]
    notes = () if platemap is not None else ("no plate map says what is in the wells",)
    return Found(sites, tuple(left_out), len(fields), scan.ignored, notes)


@dataclass(frozen=True)
class _Field:
    """One field: folder relative to that of images; labels of its channels, None without image."""

    plate: str
    well: str
    site: int
    path: str
    labels: tuple[str, ...] | None = None


def _fields_of_plate(images: Path, store: str, acquisition: int | None) -> list[_Field]:
    name = store.rpartition("/")[2][: -len(".zarr")]
    plate = _attributes(images / store).get("plate")
    if not isinstance(plate, Mapping):
        raise InputError("this is no plate of OME-Zarr: its attributes have no plate")
    acquisitions = _listed(plate, "acquisitions", needed=False)
    if len(acquisitions) > 1 and acquisition is None:
        ids = ", ".join(str(each.get("id")) for each in acquisitions)
        raise InputError("the plate was imaged several times", mend=f"say which acquisition: {ids}")
    fields: list[_Field] = []
    for each in _listed(plate, "wells"):
        folder = f"{store}/{str(each.get('path', '')).strip('/')}"
        well = canonical_well("".join(str(each.get("path", "")).strip("/").split("/")[-2:]))
        inner = _attributes(images / folder).get("well")
        if not isinstance(inner, Mapping):
            raise InputError(
                f"the well {well} has no metadata of its fields", where=images / folder
            )
        site = 0
        for field in _listed(inner, "images"):
            if acquisition is not None and field.get("acquisition", acquisition) != acquisition:
                continue
            site += 1
            path = f"{folder}/{str(field.get('path', '')).strip('/')}"
            fields.append(_Field(name, well, site, path))
    return fields


def _labels(folder: Path) -> tuple[str, ...] | None:
    """Labels of a field's channels, empty without any; None where it is no image."""
    try:
        attributes = _attributes(folder)
    except InputError:
        return None
    if not _listed(attributes, "multiscales", needed=False):
        return None
    omero = attributes.get("omero")
    if not isinstance(omero, Mapping):
        return ()
    return tuple(str(each.get("label", "")) for each in _listed(omero, "channels", needed=False))


def _chosen(
    channels: Mapping[str, ChannelSource] | None, fields: Sequence[_Field], images: Path
) -> dict[str, ChannelSource]:
    """Channels as asked for, else by the labels that the plates have."""
    known = list(dict.fromkeys(label for field in fields for label in field.labels or ()))
    if channels is not None:
        for name, source in channels.items():
            if source.plane is None and source.tag not in known:
                raise UsageError(
                    f"no field has a channel with the label {source.tag!r}, for {name}",
                    where=images,
                    mend=nearest(str(source.tag), known) if known else "say its plane, from 0",
                )
        return dict(channels)
    if not known:
        raise UsageError(
            "the plates have no labels of channels",
            where=images,
            mend="name each channel, with its plane, from 0",
        )
    for labels in {field.labels for field in fields if field.labels}:
        unclear = sorted({label for label in labels if not label or labels.count(label) > 1})
        if unclear:
            raise UsageError(
                f"several channels have the label {unclear[0]!r}",
                where=images,
                mend="name each channel, with its plane, from 0",
            )
    return {label: ChannelSource(tag=label) for label in known}


def _plane(source: ChannelSource, labels: tuple[str, ...] | None) -> int | None:
    """The place of a channel in a field; None where the field does not have it."""
    if labels is None:
        return None
    if source.plane is not None:
        return source.plane
    return labels.index(source.tag) if source.tag in labels else None


def _attributes(folder: Path) -> Mapping[str, object]:
    """The OME attributes of a group. Raises InputError where there are none."""
    for name in _FILES:
        try:
            told = json.loads((folder / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise InputError(f"{name} cannot be read: {error}", where=folder / name) from error
        if name == "zarr.json" and isinstance(told, dict):
            told = told.get("attributes")
        inner = told.get("ome", told) if isinstance(told, dict) else None
        if isinstance(inner, dict):
            return inner
    raise InputError("this is no group of OME-Zarr: it has no attributes", where=folder)


def _listed(
    attributes: Mapping[str, object], name: str, *, needed: bool = True
) -> list[Mapping[str, object]]:
    found = attributes.get(name)
    if isinstance(found, list):
        return [each for each in found if isinstance(each, dict)]
    if needed:
        raise InputError(f"the metadata of the plate have no {name}")
    return []
