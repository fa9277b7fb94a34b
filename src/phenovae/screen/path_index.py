"""Finding the files that a table names among those that are there.

A table may know more folders than the disk has (`/data/screen/Week1/plate/a.tif` for
`plate/a.tif`), or fewer. The rules, in this order: the path as it is named; its longest end that
is a file; the one file whose path ends with all of it. The last needs a folder in the name, since
different plates have files of the same name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from phenovae.screen.scanning import Scan

AS_NAMED = "as named"
_STORE = ".zarr/"


class PathIndex:
    """The images of a folder by their paths, the ending of a name in any case."""

    def __init__(self, folder: Path, scan: Scan) -> None:
        self._folder = folder
        self._stores = frozenset(scan.stores)
        self._exact = frozenset(scan.files)
        self._paths = {_key(path): path for path in reversed(scan.files)}
        self._by_name: dict[str, list[str]] = defaultdict(list)
        for path in scan.files:
            self._by_name[_key(path).rpartition("/")[2]].append(path)

    def find(self, named: str) -> tuple[str, str] | None:
        """The path of the file that is named, relative to the folder, and the rule that found it.

        None where no file, or not just one, is meant.
        """
        path = named.replace("\\", "/")
        if path in self._exact:
            return path, AS_NAMED
        parts = [part for part in path.split("/") if part not in ("", ".")]
        for start in range(len(parts)):
            found = self._at("/".join(parts[start:]))
            if found is not None:
                left = len(parts) - start
                return found, AS_NAMED if start == 0 else _last(left)
        if len(parts) > 1:
            ending = "/" + _key("/".join(parts))
            able = [each for each in self.namesakes(path) if _key(each).endswith(ending)]
            if len(able) == 1:
                return able[0], "all of the path, below other folders"
        return None

    def namesakes(self, named: str) -> Sequence[str]:
        """All files of the same name, in whatever folder."""
        name = _key(named.replace("\\", "/")).rpartition("/")[2]
        return tuple(self._by_name.get(name, ()))

    def _at(self, path: str) -> str | None:
        if path in self._exact:
            return path
        store, mark, _ = path.partition(_STORE)
        if mark and f"{store}{mark[:-1]}" in self._stores:
            return path if (self._folder / path).is_dir() else None
        return self._paths.get(_key(path))


def _key(path: str) -> str:
    stem, dot, suffix = path.rpartition(".")
    return f"{stem}{dot}{suffix.lower()}"


def _last(parts: int) -> str:
    return "the file's name" if parts == 1 else f"the last {parts} parts of the path"
