"""Archives of arrays (.npz) that may be missing, damaged or of a newer version."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from phenovae.base.errors import InputError

_DAMAGED = (OSError, ValueError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error)


def read_arrays(
    path: Path, what: str, names: Iterable[str], version: int
) -> dict[str, npt.NDArray[np.generic]]:
    """All arrays of an archive; `what` names it to the user.

    Its array `format` must be `version` or less, and those of `names` must be there. Raises
    InputError otherwise.
    """
    try:
        # numpy leaves a file that it opened itself, and cannot read, open
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            arrays = {
                name.removesuffix(".npy"): _read(archive, name) for name in archive.namelist()
            }
    except FileNotFoundError as error:
        raise InputError(f"there is no file of {what}", where=path) from error
    except _DAMAGED as error:
        raise InputError(
            f"the file of {what} cannot be read: {error}", where=path, mend="make it anew"
        ) from error
    missing = [name for name in ("format", *names) if name not in arrays]
    if missing:
        raise InputError(
            f"the file of {what} lacks {', '.join(missing)}", where=path, mend="make it anew"
        )
    found = int(arrays["format"])
    if found > version:
        raise InputError(
            f"the file of {what} has format {found}, and this version reads up to {version}",
            where=path,
            mend="update phenovae, or make the file anew",
        )
    return arrays


def _read(archive: zipfile.ZipFile, name: str) -> npt.NDArray[np.generic]:
    with archive.open(name) as member:
        return np.asarray(np.lib.format.read_array(member, allow_pickle=False))
