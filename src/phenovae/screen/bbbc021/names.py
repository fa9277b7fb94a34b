"""File names of BBBC021: fields and channels.

Prefixes vary (`Week1_150607_`, `Week7_7__`, none at all in Week4) and do not name the plate, so a
name is read from its end: `<prefix><well>_s<site>_w<channel><unique id>.tif`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from phenovae.base.errors import InputError

_FIELD = re.compile(
    r"(?P<prefix>.*?)(?P<well>[A-P]\d\d)_s(?P<site>\d+)_w(?P<tag>\d)(?P<id>[^_./]+)",
    re.ASCII,
)
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


@dataclass(frozen=True)
class FieldName:
    """What the name of one image file says."""

    well: str
    site: int
    tag: int
    unique_id: str


def parse_field(stem: str) -> FieldName:
    """Read the name of an image file, without its ending. Raises InputError where it is none."""
    match = _FIELD.fullmatch(stem)
    if match is None:
        raise InputError(
            f"{stem!r} is no name of a BBBC021 image",
            mend="expected <prefix><well>_s<site>_w<channel><id>, as in B02_s1_w16F89…",
        )
    return FieldName(match["well"], int(match["site"]), int(match["tag"]), match["id"])


def unique_id(stem: str) -> str:
    """The id that names a field in the whole screen: the UUID of its DAPI file, else the stem."""
    found = _UUID.findall(stem)
    return found[-1].upper() if found else stem
