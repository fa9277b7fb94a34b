"""Every key of the configuration, as pydantic declares it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from pydantic import BaseModel

from generated_pages.markdown import escaped, literal, table
from phenovae.pipeline.config import Config, describe_keys

_NUMBER = re.compile(r"\b(?:int|float)\b")
_UNIT = re.compile(r"\s*\[([^\[\]]+)\]")


def keys_page() -> str:
    """A section for each group, with a table of its keys: type, unit, default, meaning."""
    meanings = dict(_groups(Config, ""))
    parts = []
    for group, keys in groupby(describe_keys(), lambda key: key[0].rpartition(".")[0]):
        rows = [
            (
                literal(name),
                escaped(kind),
                unit_of(meaning, kind),
                literal(default),
                escaped(meaning),
            )
            for name, kind, default, meaning in keys
        ]
        parts.append(f"## {literal(group) or 'The whole run'}\n\n{escaped(meanings[group])}\n")
        parts.append(table(("key", "type", "unit", "default", "meaning"), rows))
    return "\n".join(parts)


def unit_of(meaning: str, kind: str) -> str:
    """The unit that the meaning of a number names, in brackets: `side of a crop [px]` has px."""
    if not _NUMBER.search(kind):
        return ""
    found = _UNIT.findall(meaning)
    return escaped(str(found[-1])) if found else ""


def _groups(group: type[BaseModel], name: str) -> Iterator[tuple[str, str]]:
    """Dotted name and meaning of a group and of those in it."""
    yield name, (group.__doc__ or "").strip()
    for key, field in group.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _groups(kind, f"{name}.{key}" if name else key)
