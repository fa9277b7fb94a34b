"""The two entry points of the original project, on the machinery of `phenovae run`."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from phenovae.base.errors import PhenovaeError
from phenovae.cli.console import open_console
from phenovae.cli.shared import Settings
from phenovae.pipeline.config import Config, load_config
from phenovae.pipeline.examples import example
from phenovae.pipeline.execute import config_of_run, run_all, run_verbs

_PREPARE = ("sites", "crop", "import")

Out = Annotated[Path, typer.Option("--out", metavar="RUN", help="Folder of the run.")]
Crops = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Single-cell .npy files; else the twin.")
]
Metadata = Annotated[Path | None, typer.Option(metavar="CSV", help="The table of the crops.")]
_DEFAULT_RUN = Path("runs/vae")


def preprocess() -> None:
    """Import or draw cells."""
    _run_script(_preprocess)


def train_vae() -> None:
    """Everything after: train, embed, profile, score, report."""
    _run_script(_train)


def _preprocess(
    out: Out = _DEFAULT_RUN,
    crops: Crops = None,
    metadata: Metadata = None,
    settings: Settings = None,
) -> None:
    """Prepare single cells for training: import them, or draw a synthetic screen."""
    config = _config(crops, metadata, settings)
    run_verbs(_PREPARE, config, out, open_console().progress)
    typer.echo(f"the cells are in {out}; go on with: python train_vae.py --out {out}")


def _train(
    out: Out = _DEFAULT_RUN,
    crops: Crops = None,
    metadata: Metadata = None,
    settings: Settings = None,
) -> None:
    """Train a VAE on prepared cells (preparing them first if need be), score it, report."""
    from phenovae.cli.summary import tell_scores

    named = crops is not None or not (out / "config.yaml").exists()
    config = (
        _config(crops, metadata, settings) if named else config_of_run(out, None, settings or [])
    )
    run_all(config, out, open_console().progress)
    tell_scores(out)


def _config(crops: Path | None, metadata: Path | None, settings: list[str] | None) -> Config:
    given = list(settings or [])
    if crops is None:
        return load_config(example("demo"), given)
    named = [f"input.crops={crops}"]
    if metadata is not None:
        named.append(f"input.metadata={metadata}")
    return load_config(example("crops"), [*named, *given])


def _run_script(script: Callable[..., None]) -> None:
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(script)
    try:
        app()
    except PhenovaeError as error:
        logging.getLogger("phenovae").log(logging.ERROR, "%s", error)
        sys.exit(error.exit_code)
