"""Planes of one field of an OME-Zarr plate (NGFF 0.4 in Zarr 2, NGFF 0.5 in Zarr 3).

Channels are planes. Of several depths the maximum is taken; several times are refused. A chunk
that is not there reads as zeros, as Zarr has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import numpy as np

from phenovae.base.errors import InputError, MissingExtraError
from phenovae.images.headers import (
    DAMAGED,
    Image,
    ImageHeader,
    as_image,
    check_claim,
    check_dtype,
    chosen_plane,
)

MARKERS = ("zarr.json", ".zgroup")
_AXES_OF_OLD_FILES = ("t", "c", "z", "y", "x")


def is_zarr(path: Path) -> bool:
    """Whether a folder is a group of a Zarr store."""
    return any((path / name).is_file() for name in MARKERS)


def probe_zarr(path: Path) -> ImageHeader:
    """The header of a field at full resolution. Raises InputError; MissingExtraError, no zarr."""
    return _opened(path).header


def read_zarr(path: Path, planes: Sequence[int | None]) -> list[Image]:
    """The planes asked for, (height, width) each, at full resolution. Raises InputError."""
    field = _opened(path)
    chosen = [chosen_plane(field.header, plane, path) for plane in planes]
    try:
        return [field.plane(plane) for plane in chosen]
    except DAMAGED as error:
        raise InputError(
            f"the image cannot be read: {error}", where=path, mend="fetch the field anew"
        ) from error


class _Array(Protocol):
    """What is used of zarr's arrays, which are there with the extra alone."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def chunks(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> object: ...
    def __getitem__(self, at: tuple[int | slice, ...]) -> object: ...


@dataclass(frozen=True)
class _Field:
    array: _Array
    axes: tuple[str, ...]
    header: ImageHeader

    def plane(self, plane: int) -> Image:
        at = tuple(
            slice(None) if name in "zyx" else plane if name == "c" else 0 for name in self.axes
        )
        pixels = np.asarray(self.array[at])
        left = [name for name in self.axes if name in "zyx"]
        if "z" in left:
            pixels = pixels.max(axis=left.index("z"))
            left.remove("z")
        if left == ["x", "y"]:
            pixels = pixels.T
        return as_image(pixels)


def _opened(path: Path) -> _Field:
    try:
        import zarr
    except ImportError as error:
        raise MissingExtraError("zarr", "zarr", "reading OME-Zarr") from error
    try:
        group = zarr.open_group(str(path), mode="r")
        attributes = dict(group.attrs)
        inner = attributes.get("ome")
        image = _first(inner if isinstance(inner, Mapping) else attributes, "multiscales", path)
        array = group[str(_first(image, "datasets", path)["path"])]
    except InputError:
        raise
    except DAMAGED as error:
        raise InputError(f"the image cannot be read: {error}", where=path) from error
    if not isinstance(array, zarr.Array):
        raise InputError("the image cannot be read: its pixels are no array", where=path)
    return _checked(cast("_Array", array), _axes(image, array.ndim), path)


def _first(attributes: Mapping[str, object], name: str, path: Path) -> Mapping[str, object]:
    listed = attributes.get(name)
    if isinstance(listed, list) and listed and isinstance(listed[0], dict):
        return listed[0]
    raise InputError(
        f"the folder is no field of an OME-Zarr: its attributes have no {name}", where=path
    )


def _axes(image: Mapping[str, object], dimensions: int) -> tuple[str, ...]:
    listed = image.get("axes")
    if not isinstance(listed, list):
        return _AXES_OF_OLD_FILES[-dimensions:]
    names = [axis.get("name") if isinstance(axis, dict) else axis for axis in listed]
    return tuple(str(name).lower() for name in names)


def _checked(array: _Array, axes: tuple[str, ...], path: Path) -> _Field:
    shape = tuple(int(side) for side in array.shape)
    if len(axes) != len(shape) or not {"y", "x"} <= set(axes) or set(axes) - set("tczyx"):
        raise InputError(
            f"the image has the axes {', '.join(axes)} and the shape {shape}",
            where=path,
            mend="expected some of t, c, z, and y, x",
        )
    size = dict(zip(axes, shape, strict=True))
    if size.get("t", 1) > 1:
        raise InputError(
            f"the image has {size['t']} times", where=path, mend="write each time as a plate"
        )
    dtype = np.dtype(str(array.dtype))
    check_claim("an image", (size.get("z", 1), size["y"], size["x"]), dtype.itemsize, path)
    check_claim("a chunk", tuple(int(side) for side in array.chunks), dtype.itemsize, path)
    check_dtype(dtype, path)
    return _Field(array, axes, ImageHeader(size["y"], size["x"], dtype.name, size.get("c", 1)))
