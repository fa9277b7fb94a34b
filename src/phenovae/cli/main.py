"""The command `phenovae`: its verbs in the order of the data's way, and how errors end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, NoReturn

import typer

from phenovae import __version__
from phenovae.cli import (
    ablate,
    audit,
    compare,
    config,
    crop,
    demo,
    diagnose,
    doctor,
    download,
    embed,
    evaluate,
    explore,
    export,
    export_crops,
    figures,
    generation,
    illuminate,
    import_,
    inspect,
    join,
    profile,
    protocols,
    report,
    repro,
    run,
    segment,
    sites,
    train,
    twin,
)
from phenovae.cli.console import open_console
from phenovae.cli.ending import run_to_end

app = typer.Typer(
    name="phenovae",
    help="Which drugs do the same thing to cells? From single-cell images to mechanism scores.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
    epilog="Begin with: phenovae demo    Help on a verb: phenovae VERB --help",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

_VERBS: tuple[tuple[str, Callable[..., None], str], ...] = (
    ("demo", demo.command, "The whole way on a synthetic screen, in minutes."),
    ("run", run.command, "The whole way by a configuration; goes on where it stopped."),
    ("config", config.command, "Every key there is, or a commented example."),
    ("download", download.command, "Fetch the plates of BBBC021."),
    ("sites", sites.command, "Stage: what was done to every well."),
    ("illuminate", illuminate.command, "Stage: how evenly the plates were lit."),
    ("segment", segment.command, "Stage: nuclei and cells; or labels of any images."),
    ("crop", crop.command, "Stage: single cells out of whole fields."),
    ("import", import_.command, "Stage: single-cell .npy files into the cell store."),
    ("train", train.command, "Stage: splits, and the model."),
    ("join", join.command, "Take part in a training that another machine leads."),
    ("diagnose", diagnose.command, "Stage: how far the model can be trusted."),
    ("generation", generation.command, "Stage: how good the images are that the model makes."),
    ("embed", embed.command, "Stage: the embedding of every cell."),
    ("profile", profile.command, "Stage: profiles of treatments."),
    ("evaluate", evaluate.command, "Stage: mechanism scores with their uncertainty."),
    ("protocols", protocols.command, "How treatments are scored: every protocol, explained."),
    ("compare", compare.command, "Which of some runs is better, and whether by more than noise."),
    ("report", report.command, "Stage: the report."),
    ("figures", figures.command, "Pictures of a run: cells, latent space, treatments."),
    ("explore", explore.command, "Look at a run in the browser, where a point is a cell."),
    ("ablate", ablate.command, "What each ingredient of a design is worth, in one table."),
    ("twin", twin.command, "Draw a synthetic screen with known truth."),
    ("audit", audit.command, "What a screen can answer, and what training has seen."),
    ("doctor", doctor.command, "What is wrong with the installation, a table or a run."),
    ("repro", repro.command, "Replay a run from its journal, and say what differs."),
    ("inspect", inspect.command, "Show what is in a store, a table or a folder of crops."),
    ("export", export.command, "A run's model as a folder to hand to others."),
    ("export-crops", export_crops.command, "Write a store back as single-cell files."),
)

for _name, _command, _summary in _VERBS:
    app.command(_name, short_help=_summary)(_command)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"phenovae {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    log_json: Annotated[
        bool, typer.Option("--log-json", help="Messages and progress as JSON lines.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Warnings and results only.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="More messages.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Which drugs do the same thing to cells? From single-cell images to mechanism scores."""
    del version, debug
    context.obj = open_console(log_json=log_json, quiet=quiet, verbose=verbose)


def main() -> NoReturn:
    """Run the command and exit: 0 done, 1 failed, 2 wrong usage, 3 an input unread, 130 stopped."""
    run_to_end(lambda: app(prog_name="phenovae"))
