"""`phenovae download`: the plates of BBBC021 from their collection."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phenovae.cli.shared import UNREAD, console_of

if TYPE_CHECKING:
    from phenovae.screen.bbbc021.download_plan import DownloadPlan, Work
    from phenovae.screen.bbbc021.downloading import Ended


def command(
    context: typer.Context,
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="WHAT",
            help="tables, benchmark, all, weeks (Week1) or plates (Week1_22123).",
            show_default=False,
        ),
    ],
    to: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="Where to put it all.")],
    base: Annotated[
        str | None,
        typer.Option("--base", metavar="URL", help="Address of the files; else the collection's."),
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, max=32, help="Plates at once.")] = 4,
    metadata: Annotated[
        Path | None,
        typer.Option("--metadata", metavar="CSV", help="Table of images to use, not to fetch."),
    ] = None,
    moa: Annotated[
        Path | None,
        typer.Option("--moa", metavar="CSV", help="Table of mechanisms to use, not to fetch."),
    ] = None,
    extract: Annotated[
        bool, typer.Option("--extract/--no-extract", help="Unpack the archives.")
    ] = True,
    keep_archives: Annotated[
        bool,
        typer.Option("--keep-archives/--no-keep-archives", help="Keep archives once unpacked."),
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Compare what is there with its checksums.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be fetched, and the room it takes.")
    ] = False,
) -> None:
    """Download BBBC021: its tables and the images of plates, checked and unpacked.

    `benchmark` is the 49 plates with a treatment of known mechanism, `all` is all 55; a plate takes
    about 0.8 GB to fetch and 1.9 GB unpacked. The same command goes on where it was stopped and
    leaves alone what is done. Images come to FOLDER/images/<plate>, the record to
    FOLDER/download.json.

    Example: phenovae download Week1_22123 --to FOLDER
    or: phenovae download benchmark --to FOLDER --jobs 2
    """
    from phenovae.base.lock import locked_folder
    from phenovae.cli.transfers import transfers
    from phenovae.fetch.http import checked_base
    from phenovae.screen.bbbc021.catalogue import check_names, collection, source_text
    from phenovae.screen.bbbc021.download_folder import DownloadFolder
    from phenovae.screen.bbbc021.download_plan import DownloadOptions, Work
    from phenovae.screen.bbbc021.downloading import download

    check_names(what)
    options = DownloadOptions(
        base=checked_base(base if base is not None else collection().base),
        jobs=jobs,
        extract=extract,
        keep_archives=keep_archives,
        check=check,
    )
    console = console_of(context)
    if dry_run:
        with transfers(console) as bars:
            work = Work(DownloadFolder(to), options, bars.files, bars.steps)
            plan = _plan_only(work, what, metadata, moa)
        _tell_plan(plan, to)
        return
    with locked_folder(to, name="download", option="--to"):
        typer.echo(source_text(options.base))
        with transfers(console) as bars:
            work = Work(DownloadFolder(to), options, bars.files, bars.steps)
            ended = download(work, what, metadata, moa)
    _tell_end(ended, to)
    if ended.failed:
        raise typer.Exit(UNREAD)


def _plan_only(
    work: Work, what: list[str], metadata: Path | None, moa: Path | None
) -> DownloadPlan:
    """The plan, with tables that are not there fetched to where they leave nothing."""
    from dataclasses import replace

    from phenovae.screen.bbbc021.download_folder import DownloadFolder
    from phenovae.screen.bbbc021.download_plan import fetch_tables, make_plan, utc_now

    record = work.folder.read_record(work.options.base, utc_now())
    with tempfile.TemporaryDirectory() as scratch:
        away = replace(work, folder=DownloadFolder(Path(scratch)))
        here = work.folder
        metadata = metadata or (here.image_table if here.image_table.exists() else None)
        moa = moa or (here.mechanism_table if here.mechanism_table.exists() else None)
        record, catalogue = fetch_tables(away, what, record, metadata, moa)
    return make_plan(work, what, record, catalogue)


def _tell_plan(plan: DownloadPlan, to: Path) -> None:
    typer.echo(plan.selection.note)
    for plate in plan.done:
        typer.echo(f"done   {plate}")
    for plate, why in plan.todo.items():
        typer.echo(f"fetch  {plate}  {why}")
    for plate, why in plan.blocked.items():
        typer.echo(f"leave  {plate}  {why}")
    _tell_room(plan, to)


def _tell_room(plan: DownloadPlan, to: Path) -> None:
    from phenovae.cli.transfers import bytes_text

    short = "" if plan.needed <= plan.free else ": too little"
    typer.echo(
        f"{bytes_text(plan.archive_bytes)} to fetch; {bytes_text(plan.needed)} of room needed, "
        f"{bytes_text(plan.free)} free at {to}{short}"
    )


def _tell_end(ended: Ended, to: Path) -> None:
    """What was asked for, what is there and what is odd about it, and what failed."""
    from phenovae.screen.bbbc021.downloading import remark_on

    plan = ended.plan
    if not plan.selection.plates:
        typer.echo(f"tables: {', '.join(ended.record.tables) or 'as given'}, in {to}")
        return
    typer.echo(plan.selection.note)
    fetched = [plate for plate in plan.todo if plate not in ended.failed]
    typer.echo(f"plates fetched: {len(fetched)}, there before: {len(plan.done)}, in {to}")
    for plate in [*plan.done, *fetched]:
        told = ended.record.plates[plate]
        if told.missing or told.stray or told.left_out:
            typer.echo(f"  {plate}: {remark_on(told)}")
    if ended.failed:
        typer.echo(f"plates failed: {len(ended.failed)}; the same command tries them again")
        for plate, why in ended.failed.items():
            typer.echo(f"  {plate}: {why}")
