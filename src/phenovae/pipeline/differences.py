"""Whether two files or folders hold the same: byte for byte, within 1e-5, or not, and where not.

What a clock writes is left out: the column of seconds in a training's history, the times in a
report, and the checkpoints of a training, which are its working state.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from phenovae.base.errors import InputError
from phenovae.base.files import read_json, sha256_of_file
from phenovae.vae.file_names import CHECKPOINTS

TOLERANCE = 1e-5
"""Largest difference of numbers that are called equal: absolute, or of the larger one's size."""

_SECONDS = "seconds"
_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d")
_TITLE = ("<title>", "<h1>")
_ROWS = 1 << 16


class Likeness(StrEnum):
    """How alike two outputs are; the least alike last."""

    IDENTICAL = "byte-identical"
    SAME = "the same but for clock times"
    CLOSE = "equal within 1e-5"
    DIFFERENT = "different"
    MISSING = "missing"


@dataclass(frozen=True)
class Difference:
    """How alike one file is, the places that differ in words, and the largest difference."""

    name: str
    likeness: Likeness
    places: tuple[str, ...] = ()
    largest: float = 0.0


@dataclass(frozen=True)
class _Apart:
    """One place that differs: by how much, or in words only (`by` infinite)."""

    place: str
    by: float


_Reader = Callable[[Path, Path], Iterator[_Apart]]


def compare_output(before: Path, after: Path, name: str) -> list[Difference]:
    """Compare an output of two runs: a file, or all files of a folder but checkpoints."""
    if not (before / name).is_dir():
        return [_compare(before / name, after / name, name)]
    files = sorted(
        {
            path.relative_to(run).as_posix()
            for run in (before, after)
            for path in (run / name).rglob("*")
            if path.is_file() and CHECKPOINTS not in path.relative_to(run / name).parts
        }
    )
    return [_compare(before / file, after / file, file) for file in files]


def _compare(before: Path, after: Path, name: str) -> Difference:
    if not before.exists() or not after.exists():
        gone = "before" if not before.exists() else "now"
        return Difference(name, Likeness.MISSING, (f"not there {gone}",))
    if before.is_file() and after.is_file() and sha256_of_file(before) == sha256_of_file(after):
        return Difference(name, Likeness.IDENTICAL)
    reader = _READERS.get(before.suffix)
    if reader is None:
        return Difference(name, Likeness.DIFFERENT, ("other bytes",), math.inf)
    try:
        apart = list(reader(before, after))
    except (OSError, ValueError, KeyError, pa.ArrowInvalid, InputError) as error:
        return Difference(name, Likeness.DIFFERENT, (f"cannot be read: {error}",), math.inf)
    largest = max((each.by for each in apart), default=0.0)
    if largest > TOLERANCE:
        # Numbers that differ say more than keys that came or went with a version.
        unlike = sorted(apart, key=lambda each: math.isinf(each.by))
        places = tuple(each.place for each in unlike if each.by > TOLERANCE)
        return Difference(name, Likeness.DIFFERENT, places, largest)
    return Difference(name, Likeness.CLOSE if apart else Likeness.SAME, (), largest)


def _of_arrays(
    place: str, before: npt.NDArray[np.generic], after: npt.NDArray[np.generic]
) -> Iterator[_Apart]:
    if before.shape != after.shape or before.dtype != after.dtype:
        yield _Apart(
            f"{place}: {after.dtype} {after.shape}, was {before.dtype} {before.shape}", math.inf
        )
        return
    if before.dtype.kind not in "fiub":
        unlike = int((before != after).sum())
        if unlike:
            yield _Apart(f"{place}: {unlike:,} of {before.size:,} values", math.inf)
        return
    rows = before.reshape(len(before), -1) if before.ndim else before.reshape(1, 1)
    others = after.reshape(rows.shape)
    most, unlike = 0.0, 0
    for start in range(0, len(rows), _ROWS):
        by = _distance(rows[start : start + _ROWS], others[start : start + _ROWS])
        most, unlike = max(most, float(by.max(initial=0.0))), unlike + int((by > TOLERANCE).sum())
    if most > 0:
        yield _Apart(f"{place}: {unlike:,} of {before.size:,} values, by {most:.2g} at most", most)


def _distance(
    before: npt.NDArray[np.generic], after: npt.NDArray[np.generic]
) -> npt.NDArray[np.float64]:
    """How far apart numbers are, in the larger's size where that is above 1; NaN is like NaN."""
    one, other = before.astype(np.float64), after.astype(np.float64)
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    with np.errstate(invalid="ignore", over="ignore"):
        by = np.abs(one - other) / np.maximum(1.0, np.maximum(np.abs(one), np.abs(other)))
    apart: npt.NDArray[np.float64] = np.where(same, 0.0, np.where(np.isfinite(by), by, np.inf))
    return apart


