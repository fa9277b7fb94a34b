"""What has changed since a stage last ran, in words: keys of the configuration, inputs, code."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from phenovae.pipeline.journal import Entry

_SHOWN = 6
_WIDEST = 60


@dataclass(frozen=True)
class Basis:
    """What a stage's outcome rests on, besides the stages before it.

    `settings` is the part of the configuration that matters to it, as a tree with the
    configuration's keys; `made_with` the versions of the code; `inputs` hashes of named inputs.
    """

    settings: Mapping[str, object]
    made_with: Mapping[str, str]
    inputs: Mapping[str, str]


def changes(entry: Entry, basis: Basis) -> list[str]:
    """What of a stage's basis is not as its entry in the journal has it, a phrase for each.

    Older journals know the inputs alone: there the list may be empty though something changed.
    """
    found = []
    if entry.settings is not None:
        keys = list(_differences(entry.settings, _plain(basis.settings), ""))
        found += keys[:_SHOWN]
        if len(keys) > _SHOWN:
            found.append(f"{len(keys) - _SHOWN} more keys")
    if entry.made_with:
        found += _differences(entry.made_with, dict(basis.made_with), "")
    if basis.inputs.keys() != entry.inputs.keys():
        was, now = (", ".join(sorted(each)) or "nothing" for each in (entry.inputs, basis.inputs))
        found.append(f"its inputs are {now}, were {was}")
    found += [
        f"the input {name} is another"
        for name, mark in basis.inputs.items()
        if entry.inputs.get(name, mark) != mark
    ]
    return found


def _differences(was: object, now: object, key: str) -> Iterator[str]:
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        for name in [*now, *(name for name in was if name not in now)]:
            inner = f"{key}.{name}" if key else str(name)
            if name not in was:
                yield f"{inner} is {_text(now[name])}, was not there"
            elif name not in now:
                yield f"{inner} is not there, was {_text(was[name])}"
            else:
                yield from _differences(was[name], now[name], inner)
    elif was != now:
        yield f"{key} is {_text(now)}, was {_text(was)}"


def _text(value: object) -> str:
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"


def _plain(settings: Mapping[str, object]) -> object:
    """The settings as they come back from a file."""
    return json.loads(json.dumps(settings))
