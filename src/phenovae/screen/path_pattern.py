"""What the path of an image says: a regular expression with named groups, or a template.

A regular expression must fit the whole path below the folder of images, with forward slashes. A
template is a path with names in braces, `{plate}/{well}_s{site}_w{channel}.tif`; `*` stands for
any text within a name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from phenovae.base.errors import InputError, UsageError, nearest
from phenovae.screen.wells import canonical_well, well_name

GROUPS = ("plate", "well", "row", "column", "well_index", "site", "channel")
WELLS_ACROSS = {6: 3, 12: 4, 24: 6, 48: 8, 96: 12, 384: 24, 1536: 48}
"""Columns of each size of plate."""

_PIECES = {
    "plate": "[^/]+?",
    "well": "[A-Za-z]{1,2}[0-9]{1,3}",
    "row": "(?:[A-Za-z]{1,2}|[0-9]{1,2})",
    "column": "[0-9]{1,2}",
    "well_index": "[0-9]+",
    "site": "[0-9]+",
    "channel": "[^/]+?",
}
_TOKEN = re.compile(r"\{(?P<name>[A-Za-z_]\w*)\}|(?P<any>\*+)|(?P<text>.)", re.DOTALL)


@dataclass(frozen=True)
class PathParts:
    """What one path says; `plate` and `channel` are None where the pattern has none."""

    plate: str | None
    well: str
    site: int
    channel: str | None


@dataclass(frozen=True)
class PathPattern:
    """A pattern ready for use. `pieces` are its parts, as written and as regular expression."""

    text: str
    rule: re.Pattern[str]
    pieces: tuple[tuple[str, str], ...]
    wells_per_plate: int | None = None

    @property
    def groups(self) -> frozenset[str]:
        """Which of `GROUPS` the pattern has."""
        return frozenset(name.lower() for name in self.rule.groupindex)

    def read(self, path: str) -> PathParts | None:
        """What a path says, or None where it does not fit.

        Raises InputError where it fits and names no well or site.
        """
        match = self.rule.fullmatch(path)
        if match is None:
            return None
        said = {name.lower(): value for name, value in match.groupdict().items()}
        site = said.get("site")
        if site is not None and not re.fullmatch("[0-9]+", site, re.ASCII):
            raise InputError(f"the site {site!r} is no number")
        return PathParts(
            plate=said.get("plate"),
            well=self._well(said),
            site=1 if site is None else int(site),
            channel=said.get("channel"),
        )

    def _well(self, said: dict[str, str | None]) -> str:
        well, index = said.get("well"), said.get("well_index")
        if well is not None:
            return canonical_well(well)
        if index is not None and self.wells_per_plate is not None:
            at = _whole(index, "well") - 1
            if not 0 <= at < self.wells_per_plate:
                raise InputError(f"a plate of {self.wells_per_plate} wells has no well {index}")
            return well_name(*divmod(at, WELLS_ACROSS[self.wells_per_plate]))
        row, column = said.get("row") or "", said.get("column") or ""
        if row.isdecimal():
            at = _whole(row, "row")
            if not 1 <= at <= 32:
                raise InputError(f"the row {row} lies outside a plate")
            row = well_name(at - 1, 0)[:-2]
        return canonical_well(f"{row}{column}")

    def explain(self, path: str) -> str:
        """How far the pattern fits a path that it does not fit, and what comes next."""
        fitted, rest, end, rule, written = "", self.text, 0, "", ""
        for source, piece in self.pieces:
            rule, written = rule + piece, written + source
            try:
                match = re.match(rule, path)
            except re.error:  # half of a group says nothing yet
                continue
            if match is not None:
                fitted, rest, end = written, self.text[len(written) :], match.end()
        if not rest:
            return f"all of it fits {path[:end]!r}, but the path goes on with {path[end:]!r}"
        if not end:
            return f"nothing of it fits the beginning of {path!r}"
        return f"'{fitted}' fits {path[:end]!r}, but '{rest}' does not fit {path[end:]!r}"


def compile_pattern(
    text: str, tags: Sequence[str] = (), wells_per_plate: int | None = None
) -> PathPattern:
    """A pattern ready for use; `tags` are what files have for the channels.

    `wells_per_plate` is needed where wells are numbered (`well_index`, row by row, from 1). Raises
    UsageError where the pattern is faulty, with the place.
    """
    is_template = "(?P<" not in text
    pieces = _template_pieces(text, tags) if is_template else tuple((mark, mark) for mark in text)
    try:
        rule = re.compile("".join(piece for _, piece in pieces))
    except re.error as error:
        at = error.pos or 0
        raise UsageError(
            f"the pattern is no regular expression: {error.msg}, at character {at + 1}, "
            f"'{text[at : at + 10]}'",
            where=text,
            mend="correct it there",
        ) from error
    pattern = PathPattern(text, rule, pieces, wells_per_plate)
    _check_groups(pattern)
    return pattern


def _template_pieces(text: str, tags: Sequence[str]) -> tuple[tuple[str, str], ...]:
    pieces: list[tuple[str, str]] = []
    seen: set[str] = set()
    for token in _TOKEN.finditer(text):
        name = token["name"]
        if token["any"]:
            piece = "[^/]*?" if token["any"] == "*" else ".*?"
        elif name is None:
            piece = re.escape(token["text"])
        elif name not in GROUPS:
            raise UsageError(
                f"the pattern has {{{name}}}, at character {token.start() + 1}",
                where=text,
                mend=nearest(name, GROUPS),
            )
        elif name in seen:
            piece = f"(?P={name})"
        else:
            seen.add(name)
            inner = _PIECES[name]
            if name == "channel":  # tags that are known come first, the longest before all
                known = sorted((re.escape(tag) for tag in tags), key=len, reverse=True)
                inner = "|".join([*known, inner])
            piece = f"(?P<{name}>{inner})"
        pieces.append((token[0], piece))
    if not seen:
        raise UsageError(
            "the pattern names nothing",
            where=text,
            mend="write {plate}/{well}_s{site}.tif, or (?P<plate>…) in a regular expression",
        )
    return tuple(pieces)


def _check_groups(pattern: PathPattern) -> None:
    for name in pattern.rule.groupindex:
        if name.lower() not in GROUPS:
            raise UsageError(
                f"the pattern has a group {name!r}",
                where=pattern.text,
                mend=f"{nearest(name.lower(), GROUPS)} Else leave it without a name: (?:…)",
            )
    has = pattern.groups
    ways = [{"well"} <= has, {"row", "column"} <= has, {"well_index"} <= has]
    if sum(ways) != 1:
        raise UsageError(
            "the pattern does not say the well" if not any(ways) else "it says the well twice",
            where=pattern.text,
            mend="give one of: well; row and column; well_index",
        )
    if "well_index" in has and pattern.wells_per_plate not in WELLS_ACROSS:
        raise UsageError(
            "wells are numbered, and the size of the plate is not said",
            where=pattern.text,
            mend=f"say wells_per_plate: {', '.join(map(str, WELLS_ACROSS))}",
        )


def _whole(text: str, what: str) -> int:
    if not re.fullmatch("[0-9]+", text, re.ASCII):
        raise InputError(f"the {what} {text!r} is no number")
    return int(text)
