"""Tensors and a JSON note in one safetensors file: whole or not at all, its damage noticed."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from phenovae.base.errors import InputError
from phenovae.base.files import writing

_NOTE = "phenovae"
_CHECK_DIGITS = 8
_LENGTH_BYTES = 8


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], note: object, keep: Path | None = None
) -> None:
    """Write tensors and a note, on the disk before the name is given to them.

    An older file of the name is first renamed to `keep`. Equal contents give equal bytes. Raises
    PhenovaeError where the disk is full or the folder cannot be written; the older file is then
    still there.
    """
    plain = {name: tensors[name].detach().cpu().contiguous() for name in sorted(tensors)}
    text = json.dumps(note, ensure_ascii=False, allow_nan=False)
    check = _checksum(plain, text)
    # One key only: safetensors writes several in an order that differs between processes.
    data = save(plain, metadata={_NOTE: f"{check:08x}{text}"})
    with writing(path) as partial:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if keep is not None and path.exists():
            path.replace(keep)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], object]:
    """Tensors and note of a file. Raises InputError where it is missing, cut short or damaged."""
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"there is no {path.name}", where=path) from error
    except OSError as error:
        raise InputError(f"{path.name} cannot be read: {error.strerror}", where=path) from error
    try:
        tensors = load(data)
        length = int.from_bytes(data[:_LENGTH_BYTES], "little")
        header = json.loads(data[_LENGTH_BYTES : _LENGTH_BYTES + length])
        said = header["__metadata__"][_NOTE]
        check, text = int(said[:_CHECK_DIGITS], 16), said[_CHECK_DIGITS:]
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path.name} is no whole file of phenovae: {error}",
            where=path,
            mend="restore the file or make it anew",
        ) from error
    if _checksum(tensors, text) != check:
        raise InputError(
            f"{path.name} is damaged: its contents do not match their checksum",
            where=path,
            mend="restore the file or make it anew",
        )
    note: object = json.loads(text)
    return tensors, note


def _checksum(tensors: Mapping[str, Tensor], text: str) -> int:
    check = zlib.crc32(text.encode())
    for name in sorted(tensors):
        value = tensors[name]
        check = zlib.crc32(f"{name} {value.dtype} {tuple(value.shape)}".encode(), check)
        check = zlib.crc32(value.numpy().tobytes(), check)
    return check
