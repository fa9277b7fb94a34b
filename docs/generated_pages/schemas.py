"""The tables of a run, from the schemas that they are checked with when written and read."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import phenovae
from generated_pages.markdown import escaped, literal, table
from phenovae.base.tables import Column, OpenColumns, Schema

_DECLARED = re.compile(r"^([A-Z_]+) = Schema\(", re.MULTILINE)


def schemas_page() -> str:
    """A section for each table: its columns with type, unit, and whether a row may lack a value."""
    parts = []
    for module, schema in sorted(all_schemas(), key=lambda found: found[1].name):
        parts.append(f"### `{schema.name}`\n")
        parts.append(f"Version {schema.version}, declared in `{module}`.\n")
        rows = [(literal(column.name), *_told(column)) for column in schema.columns]
        rows += [(f"pattern {literal(each.pattern)}", *_told(each)) for each in schema.open]
        parts.append(table(("column", "type", "unit", "may be empty", "meaning"), rows))
    return "\n".join(parts)


def all_schemas() -> Iterator[tuple[str, Schema]]:
    """Every schema that a module of the package declares, with the name of that module."""
    package = Path(phenovae.__file__).parent
    for path in sorted(package.rglob("*.py")):
        for name in _DECLARED.findall(path.read_text(encoding="utf-8")):
            parts = path.relative_to(package.parent).with_suffix("").parts
            module = ".".join(parts)
            schema = getattr(importlib.import_module(module), name)
            if not isinstance(schema, Schema):
                raise TypeError(f"{module}.{name} is no schema")
            yield module, schema


def _told(column: Column | OpenColumns) -> tuple[str, str, str, str]:
    empty = "yes" if column.nullable else ""
    return column.dtype, escaped(column.unit), empty, escaped(column.meaning)
