"""The two entry points of the original project, on the machinery of `phenovae run`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from phenovae.cli.console import open_console
from phenovae.cli.ending import run_to_end
from phenovae.cli.shared import UNREAD, Resume, Settings
from phenovae.cli.summary import run_and_tell, tell_unread
from phenovae.pipeline.config import Config, load_config
from phenovae.pipeline.examples import example
from phenovae.pipeline.execute import own_config, run_verbs

_PREPARE = ("sites", "illuminate", "segment", "crop", "import")

Out = Annotated[Path, typer.Option("--out", metavar="RUN", help="Folder of the run.")]
Crops = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER", help="Single-cell .npy files; else those of the run, or the twin."
    ),
]
Metadata = Annotated[Path | None, typer.Option(metavar="CSV", help="The table of the crops.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]
_DEFAULT_RUN = Path("runs/vae")


def preprocess() -> NoReturn:
    """Import or draw cells."""
    _run_script(_preprocess)


def train_vae() -> NoReturn:
    """Everything after: train, embed, profile, score, report."""
    _run_script(_train)


def _preprocess(
    out: Out = _DEFAULT_RUN,
    crops: Crops = None,
    metadata: Metadata = None,
    settings: Settings = None,
    debug: Debug = False,
) -> None:
    """Prepare single cells for training: import them, or draw a synthetic screen."""
    del debug
    console = open_console()
    finished = run_verbs(_PREPARE, _config(out, crops, metadata, settings), out, console.progress)
    typer.echo(f"the cells are in {out}; go on with: python train_vae.py --out {out}")
    tell_unread(finished.unread, out)
    if finished.unread:
        raise typer.Exit(UNREAD)


def _train(
    out: Out = _DEFAULT_RUN,
    crops: Crops = None,
    metadata: Metadata = None,
    settings: Settings = None,
    debug: Debug = False,
    resume: Resume = True,
) -> None:
    """Train a VAE on prepared cells (preparing them first if need be), score it, report."""
    del debug
    console = open_console()
    if run_and_tell(_config(out, crops, metadata, settings), out, console, resume=resume):
        raise typer.Exit(UNREAD)


def _config(
    out: Path, crops: Path | None, metadata: Path | None, settings: list[str] | None
) -> Config:
    """The run's own configuration where it has one, else an example, with what was named."""
    named = ["input.source=crops"] if crops is not None else []
    named += [
        f"input.{key}={path}"
        for key, path in (("crops", crops), ("metadata", metadata))
        if path is not None
    ]
    start = own_config(out) or example("demo" if crops is None else "crops")
    return load_config(start, [*named, *(settings or [])])


def _run_script(script: Callable[..., None]) -> NoReturn:
    app = typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.command()(script)
    run_to_end(app)
