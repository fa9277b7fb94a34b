"""One YAML file says everything about a run: typed, checked, and written back resolved."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeAlias, get_args, get_origin

import yaml
from pydantic import BaseModel, Field, ValidationError
from pydantic.fields import FieldInfo

from phenovae.base.errors import UsageError, nearest
from phenovae.base.files import write_text
from phenovae.base.options import Options
from phenovae.cells.options import CropOptions
from phenovae.cells.quality import QualityOptions
from phenovae.cells.sampling import SamplingOptions
from phenovae.cells.splits import SplitOptions
from phenovae.cells.view import ViewOptions
from phenovae.evaluate.generation.options import GenerationOptions
from phenovae.images.options import IlluminationOptions
from phenovae.images.quality import FieldQualityOptions
from phenovae.images.segmentation.options import SegmentationOptions
from phenovae.pipeline.config_groups import EvaluateOptions, InputOptions
from phenovae.pipeline.workers import WorkersOptions
from phenovae.twin.options import TwinOptions
from phenovae.vae.options import (
    AugmentOptions,
    BackboneOptions,
    DiagnoseOptions,
    EmbedOptions,
    ModelOptions,
    ObjectiveOptions,
    TrainOptions,
)

DATA_VARIABLE = "PHENOVAE_DATA"
_YAML = (".yaml", ".yml")
_PROTOCOLS = ["evaluate", "protocols"]

Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"


class ReportOptions(Options):
    """What the report shows."""

    title: str = Field("", description="title of the report; empty: the name of the run")
    umap: bool = Field(
        default=True, description="add a UMAP of treatments if umap-learn is installed"
    )
    flagged_cells: int = Field(48, ge=0, le=400, description="flagged crops on the contact sheet")
    example_cells: int = Field(
        6,
        ge=0,
        le=24,
        description="cells shown of each dose of a compound; fewer are shown where there are so "
        "many doses that the file would grow beyond 15 MB",
    )


class Config(Options):
    """Everything a run depends on, besides the data and the code."""

    seed: int = Field(0, ge=0, description="the one seed of the run")
    input: InputOptions = Field(default_factory=lambda: InputOptions())
    twin: TwinOptions = Field(default_factory=lambda: TwinOptions())
    illumination: IlluminationOptions = Field(default_factory=lambda: IlluminationOptions())
    segmentation: SegmentationOptions = Field(default_factory=lambda: SegmentationOptions())
    field_quality: FieldQualityOptions = Field(default_factory=lambda: FieldQualityOptions())
    cells: CropOptions = Field(default_factory=lambda: CropOptions())
    quality: QualityOptions = Field(default_factory=lambda: QualityOptions())
    view: ViewOptions = Field(default_factory=lambda: ViewOptions())
    split: SplitOptions = Field(default_factory=lambda: SplitOptions())
    sampling: SamplingOptions = Field(default_factory=lambda: SamplingOptions())
    model: ModelOptions = Field(default_factory=lambda: ModelOptions())
    objective: ObjectiveOptions = Field(default_factory=lambda: ObjectiveOptions())
    augment: AugmentOptions = Field(default_factory=lambda: AugmentOptions())
    train: TrainOptions = Field(default_factory=lambda: TrainOptions())
    diagnose: DiagnoseOptions = Field(default_factory=lambda: DiagnoseOptions())
    generation: GenerationOptions = Field(default_factory=lambda: GenerationOptions())
    embed: EmbedOptions = Field(default_factory=lambda: EmbedOptions())
    backbone: BackboneOptions = Field(default_factory=lambda: BackboneOptions())
    evaluate: EvaluateOptions = Field(default_factory=lambda: EvaluateOptions())
    workers: WorkersOptions = Field(default_factory=lambda: WorkersOptions())
    report: ReportOptions = Field(default_factory=lambda: ReportOptions())


_WITH_PATHS: Mapping[str, type[Options]] = {
    "input": InputOptions,
    "backbone": BackboneOptions,
    "generation": GenerationOptions,
}
"""Groups that name files and folders."""


def load_config(path: Path | None, settings: Sequence[str] = ()) -> Config:
    """Read a YAML file (or none), apply `a.b=c` settings, check everything.

    Relative paths in the file are taken from the file's folder, those in settings from the
    working folder; `~` and `${PHENOVAE_DATA}` are filled in. Raises UsageError on any fault.
    """
    tree = _with_paths(_read_yaml(path), path.resolve().parent) if path is not None else {}
    for setting in settings:
        _apply(tree, setting)
    return check_config(tree, str(path) if path is not None else "the settings")


def check_config(tree: Mapping[str, Plain], where: str) -> Config:
    """Turn a plain tree into a Config. Raises UsageError naming every fault by its dotted key."""
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        faults = [
            _fault_text(fault["loc"], fault["type"], fault["msg"]) for fault in error.errors()
        ]
        raise UsageError(
            "the configuration is not valid:\n" + "\n".join(f"  {fault}" for fault in faults),
            where=where,
            mend="phenovae config --defaults lists every key",
        ) from None


def write_config(config: Config, path: Path) -> None:
    """Write the resolved configuration as YAML."""
    write_text(path, config_text(config))


def config_text(config: Config) -> str:
    """The resolved configuration as YAML text."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def describe_keys() -> Iterator[tuple[str, str, str, str]]:
    """Every key: dotted name, type, default, meaning."""
    yield from _describe(Config, "")