def _parquet(before: Path, after: Path) -> Iterator[_Apart]:
    with pq.ParquetFile(before) as one, pq.ParquetFile(after) as other:
        names, others = one.schema_arrow.names, other.schema_arrow.names
        for name in sorted(set(names) ^ set(others)):
            yield _Apart(
                f"column {name}: not there {'now' if name in names else 'before'}", math.inf
            )
        if one.metadata.num_rows != other.metadata.num_rows:
            yield _Apart(
                f"{other.metadata.num_rows:,} rows, were {one.metadata.num_rows:,}", math.inf
            )
            return
        # One column at a time, so that a wide table of many cells is never in memory whole.
        for name in names:
            if name in others:
                columns = [file.read(columns=[name]).column(0).to_pandas() for file in (one, other)]
                arrays = [
                    column.to_numpy()
                    if column.dtype.kind in "fiub"
                    else column.astype(object).where(column.notna(), None).to_numpy(dtype=object)
                    for column in columns
                ]
                yield from _of_arrays(f"column {name}", *arrays)


def _json(before: Path, after: Path) -> Iterator[_Apart]:
    yield from _of_values("", read_json(before), read_json(after))


def _of_values(place: str, before: object, after: object) -> Iterator[_Apart]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in [*before, *(key for key in after if key not in before)]:
            inner = f"{place}.{key}" if place else str(key)
            if key in before and key in after:
                yield from _of_values(inner, before[key], after[key])
            else:
                yield _Apart(f"{inner}: not there {'now' if key in before else 'before'}", math.inf)
    elif isinstance(before, list) and isinstance(after, list):
        if len(before) != len(after):
            yield _Apart(f"{place}: {len(after)} entries, were {len(before)}", math.inf)
            return
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _of_values(_record_name(place, number, one), one, other)
    elif _is_number(before) and _is_number(after):
        by = float(_distance(np.array([before]), np.array([after]))[0])
        if by:
            yield _Apart(f"{place}: {after}, was {before}", by)
    elif before != after:
        yield _Apart(f"{place}: {after}, was {before}", math.inf)


def _record_name(place: str, number: int, entry: object) -> str:
    """A score by what it is of, anything else by its number."""
    if isinstance(entry, Mapping) and {"metric", "features", "protocol"} <= set(entry):
        return f"{entry['metric']} {entry['features']} {entry['protocol']}"
    return f"{place}[{number}]"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _csv(before: Path, after: Path) -> Iterator[_Apart]:
    with (
        before.open(encoding="utf-8", newline="") as one,
        after.open(encoding="utf-8", newline="") as other,
    ):
        pairs = zip_longest(csv.DictReader(one), csv.DictReader(other))
        for line, (first, second) in enumerate(pairs, 2):
            if first is None or second is None:
                yield _Apart(
                    f"line {line}: not there {'before' if first is None else 'now'}", math.inf
                )
                return
            for key in dict.fromkeys([*first, *second]):
                if key != _SECONDS:
                    yield from _of_values(
                        f"line {line}, column {key}",
                        _plain(first.get(key)),
                        _plain(second.get(key)),
                    )


def _plain(text: str | None) -> str | float | None:
    try:
        return text if text is None else float(text)
    except ValueError:
        return text


def _npz(before: Path, after: Path) -> Iterator[_Apart]:
    with np.load(before, allow_pickle=False) as one, np.load(after, allow_pickle=False) as other:
        yield from _of_named(dict(one), dict(other))


def _npy(before: Path, after: Path) -> Iterator[_Apart]:
    one, other = (np.load(path, mmap_mode="r", allow_pickle=False) for path in (before, after))
    yield from _of_arrays("values", one, other)


def _safetensors(before: Path, after: Path) -> Iterator[_Apart]:
    from safetensors.numpy import load_file

    yield from _of_named(load_file(before), load_file(after))


def _of_named(
    before: Mapping[str, npt.NDArray[np.generic]], after: Mapping[str, npt.NDArray[np.generic]]
) -> Iterator[_Apart]:
    for name in sorted({*before, *after}):
        if name in before and name in after:
            yield from _of_arrays(name, before[name], after[name])
        else:
            yield _Apart(f"{name}: not there {'now' if name in before else 'before'}", math.inf)


def _html(before: Path, after: Path) -> Iterator[_Apart]:
    one, other = (
        [
            line
            for line in path.read_text(encoding="utf-8").splitlines()
            if not _TIME.search(line) and not line.startswith(_TITLE)
        ]
        for path in (before, after)
    )
    unlike = sum(first != second for first, second in zip_longest(one, other))
    if unlike:
        yield _Apart(f"{unlike:,} of {max(len(one), len(other)):,} lines", math.inf)


_READERS: Mapping[str, _Reader] = {
    ".parquet": _parquet, ".json": _json, ".csv": _csv, ".npz": _npz, ".npy": _npy,
    ".safetensors": _safetensors, ".html": _html,
}  # fmt: skip
