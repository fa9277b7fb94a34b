"""The origin's HDF5 of crops (`images`, `image_names`), unpacked to single-cell files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from phenovae.base.errors import InputError, MissingExtraError
from phenovae.base.files import publishing
from phenovae.base.progress import SILENT, Progress

_BLOCK = 256


def unpack_hdf5(path: Path, folder: Path, progress: Progress = SILENT) -> int:
    """Write the crops of an HDF5 file to `folder`, one .npy file each; return how many.

    `images` is (n, height, width, channel), uint8 or uint16; `image_names` has the n file names.
    Crops that were scaled to floats before are refused: their intensities are gone. Raises
    InputError where the file is damaged, MissingExtraError without h5py.
    """
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError("h5py", "hdf5", "importing HDF5") from error
    try:
        with h5py.File(path, "r") as file, publishing(folder) as partial:
            images, names = file["images"], file["image_names"]
            shapes = [getattr(each, "shape", None) for each in (images, names)]  # a group has none
            if [len(shape or ()) for shape in shapes] != [4, 1] or len(images) != len(names):
                raise InputError(
                    f"`images` has shape {shapes[0]} and `image_names` {shapes[1]}",
                    where=path,
                    mend="expected n × height × width × channel, and n names",
                )
            if images.dtype not in (np.uint8, np.uint16):
                raise InputError(
                    f"`images` holds {images.dtype}, not raw uint8 or uint16",
                    where=path,
                    mend="import the raw crops: scaled ones have lost their intensities",
                )
            files = [_file_name(name, path) for name in names[:]]
            twice = next((name for name, count in Counter(files).items() if count > 1), None)
            if twice is not None:
                raise InputError(f"{twice!r} is in `image_names` twice", where=path)
            with progress.bar("unpacking HDF5", len(images)) as bar:
                for start in range(0, len(images), _BLOCK):
                    block = images[start : start + _BLOCK]
                    for crop, name in zip(block, files[start : start + _BLOCK], strict=True):
                        np.save(partial / name, crop)
                    bar.advance(len(block))
            return len(images)
    except KeyError as error:
        raise InputError(
            f"the file lacks {error}", where=path, mend="images, image_names"
        ) from error
    except OSError as error:
        raise InputError(f"the HDF5 file cannot be read: {error}", where=path) from error


def _file_name(name: bytes | str, path: Path) -> str:
    text = name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
    if Path(text).name != text or not text:
        raise InputError(f"{text!r} in `image_names` is no file name", where=path)
    return text if text.endswith(".npy") else f"{text}.npy"
