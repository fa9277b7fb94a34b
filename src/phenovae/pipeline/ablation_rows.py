"""The rows of an ablation, as YAML: what each sets otherwise, and what they have in common."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, ValidationError

from phenovae.base.errors import UsageError
from phenovae.base.options import Options


class Entry(Options):
    """One row: what of the base is set otherwise."""

    name: str = Field(description="what the row is called")
    set: tuple[str, ...] = Field((), description="settings, as after --set")
    needs: str = Field(
        "", description="a setting that must be given for the row to run: weights of others, say"
    )
    features: Literal["model", "backbone"] = Field(
        "model", description="features whose scores the row shows"
    )
    remark: str = Field("", description="what to know of the row")


class Ablation(Options):
    """Rows of a table, and what they have in common."""

    base: str = Field("bbbc021_crops", description="an example by name, or a configuration's path")
    seeds: tuple[int, ...] = Field((0, 1, 2), min_length=1, description="seeds of every row")
    set: tuple[str, ...] = Field((), description="settings of every row")
    entries: tuple[Entry, ...] = Field(min_length=1, description="the rows")


def read_ablation(path: Path) -> Ablation:
    """An ablation from YAML. Raises UsageError where it is none."""
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError("there is no such ablation", where=path) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{path.name} is no readable YAML: {error}", where=path) from error
    try:
        ablation = Ablation.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{path.name} is no ablation: {key}: {first['msg']}", where=path) from None
    names = [slug(entry.name) for entry in ablation.entries]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"two rows have one name: {', '.join(twice)}", where=path)
    return ablation


def slug(name: str) -> str:
    """The name of a row's folder."""
    return re.sub(r"[^A-Za-z0-9.+-]+", "-", name).strip("-") or "row"
