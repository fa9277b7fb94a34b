"""The data files of this screen, typed."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import yaml
from pydantic import TypeAdapter

from phenovae.base.options import Options
from phenovae.screen.published import Published
from phenovae.screen.roles import RoleRules


class ScreenFacts(Options):
    """What `screen.yaml` holds."""

    channels: dict[str, int]
    crop_channels: tuple[str, ...]
    pixel_size_um: float
    roles: RoleRules


def _read(name: str) -> object:
    return yaml.safe_load(files(__package__).joinpath(name).read_text(encoding="utf-8"))


@cache
def facts() -> ScreenFacts:
    """Channels, pixel size and the rules of roles."""
    return ScreenFacts.model_validate(_read("screen.yaml"))


def rules() -> RoleRules:
    """The rules of roles, with the exception for taxol."""
    return facts().roles


@cache
def published() -> tuple[Published, ...]:
    """Published results, each with its source and its caveat."""
    return TypeAdapter(tuple[Published, ...]).validate_python(_read("published.yaml"))
