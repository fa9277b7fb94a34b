"""Label images as files: uint16 or uint32 TIFF, 0 for the ground, numbers for objects."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt
import tifffile

from phenovae.base.errors import InputError
from phenovae.base.files import writing
from phenovae.images.headers import DAMAGED

_LARGEST = np.iinfo(np.uint16).max
_MOST_LABELS = 1_000_000
_SUFFIXES = (".tif", ".tiff", ".png", ".npy")


def write_labels(labels: npt.NDArray[np.integer], path: Path) -> None:
    """Write a label image (height, width) as compressed TIFF, uint16 where the numbers fit."""
    dtype = np.uint16 if labels.max(initial=0) <= _LARGEST else np.uint32
    with writing(path) as partial:
        tifffile.imwrite(
            partial, labels.astype(dtype), compression="zlib", compressionargs={"level": 1}
        )


def read_own_labels(path: Path) -> npt.NDArray[np.int32]:
    """Read a label image that `write_labels` wrote. Raises InputError where it is damaged."""
    return _checked(_read(path), path)


def read_labels(
    folder: Path, image: str, field: str, shape: tuple[int, ...]
) -> npt.NDArray[np.int32]:
    """The label image of a field that was made elsewhere, (height, width), numbers as they are.

    It is looked for by the path, the name or the stem of the field's nucleus image, and by the
    field's name. Raises InputError where there is none or it is no label image of this shape.
    """
    path = _find(folder, image, field)
    labels = _checked(_read(path), path)
    if labels.shape != tuple(shape):
        raise InputError(
            f"the label image is {labels.shape[0]} × {labels.shape[1]} px, "
            f"the field {shape[0]} × {shape[1]}",
            where=path,
        )
    return labels


def _find(folder: Path, image: str, field: str) -> Path:
    told = PurePosixPath(image)
    for base in (told.with_suffix(""), PurePosixPath(told.stem), PurePosixPath(field)):
        for suffix in _SUFFIXES:
            path = folder / f"{base}{suffix}"
            if path.is_file():
                return path
    raise InputError(
        f"there is no label image of {field}",
        where=folder,
        mend=f"name it {told.stem}.tif, or {field}.tif",
    )


def _read(path: Path) -> npt.NDArray[np.generic]:
    try:
        if path.suffix == ".npy":
            loaded: npt.NDArray[np.generic] = np.load(path, allow_pickle=False)
            return loaded
        if path.suffix == ".png":
            from skimage.io import imread

            return np.asarray(imread(path))
        return np.asarray(tifffile.imread(path))
    except FileNotFoundError as error:
        raise InputError("there is no such label image", where=path) from error
    except DAMAGED as error:
        raise InputError(f"the label image cannot be read: {error}", where=path) from error


def _checked(found: npt.NDArray[np.generic], path: Path) -> npt.NDArray[np.int32]:
    if found.ndim != 2 or not np.issubdtype(found.dtype, np.integer):
        raise InputError(
            f"a label image is one plane of whole numbers, not {found.dtype} "
            f"{' × '.join(str(side) for side in found.shape)}",
            where=path,
        )
    if found.size and (found.min() < 0 or found.max() > _MOST_LABELS):
        raise InputError(
            f"labels run from {found.min()} to {found.max()}",
            where=path,
            mend=f"number objects from 1 to at most {_MOST_LABELS}",
        )
    return found.astype(np.int32)
