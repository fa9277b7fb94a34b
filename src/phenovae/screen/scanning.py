"""Which image files a folder holds, found by one walk through it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from phenovae.base.errors import InputError

IMAGE_SUFFIXES = (".tif", ".tiff", ".png")


@dataclass(frozen=True)
class Scan:
    """Image files of a folder: paths relative to it, sorted, and how many files were ignored, why.

    `stores` are folders of OME-Zarr, which are not looked into.
    """

    files: tuple[str, ...]
    ignored: Mapping[str, int]
    stores: tuple[str, ...]


def scan_images(folder: Path) -> Scan:
    """Find the images below a folder. Raises InputError where it is no folder, or unreadable.

    Hidden files and folders, thumbnails and files of other kinds are ignored, and counted.
    """
    if not folder.is_dir():
        what = "the folder of images is a file" if folder.exists() else "there is no such folder"
        raise InputError(what, where=folder, mend="name the folder that the images are in")
    files: list[str] = []
    stores: list[str] = []
    ignored: Counter[str] = Counter()
    try:
        for path, is_store in _walk(folder):
            reason = None if is_store else _why_not(path)
            if reason is not None:
                ignored[reason] += 1
            else:
                (stores if is_store else files).append(path)
    except OSError as error:
        raise InputError(
            f"the folder of images cannot be read: {error.strerror}", where=error.filename or folder
        ) from error
    return Scan(tuple(sorted(files)), dict(ignored.most_common()), tuple(sorted(stores)))


def _walk(folder: Path) -> Iterator[tuple[str, bool]]:
    """Relative paths with forward slashes, and whether each is a store; links are followed once."""
    seen: set[tuple[int, int]] = set()
    waiting = [(os.fspath(folder), "")]
    while waiting:
        place, prefix = waiting.pop()
        about = Path(place).stat()
        if (about.st_dev, about.st_ino) in seen:
            continue
        seen.add((about.st_dev, about.st_ino))
        with os.scandir(place) as entries:
            for entry in entries:
                path = f"{prefix}{entry.name}"
                if not entry.is_dir():
                    yield path, False
                elif entry.name.lower().endswith(".zarr"):
                    yield path, True
                elif not entry.name.startswith((".", "__MACOSX")):
                    waiting.append((entry.path, f"{path}/"))


def _why_not(path: str) -> str | None:
    """Why a file is no image of a field, or None."""
    name = path.rpartition("/")[2].lower()
    if name.startswith("."):
        return "hidden"
    if not name.endswith(IMAGE_SUFFIXES):
        return f"not {', '.join(IMAGE_SUFFIXES)}"
    if "thumb" in path.lower():
        return "thumbnail"
    try:
        path.encode()
    except UnicodeEncodeError:
        return "name is not UTF-8"
    return None
