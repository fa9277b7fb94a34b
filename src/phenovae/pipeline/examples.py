"""Example configurations: beside the source in a checkout, inside the package when installed."""

from __future__ import annotations

from pathlib import Path

from phenovae.base.errors import UsageError, nearest

_TABLES = {"ablation"}
"""Examples that are no configuration of a run."""

_PACKAGE = Path(__file__).resolve().parents[1]


def _folder() -> Path:
    inside = _PACKAGE / "examples"
    return inside if inside.is_dir() else _PACKAGE.parents[1] / "examples"


def example_names() -> list[str]:
    """Names of the configurations among the examples."""
    return sorted({path.stem for path in _folder().glob("*.yaml")} - _TABLES)


def example(name: str) -> Path:
    """Path of an example, by its name or a word of it that no other has (`crops`, `raw`, `own`)."""
    names = example_names()
    fitting = [known for known in names if known == name or name in known.split("_")]
    if len(fitting) != 1:
        raise UsageError(f"there is no example {name!r}", mend=nearest(name, names))
    return _folder() / f"{fitting[0]}.yaml"