def _describe(group: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str, str]]:
    for name, field in group.model_fields.items():
        inner = _group_of(field)
        if inner is not None:
            yield from _describe(inner, f"{prefix}{name}.")
        else:
            default = field.get_default(call_default_factory=True)
            shown = yaml.safe_dump(_plain(default), default_flow_style=True).strip()
            yield (
                f"{prefix}{name}",
                _type_text(field.annotation),
                shown.removesuffix("...").strip(),
                field.description or "",
            )


def _group_of(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _type_text(kind: object) -> str:
    origin = get_origin(kind)
    if origin is None:
        return "none" if kind is type(None) else getattr(kind, "__name__", str(kind))
    inner = get_args(kind)
    if origin is Literal:
        return " | ".join(str(value) for value in inner)
    if origin is Annotated:
        return _type_text(inner[0])
    texts = [_type_text(part) for part in inner if part is not Ellipsis]
    if origin in (tuple, list):
        return f"list of {texts[0]}"
    if origin is dict:
        return f"mapping of {' to '.join(texts)}"
    return " | ".join(texts)


def _plain(value: object) -> Plain:
    if isinstance(value, BaseModel):
        return {key: _plain(item) for key, item in value.model_dump().items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


def _read_yaml(path: Path) -> dict[str, Plain]:
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(
            f"there is no configuration {path.name}",
            where=path,
            mend="phenovae config crops > my.yaml writes a commented example",
        ) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{path.name} is no readable YAML: {error}", where=path) from error
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise UsageError(f"{path.name} holds no keys", where=path)
    return tree


def _with_paths(tree: dict[str, Plain], folder: Path) -> dict[str, Plain]:
    for title, options in _WITH_PATHS.items():
        group = tree.get(title)
        if isinstance(group, dict):
            for name, field in options.model_fields.items():
                value = group.get(name)
                if isinstance(value, str) and Path in get_args(field.annotation):
                    group[name] = str(folder / _filled(value))
    scoring = tree.get("evaluate")
    if isinstance(scoring, dict) and "protocols" in scoring:
        scoring["protocols"] = _protocol_paths(scoring["protocols"], folder)
    return tree


def _protocol_paths(names: Plain, folder: Path) -> Plain:
    """Protocols that are named by the path of a file, with that path made whole."""
    if not isinstance(names, list):
        return names
    return [
        str((folder / _filled(name)).resolve())
        if isinstance(name, str) and name.endswith(_YAML)
        else name
        for name in names
    ]


def _filled(text: str) -> Path:
    if f"${{{DATA_VARIABLE}}}" in text:
        data = os.environ.get(DATA_VARIABLE)
        if not data:
            raise UsageError(
                f"{text} names ${{{DATA_VARIABLE}}}, which is not set",
                mend=f"set {DATA_VARIABLE} to your data folder, or write the path out",
            )
        text = text.replace(f"${{{DATA_VARIABLE}}}", data)
    return Path(text).expanduser()


def _apply(tree: dict[str, Plain], setting: str) -> None:
    key, sign, text = setting.partition("=")
    if not sign or not key:
        raise UsageError(f"--set {setting!r} is not of the form a.b=c")
    *groups, name = key.strip().split(".")
    place = tree
    for group in groups:
        inner = place.setdefault(group, {})
        if not isinstance(inner, dict):
            raise UsageError(f"--set {setting!r}: {group} holds a value, no keys")
        place = inner
    options = _WITH_PATHS.get(".".join(groups))
    field = options.model_fields.get(name) if options is not None else None
    if field is not None and Path in get_args(field.annotation):
        place[name] = str(_filled(text).resolve()) if text else None
        return
    try:
        value: Plain = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"--set {setting!r}: the value cannot be read: {error}") from error
    place[name] = _protocol_paths(value, Path.cwd()) if [*groups, name] == _PROTOCOLS else value


def _fault_text(place: tuple[int | str, ...], kind: str, message: str) -> str:
    key = ".".join(str(part) for part in place)
    if kind != "extra_forbidden":
        return f"{key}: {message}"
    group: type[BaseModel] = Config
    for part in place[:-1]:
        field = group.model_fields.get(str(part))
        inner = _group_of(field) if field is not None else None
        if inner is None:
            return f"{key}: unknown key"
        group = inner
    return f"{key}: unknown key; {nearest(str(place[-1]), group.model_fields)}"
