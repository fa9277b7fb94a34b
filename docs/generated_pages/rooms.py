"""The Python API of a room: the modules that the design page names, each by its docstrings."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

_DESIGN = Path(__file__).resolve().parents[1] / "design.md"
_NAMES = re.compile(r"`([a-z_0-9]+)`")


def room_page(room: str) -> str:
    """What a room says of itself, then a section for every public module of it."""
    about = (importlib.import_module(f"phenovae.{room}").__doc__ or "").strip()
    parts = [f"{about}\n"]
    for name in modules_of(room):
        parts.append(f"## `{room}.{name}`\n")
        whole = _whole(f"phenovae.{room}.{name}")
        parts += [f"```{{eval-rst}}\n.. automodule:: {module}\n```\n" for module in whole]
    return "\n".join(parts)


def modules_of(room: str) -> Sequence[str]:
    """The modules that the table of rooms on the design page names for a room, in its order."""
    return rooms()[room]


def rooms() -> Mapping[str, Sequence[str]]:
    """The modules of every room, as the design page lists them."""
    text = _DESIGN.read_text(encoding="utf-8").partition("\n## Rooms")[2].partition("\n## ")[0]
    found: dict[str, list[str]] = {}
    room = ""
    for line in text.splitlines():
        if not line.startswith("| "):
            continue
        first, second = line.split("|")[1:3]
        room = next(iter(_NAMES.findall(first)), room)
        if room:
            found.setdefault(room, []).extend(_NAMES.findall(second))
    return found


def _whole(module: str) -> Sequence[str]:
    """The module, and those in it where it is a package."""
    imported = importlib.import_module(module)
    inside = pkgutil.iter_modules(getattr(imported, "__path__", ()))
    return [module, *(f"{module}.{each.name}" for each in inside)]
